// adjoint:flags -O3
// Running a group of elementwise ops, a tile at a time.
#include "ext/fused.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "cpu/pool.h"
#include "mlx/allocator.h"
#include "mlx/backend/cpu/encoder.h"

namespace adj {

using namespace mlx::core;

namespace {

template <class T> void gather(T* dst, const T* src, int64_t stride, size_t n) {
  if (stride == 1) {
    std::memcpy(dst, src, n * sizeof(T));
  } else if (stride == 0) {
    std::fill_n(dst, n, *src);
  } else {
    for (size_t i = 0; i < n; i++) {
      dst[i] = src[(int64_t)i * stride];
    }
  }
}

// copy puts n elements of that many bytes, stride elements apart, at dst.
void copy(char* dst, const char* src, int64_t stride, size_t n, size_t width) {
  switch (width) {
    case 1: return gather((uint8_t*)dst, (const uint8_t*)src, stride, n);
    case 2: return gather((uint16_t*)dst, (const uint16_t*)src, stride, n);
    case 4: return gather((uint32_t*)dst, (const uint32_t*)src, stride, n);
    default: return gather((uint64_t*)dst, (const uint64_t*)src, stride, n);
  }
}

// A Cursor reads an array as if it were broadcast to a shape and contiguous.
class Cursor {
 public:
  Cursor(const array& a, const Shape& to) : data_(a.data<char>()), width_(a.itemsize()) {
    for (size_t i = 0, lead = to.size() - a.ndim(); i < to.size(); i++) {
      if (to[i] == 1) {
        continue;
      }
      int64_t stride = i < lead || a.shape(i - lead) == 1 ? 0 : a.strides(i - lead);
      if (!shape_.empty() && stride_.back() == stride * to[i]) {
        shape_.back() *= to[i];
        stride_.back() = stride;
      } else {
        shape_.push_back(to[i]);
        stride_.push_back(stride);
      }
    }
    at_.resize(shape_.size());
  }

  // period is after how many elements the same come again, 0 if that is not so.
  size_t period() const {
    return shape_.size() == 2 && stride_[0] == 0 ? shape_[1] : 0;
  }

  // seek goes to an element.
  void seek(size_t element) {
    loc_ = 0;
    for (size_t i = shape_.size(); i-- > 0;) {
      at_[i] = i > 0 ? element % shape_[i] : element;
      element /= shape_[i];
      loc_ += at_[i] * stride_[i];
    }
  }

  void read(char* dst, size_t n) {
    while (n > 0) {
      size_t k = std::min<size_t>(n, shape_.back() - at_.back());
      copy(dst, data_ + loc_ * (int64_t)width_, stride_.back(), k, width_);
      size_t again = repeat(dst, k, n);
      dst += again * k * width_;
      n -= again * k;
      advance(k);
    }
  }

 private:
  // repeat goes on with what the k elements at dst are to be followed by as long as that
  // is the same, and returns how often they are there then. It needs n elements.
  size_t repeat(char* dst, size_t k, size_t n) {
    size_t axis = shape_.size() - 1;
    if (axis == 0 || (int64_t)k != shape_[axis] || stride_[axis - 1] != 0) {
      return 1;
    }
    size_t times = std::min<size_t>(n / k, shape_[axis - 1] - at_[axis - 1]);
    for (size_t have = 1; have < times; have *= 2) {
      std::memcpy(dst + have * k * width_, dst, std::min(have, times - have) * k * width_);
    }
    at_[axis - 1] += times - 1;
    return times;
  }

  void advance(int64_t k) {
    size_t i = shape_.size() - 1;
    at_[i] += k;
    loc_ += k * stride_[i];
    while (at_[i] == shape_[i] && i > 0) {
      loc_ -= at_[i] * stride_[i];
      at_[i] = 0;
      i--;
      at_[i]++;
      loc_ += stride_[i];
    }
  }

  const char* data_;
  size_t width_;
  mlx::core::Strides shape_, stride_, at_; // which need no memory of their own
  int64_t loc_ = 0;
};

// scratch is memory of this thread for a tile of each place, by 64 bytes.
char* scratch(size_t bytes) {
  static thread_local std::unique_ptr<char[]> memory;
  static thread_local size_t size = 0;
  if (bytes > size) {
    memory.reset(new char[bytes + 64]);
    size = bytes;
  }
  return memory.get() + (64 - (uintptr_t)memory.get() % 64);
}

// A Run is one evaluation of a tiling on given memory.
struct Run {
  std::shared_ptr<const Tiling> tiling;
  size_t rows; // of one element, where nothing is reduced
  // By place: inputs that are one value, that lie in order, that are read with a
  // cursor; and the outputs, which lie in order.
  std::vector<std::pair<size_t, const char*>> single, ordered;
  std::vector<std::pair<size_t, Cursor>> read;

