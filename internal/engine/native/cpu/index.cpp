// adjoint:flags -O3 -ffp-contract=off
// Ops that read or write where indices say.
//
// What is added up at one place is so in the order of the indices, whoever does it:
// a thread takes all indices that lead to its part of the result.
#include <algorithm>
#include <numeric>
#include <type_traits>
#include <vector>

#include "cpu/bytes.h"
#include "cpu/copy.h"
#include "cpu/eager.h"
#include "cpu/pool.h"
#include "ext/tiles.h"

namespace adj::cpu {

using namespace mlx::core;

namespace {

// A thread is worth waking for so many bytes; so many indices are read at once.
constexpr size_t grain = 1 << 15, chunk = 256;

// offsets adds step times each of n indices, from the end where they are negative.
template <class T> ADJ_CLONES void offsets(int64_t* out, const void* from, size_t at, size_t n, int64_t size, int64_t step) {
  auto* x = static_cast<const T*>(from) + at;
  ADJ_LOOP
  for (size_t i = 0; i < n; i++) {
    int64_t v = x[i];
    if constexpr (std::is_signed_v<T>) {
      v += v < 0 ? size : 0;
    }
    out[i] += v * step;
  }
}

using Offsets = void (*)(int64_t* out, const void* from, size_t at, size_t n, int64_t size, int64_t step);

Offsets offsets_of(Dtype d) {
  switch (d.val()) {
    case Dtype::Val::uint8: return offsets<uint8_t>;
    case Dtype::Val::uint16: return offsets<uint16_t>;
    case Dtype::Val::uint32: return offsets<uint32_t>;
    case Dtype::Val::uint64: return offsets<uint64_t>;
    case Dtype::Val::int8: return offsets<int8_t>;
    case Dtype::Val::int16: return offsets<int16_t>;
    case Dtype::Val::int32: return offsets<int32_t>;
    case Dtype::Val::int64: return offsets<int64_t>;
    default: return nullptr;
  }
}

// An Index is an array of indices into an axis.
struct Index {
  Index(array a, int64_t size, int64_t step, const Stream& s)
      : read(offsets_of(a.dtype())), size(size), step(step) {
    data = (a.flags().row_contiguous ? a : contiguous(a, s)).data<char>();
  }
  Offsets read;
  const void* data;
  int64_t size, step;
};

using Indices = std::vector<Index>;

Indices indices_of(const std::vector<array>& in, size_t count, const std::vector<int>& axes, const array& a, const Stream& s) {
  Indices out;
  for (size_t i = 0; i < count; i++) {
    out.emplace_back(in[i + 1], a.shape(axes[i]), a.strides(axes[i]), s);
  }
  return out;
}

// read leaves in out where n indices lead, from number at on.
void read(const Indices& indices, int64_t* out, size_t at, size_t n) {
  std::fill_n(out, n, 0);
  for (auto& i : indices) {
    i.read(out, i.data, at, n, i.size, i.step);
  }
}

// together says whether a slice of a of some sizes is one run of memory.
bool together(const array& a, const Shape& sizes) {
  int64_t stride = 1;
  for (int i = a.ndim() - 1; i >= 0; i--) {
    if (sizes[i] != 1) {
      if (a.strides(i) != stride) {
        return false;
      }
      stride *= sizes[i];
    }
  }
  return true;
}

size_t volume(const Shape& sizes) {
  size_t n = 1;
  for (auto s : sizes) {
    n *= s;
  }
  return n;
}

Eval stock_gather, stock_gather_axis, stock_scatter, stock_scatter_axis;

bool known(const std::vector<array>& inputs, size_t count) {
  return std::all_of(inputs.begin() + 1, inputs.begin() + 1 + count, [](auto& a) { return offsets_of(a.dtype()); });
}

void gather(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& in = inputs[0];
  auto& out = outputs[0];
  auto [axes, sizes] = static_cast<Gather*>(p)->state();
  if (out.size() == 0 || axes.empty() || !known(inputs, axes.size())) {
    stock_gather(p, inputs, outputs);
    return;
  }
  out.set_data(allocator::malloc(out.nbytes()));
  auto s = p->stream();
  array whole(sizes, in.dtype(), nullptr, {});
  perform(s, [indices = indices_of(inputs, axes.size(), axes, in, s), x = in.data<char>(), y = out.data<char>(),
              count = out.size() / volume(sizes), sizes, from = in.strides(), to = whole.strides(),
              size = in.itemsize(), run = volume(sizes) * in.itemsize(), one = together(in, sizes)] {
    split(count, std::max<size_t>(1, grain / run), [&](size_t begin, size_t end) {
      int64_t at[chunk];
      for (size_t c = begin; c < end; c += chunk) {
        size_t n = std::min(chunk, end - c);
        read(indices, at, c, n);
        auto* next = y + c * run;
        if (!one) {
          for (size_t i = 0; i < n; i++) {
            copy(next + i * run, to, x + at[i] * (int64_t)size, from, sizes, size);
          }
        } else if (!of_size(run, [&](auto unit) {
                     for (size_t i = 0; i < n; i++) {
                       move<unit()>(next + i * unit(), x + at[i] * (int64_t)size);
                     }
                   })) {
          for (size_t i = 0; i < n; i++) {
            move(next + i * run, x + at[i] * (int64_t)size, run);
          }
        }
      }
    });
  });
}

// An Update changes n elements by others: those in a row, or those at some places.
struct Update {
  void (*row)(char* to, const char* from, size_t n) = nullptr;
  void (*points)(char* to, const int64_t* at, const char* from, size_t n) = nullptr;
};

template <class T> ADJ_CLONES void add_row(char* to, const char* from, size_t n) {
  auto* y = reinterpret_cast<T*>(to);
  auto* x = reinterpret_cast<const T*>(from);
  ADJ_LOOP
  for (size_t i = 0; i < n; i++) {
    y[i] += x[i];
  }
}

template <class T> void add_points(char* to, const int64_t* at, const char* from, size_t n) {
  auto* y = reinterpret_cast<T*>(to);
  auto* x = reinterpret_cast<const T*>(from);
  for (size_t i = 0; i < n; i++) {
    y[at[i]] += x[i];
  }
}

template <size_t unit> void set_row(char* to, const char* from, size_t n) {
  move(to, from, n * unit);
}

template <size_t unit> void set_points(char* to, const int64_t* at, const char* from, size_t n) {
  for (size_t i = 0; i < n; i++) {
    move<unit>(to + at[i] * unit, from + i * unit);
  }
}

template <class T> constexpr Update adding{add_row<T>, add_points<T>};

Update update_of(bool adds, Dtype d) {
  Update u;
  if (!adds) {
    of_size(d.size(), [&](auto unit) { u = {set_row<unit()>, set_points<unit()>}; });
    return u;
  }
  switch (d.val()) {
    case Dtype::Val::float16: return adding<float16_t>;
    case Dtype::Val::bfloat16: return adding<bfloat16_t>;
    case Dtype::Val::float32: return adding<float>;
    case Dtype::Val::float64: return adding<double>;
    case Dtype::Val::int32: return adding<int32_t>;
    case Dtype::Val::int64: return adding<int64_t>;
    default: return u;
  }
}

void scatter(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& in = inputs[0];
  auto& updates = inputs.back();
  auto& out = outputs[0];
  auto [reduce, axes] = static_cast<Scatter*>(p)->state();
  bool adds = reduce == Scatter::Sum;
  auto update = update_of(adds, out.dtype());
  bool ours = update.row && (adds || reduce == Scatter::None) && !axes.empty() && updates.size() > 0 && known(inputs, axes.size());
  Shape sizes(updates.shape().end() - in.ndim(), updates.shape().end());
  array plain(in.shape(), in.dtype(), nullptr, {});
  // Slices of one place in each axis with indices are the same one or do not touch.
  for (int a : axes) {
    ours = ours && sizes[a] == 1;
  }
  if (!ours || !together(plain, sizes)) {
    stock_scatter(p, inputs, outputs);
    return;
  }
  auto s = p->stream();
  start(in, out, in.flags().row_contiguous, s);
  auto values = updates.flags().row_contiguous ? updates : contiguous(updates, s);
  perform(s, [indices = indices_of(inputs, axes.size(), axes, plain, s), x = values.data<char>(), y = out.data<char>(), update,
              n = volume(sizes), count = updates.size() / volume(sizes), all = (int64_t)out.size(), size = out.itemsize()] {
    // Parts of the slices, or of the result.
    size_t bytes = n * size, parts = count * bytes < 2 * grain || bytes < 32 ? 1 : threads();
    bool columns = bytes >= 256 * parts;
    size_t wide = columns ? ((n + parts - 1) / parts + 15) / 16 * 16 : n;
    int64_t range = columns ? all : (all + parts - 1) / parts;
    each(parts, [&](size_t part) {
      size_t left = columns ? std::min(n, part * wide) : 0, some = std::min(wide, n - left);
      int64_t low = columns ? 0 : part * range, high = low + range;
      int64_t at[chunk];
      for (size_t c = 0; c < count; c += chunk) {
        size_t m = std::min(chunk, count - c);
        read(indices, at, c, m);
        if (n == 1 && parts == 1) {
          update.points(y, at, x + c * size, m);
          continue;
        }
        for (size_t i = 0; i < m; i++) {
          if (at[i] >= low && at[i] < high) {
            update.row(y + (at[i] + left) * size, x + ((c + i) * n + left) * size, some);
          }
        }
      }
    });
  });
}

// A Plane is an array around one axis: the products of the sizes before and behind it.
struct Plane {
  Plane(const array& a, int axis) : size(a.shape(axis)) {
    for (int i = 0; i < axis; i++) {
      before *= a.shape(i);
    }
    for (int i = axis + 1; i < (int)a.ndim(); i++) {
      behind *= a.shape(i);
    }
  }
  size_t before = 1, behind = 1, size;
};

// A Line says where the elements of an array of indices lead along an axis of another
// array, which has the same sizes otherwise.
class Line {
 public:
  Line(const Plane& here, const Plane& there, Index index) : here_(here), there_(there), index_(index) {}

