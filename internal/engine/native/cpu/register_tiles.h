// Register tiles of convolutions, for one kind of processor: this is included once for
// each, in a namespace of its own, with ADJ_LANES floats to a vector. Nothing here may be
// compiled outside of these, since a vector that the processor does not have is taken apart.

typedef float Vec __attribute__((vector_size(ADJ_LANES * sizeof(float))));
typedef float Loose __attribute__((vector_size(ADJ_LANES * sizeof(float)), aligned(4), may_alias));

template <int P, int V> void pixels(const Pixels& s) {
  constexpr int lanes = ADJ_LANES;
  Vec acc[P][V];
  for (int p = 0; p < P; p++) {
    for (int v = 0; v < V; v++) {
      acc[p][v] = s.more ? (Vec)*(const Loose*)(s.out + p * s.out_apart + v * lanes) : Vec{};
    }
  }
  auto* w = s.weights;
  for (int r = 0; r < s.runs; r++) {
    auto* x = s.in + s.at[r];
    for (int t = 0; t < s.length; t++, x++, w += V * lanes) {
      Vec b[V];
      for (int v = 0; v < V; v++) {
        b[v] = *(const Loose*)(w + v * lanes);
      }
      for (int p = 0; p < P; p++) {
        float a = x[p * s.apart];
        for (int v = 0; v < V; v++) {
          acc[p][v] += a * b[v];
        }
      }
    }
  }
  for (int p = 0; p < P; p++) {
    for (int v = 0; v < V; v++) {
      *(Loose*)(s.out + p * s.out_apart + v * lanes) = acc[p][v];
    }
  }
}

template <int J, int V> void taps(const Taps& s) {
  constexpr int lanes = ADJ_LANES;
  Vec acc[J][V];
  for (int j = 0; j < J; j++) {
    for (int v = 0; v < V; v++) {
      acc[j][v] = Vec{};
    }
  }
  for (int k = 0; k < s.images; k++) {
    for (int r = 0; r < s.rows; r++) {
      auto *x = s.in + k * s.in_image + r * s.in_row, *y = s.by + k * s.by_image + r * s.by_row;
      for (int i = 0; i < s.count; i++, x += s.in_apart, y += s.by_apart) {
        Vec b[V];
        for (int v = 0; v < V; v++) {
          b[v] = *(const Loose*)(y + v * lanes);
        }
        for (int j = 0; j < J; j++) {
          for (int v = 0; v < V; v++) {
            acc[j][v] += x[j] * b[v];
          }
        }
      }
    }
  }
  for (int j = 0; j < J; j++) {
    for (int v = 0; v < V; v++) {
      Loose* to = (Loose*)(s.sums + j * s.sums_apart + v * lanes); // auto would lose its alignment
      *to = s.more ? (Vec)*to + acc[j][v] : acc[j][v];
    }
  }
}

constexpr Tiles tiles{
    ADJ_LANES, {12, ADJ_LANES == 16 ? 8 : 6},
    {{pixels<1, 1>, pixels<2, 1>, pixels<3, 1>, pixels<4, 1>, pixels<5, 1>, pixels<6, 1>, pixels<7, 1>, pixels<8, 1>,
      pixels<9, 1>, pixels<10, 1>, pixels<11, 1>, pixels<12, 1>},
     {pixels<1, 2>, pixels<2, 2>, pixels<3, 2>, pixels<4, 2>, pixels<5, 2>, pixels<6, 2>, pixels<7, 2>, pixels<8, 2>}},
    {{taps<1, 1>, taps<2, 1>, taps<3, 1>, taps<4, 1>, taps<5, 1>, taps<6, 1>, taps<7, 1>, taps<8, 1>,
      taps<9, 1>, taps<10, 1>, taps<11, 1>, taps<12, 1>},
     {taps<1, 2>, taps<2, 2>, taps<3, 2>, taps<4, 2>, taps<5, 2>, taps<6, 2>, taps<7, 2>, taps<8, 2>}}};