  void set(std::shared_ptr<const Tiling> t, size_t n) {
    tiling = std::move(t);
    rows = n;
    single.clear();
    ordered.clear();
    read.clear();
  }

  void operator()() const {
    auto& t = *tiling;
    // A thread is worth waking for about 10 µs of work.
    constexpr size_t least = 1 << 17;
    size_t tile = std::max<size_t>(1, t.tile / t.row());
    // What comes again after some vectors is read once for all tiles, if it fits them.
    constexpr size_t vector = 16;
    for (auto& [p, cursor] : read) {
      if (size_t period = cursor.period(); period > 0 && period % vector == 0 && t.row() == 1 && period <= tile) {
        tile -= tile % period;
      }
    }
    size_t grain = (least / (8 + 4 * t.steps.size()) / (tile * t.row()) + 1) * tile;
    cpu::split(rows, grain, [&](size_t begin, size_t end) { range(begin, end, std::min(tile, end - begin)); });
  }

 private:
  void range(size_t begin, size_t end, size_t tile) const {
    auto& t = *tiling;
    size_t places = t.places.size(), row = t.row(), bytes = 0;
    auto room = [&](size_t p) { return (t.places[p].width * tile * (t.places[p].narrow ? 1 : row) + 63) / 64 * 64; };
    for (size_t p = 0; p < places; p++) {
      bytes += room(p);
    }
    size_t table = (places * sizeof(char*) + 63) / 64 * 64;
    auto* memory = scratch(table + bytes);
    auto** at = reinterpret_cast<char**>(memory);
    memory += table;
    for (size_t p = 0; p < places; p++) {
      at[p] = memory;
      memory += room(p);
    }
    auto per = [&](size_t p) { return t.places[p].narrow ? 1 : row; };
    auto repeat = [&](size_t p, const char* value) { copy(at[p], value, 0, tile * per(p), t.places[p].width); };
    for (auto& c : t.constants) {
      repeat(c.place, reinterpret_cast<const char*>(&c.bits));
    }
    for (auto& [p, data] : single) {
      repeat(p, data);
    }
    auto cursors = read;
    for (auto& [p, cursor] : cursors) {
      cursor.seek(begin * per(p));
    }
    for (size_t start = begin; start < end; start += tile) {
      size_t n = std::min(tile, end - start);
      for (auto& [p, data] : ordered) {
        at[p] = const_cast<char*>(data) + start * per(p) * t.places[p].width;
      }
      // While this tile is computed the next one comes. Rows come quickly enough.
      for (auto& [p, data] : ordered) {
        auto* next = at[p] + n * t.places[p].width;
        size_t more = row == 1 ? std::min(tile, end - start - n) * t.places[p].width : 0;
        for (size_t b = 0; b < more; b += 64) {
          __builtin_prefetch(next + b);
        }
      }
      for (auto& [p, cursor] : cursors) {
        size_t period = cursor.period();
        if (start == begin || period == 0 || tile * per(p) % period != 0) {
          cursor.read(at[p], n * per(p));
        }
      }
      for (auto& s : t.steps) {
        if (s.run) {
          s.run(at[s.dst], at[s.src[0]], at[s.src[1]], at[s.src[2]], s.narrow ? n : n * row);
        } else {
          s.along(at[s.dst], at[s.src[0]], at[s.src[1]], n, row);
        }
      }
    }
  }
};

// single says whether all elements of an array are one in memory.
bool single(const array& a) {
  for (size_t i = 0; i < a.ndim(); i++) {
    if (a.shape(i) != 1 && a.strides(i) != 0) {
      return false;
    }
  }
  return true;
}

// donate gives an output the memory of an input that nothing else needs.
bool donate(const array& in, array& out) {
  constexpr size_t extra = 16384; // what MLX lets a buffer be too large by
  if (!in.is_donatable() || in.itemsize() != out.itemsize() || in.size() != out.size() ||
      in.buffer_size() > out.nbytes() + extra) {
    return false;
  }
  out.copy_shared_buffer(in, in.strides(), in.flags(), in.data_size());
  return true;
}

} // namespace

Fused::Fused(Stream s, Graph group)
    : Primitive(s), group_(std::move(group)), tiling_(std::make_shared<Tiling>(group_)) {}

void compute(
    const std::shared_ptr<const Tiling>& tiling, const Stream& s, const std::vector<array>& inputs,
    std::vector<array>& outputs) {
  auto& t = *tiling;
  auto& shape = t.full.empty() ? outputs[0].shape() : t.full;
  auto narrow = narrowed(t.full);
  auto shape_of = [&](uint32_t place) -> const Shape& { return t.places[place].narrow ? narrow : shape; };
  size_t size = 1;
  for (auto d : shape) {
    size *= d;
  }
  // What runs at once need not be allocated each time.
  static thread_local Run here;
  Run later;
  auto& run = tasks_run_here() ? here : later;
  run.set(tiling, size / std::max<size_t>(t.row(), 1));
  // Inputs that all lie in the same dense order are read, and the outputs
  // written, in that order, be it by rows or by columns.
  const array* full = nullptr;
  bool rows = true, columns = t.full.empty();
  for (auto& in : inputs) {
    if (single(in)) {
      continue;
    }
    bool same = in.shape() == shape;
    rows = rows && same && in.flags().row_contiguous;
    columns = columns && same && in.flags().col_contiguous;
    full = &in;
  }
  auto placed = [](const array& out) { return out.data_shared_ptr() && out.flags().row_contiguous; };
  bool by_columns = full && columns && !rows && std::none_of(outputs.begin(), outputs.end(), placed);
  std::vector<bool> given(inputs.size());
  for (size_t o = 0; o < outputs.size(); o++) {
    auto& out = outputs[o];
    bool done = placed(out);
    for (size_t i = 0; i < inputs.size() && !done; i++) {
      auto& in = inputs[i];
      bool ordered = in.shape() == out.shape() && in.data_size() == in.size() &&
          (by_columns ? in.flags().col_contiguous : in.flags().row_contiguous);
      done = ordered && !given[i] && in.size() > 1 && t.may_share(i, o) && donate(in, out);
      given[i] = given[i] || done;
    }
    if (!done && by_columns) {
      out.set_data(allocator::malloc(out.nbytes()), out.size(), full->strides(), full->flags());
    } else if (!done) {
      out.set_data(allocator::malloc(out.nbytes()));
    }
    run.ordered.emplace_back(t.outputs[o], out.data<char>());
  }
  if (size == 0) {
    return;
  }
  for (auto& s : t.sources) {
    auto& in = inputs[s.index];
    auto& to = shape_of(s.place);
    if (single(in)) {
      run.single.emplace_back(s.place, in.data<char>());
    } else if (by_columns || (in.flags().row_contiguous && in.size() == (t.places[s.place].narrow ? run.rows : size))) {
      run.ordered.emplace_back(s.place, in.data<char>());
    } else {
      run.read.emplace_back(s.place, Cursor(in, to));
    }
  }
  if (tasks_run_here()) {
    here();
  } else {
    mlx::core::cpu::get_command_encoder(s).dispatch(std::move(later));
  }
}

void Fused::eval_cpu(const std::vector<array>& inputs, std::vector<array>& outputs) {
  compute(tiling_, stream(), inputs, outputs);
}

void Fused::eval_gpu(const std::vector<array>&, std::vector<array>&) {
  throw std::runtime_error("[Fused] is an op of the CPU");
}

std::vector<array> Fused::vjp(
    const std::vector<array>& primals, const std::vector<array>& cotangents,
    const std::vector<int>& argnums, const std::vector<array>&) {
  auto repeat = [this](const std::vector<array>& in) { return group_.run(in, false); };
  auto grads = mlx::core::vjp(repeat, primals, cotangents).second;
  std::vector<array> wanted;
  for (auto i : argnums) {
    wanted.push_back(grads[i]);
  }
  return wanted;
}

std::vector<array> Fused::jvp(
    const std::vector<array>& primals, const std::vector<array>& tangents,
    const std::vector<int>& argnums) {
  auto all = primals;
  auto repeat = [&](const std::vector<array>& in) {
    for (size_t i = 0; i < argnums.size(); i++) {
      all[argnums[i]] = in[i];
    }
    return group_.run(all, false);
  };
  std::vector<array> moving;
  for (auto i : argnums) {
    moving.push_back(primals[i]);
  }
  return mlx::core::jvp(repeat, moving, tangents).second;
}

std::pair<std::vector<array>, std::vector<int>> Fused::vmap(
    const std::vector<array>& inputs, const std::vector<int>& axes) {
  std::vector<array> placeholders;
  std::vector<Batched> batched;
  for (size_t i = 0; i < inputs.size(); i++) {
    auto& s = group_.input_specs()[i];
    placeholders.push_back(array(s.shape, s.dtype, nullptr, {}));
    placeholders.back().set_tracer(true);
    batched.push_back({inputs[i], axes[i]});
  }
  std::pair<std::vector<array>, std::vector<int>> result;
  for (auto& r : vectorize(batched, placeholders, group_.run(placeholders, false))) {
    result.first.push_back(r.value);
    result.second.push_back(r.axis);
  }
  return result;
}

bool Fused::is_equivalent(const Primitive& other) const {
  return group_.difference(static_cast<const Fused&>(other).group_).empty();
}

std::vector<Shape> Fused::output_shapes(const std::vector<array>&) {
  std::vector<Shape> shapes;
  for (auto o : group_.outputs()) {
    shapes.push_back(group_.nodes()[o - group_.inputs() - group_.constants().size()].shapes[0]);
  }
  return shapes;
}

} // namespace adj