  // read leaves in out the places that n elements lead to, from number at on.
  void read(int64_t* out, size_t at, size_t n) const {
    // Behind the axis is a row of places; where nothing is, all of the axis has one.
    bool last = here_.behind == 1;
    size_t row = last ? here_.size : here_.behind, plane = here_.size * here_.behind, step = there_.size * there_.behind;
    for (size_t i = 0; plane == 1 && i < n; i++) {
      out[i] = (at + i) * step;
    }
    for (size_t i = 0; plane > 1 && i < n;) {
      size_t left = (at + i) % row, some = std::min(n - i, row - left), place = (at + i) / plane * step + (last ? 0 : left);
      if (last) {
        std::fill_n(out + i, some, place);
      } else {
        std::iota(out + i, out + i + some, place);
      }
      i += some;
    }
    index_.read(out, index_.data, at, n, index_.size, index_.step);
  }

 private:
  Plane here_, there_;
  Index index_;
};

template <size_t unit> void get_points(char* to, const int64_t* at, const char* from, size_t n) {
  for (size_t i = 0; i < n; i++) {
    move<unit>(to + i * unit, from + at[i] * unit);
  }
}

void gather_axis(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& in = inputs[0];
  auto& index = inputs[1];
  auto& out = outputs[0];
  int axis = static_cast<GatherAxis*>(p)->state();
  if (out.size() == 0 || !in.flags().row_contiguous || !known(inputs, 1)) {
    stock_gather_axis(p, inputs, outputs);
    return;
  }
  out.set_data(allocator::malloc(out.nbytes()));
  auto s = p->stream();
  Plane here(out, axis), there(in, axis);
  Line line(here, there, Index(index, there.size, there.behind, s));
  perform(s, [line, x = in.data<char>(), y = out.data<char>(), count = out.size(), size = in.itemsize()] {
    split(count, grain / size, [&](size_t begin, size_t end) {
      int64_t at[chunk];
      for (size_t c = begin; c < end; c += chunk) {
        size_t n = std::min(chunk, end - c);
        line.read(at, c, n);
        of_size(size, [&](auto unit) { get_points<unit()>(y + c * unit(), at, x, n); });
      }
    });
  });
}

void scatter_axis(Primitive* p, const std::vector<array>& inputs, std::vector<array>& outputs) {
  auto& in = inputs[0];
  auto& index = inputs[1];
  auto& updates = inputs[2];
  auto& out = outputs[0];
  auto [reduce, axis] = static_cast<ScatterAxis*>(p)->state();
  auto update = update_of(reduce == ScatterAxis::Sum, out.dtype());
  if (!update.row || updates.size() == 0 || updates.shape() != index.shape() || !known(inputs, 1)) {
    stock_scatter_axis(p, inputs, outputs);
    return;
  }
  auto s = p->stream();
  start(in, out, in.flags().row_contiguous, s);
  auto values = updates.flags().row_contiguous ? updates : contiguous(updates, s);
  Plane here(index, axis), there(out, axis);
  Line line(here, there, Index(index, there.size, there.behind, s));
  perform(s, [line, here, update, x = values.data<char>(), y = out.data<char>(), size = out.itemsize()] {
    // Parts are planes, or strips of one: no two lead to the same place.
    size_t plane = here.size * here.behind;
    if (here.behind == 1 || here.before >= 2 * (size_t)threads()) {
      split(here.before, std::max<size_t>(1, grain / (plane * size)), [&](size_t begin, size_t end) {
        int64_t at[chunk];
        for (size_t c = begin * plane; c < end * plane; c += chunk) {
          size_t n = std::min(chunk, end * plane - c);
          line.read(at, c, n);
          update.points(y, at, x + c * size, n);
        }
      });
      return;
    }
    size_t wide = std::min(chunk, here.behind), strips = (here.behind + wide - 1) / wide;
    split(here.before * strips, std::max<size_t>(1, grain / (here.size * wide * size)), [&](size_t begin, size_t end) {
      int64_t at[chunk];
      for (size_t u = begin; u < end; u++) {
        size_t left = u % strips * wide, n = std::min(wide, here.behind - left);
        for (size_t j = 0; j < here.size; j++) {
          size_t c = u / strips * plane + j * here.behind + left;
          line.read(at, c, n);
          update.points(y, at, x + c * size, n);
        }
      }
    });
  });
}

} // namespace

void take_indexing() {
  auto x = zeros({2, 2});
  auto i = zeros({2, 2}, int32), j = zeros({2}, int32);
  stock_gather = take(mlx::core::gather(x, j, 0, {1, 2}), "Gather", gather);
  stock_gather_axis = take(take_along_axis(x, i, 0), "GatherAxis", gather_axis);
  stock_scatter = take(mlx::core::scatter(x, j, zeros({2, 1, 2}), 0), "Scatter", scatter);
  stock_scatter_axis = take(scatter_add_axis(x, i, x, 0), "ScatterAxis Sum", scatter_axis);
}

} // namespace adj::cpu
