// From a group of nodes to a list of kernels.
#include <algorithm>
#include <cstring>
#include <sstream>

#include "cpu/eager.h"
#include "ext/fused.h"

namespace adj {

using namespace mlx::core;

static bool is_half(Dtype d) {
  return d == float16 || d == bfloat16;
}

// keeps_value says whether an op returns its argument as it is.
static bool keeps_value(std::string_view op, Dtype d) {
  bool whole = !issubdtype(d, inexact);
  return ((op == "Ceil" || op == "Floor" || op == "Round") && whole) ||
      (op == "Abs" && (d == bool_ || issubdtype(d, unsignedinteger))) ||
      (op == "Sign" && d == bool_);
}

bool elementwise(const Graph::Node& n) {
  auto op = op_name(*n.primitive);
  return !op.empty() &&
      (op == "Select" || op == "AsType" || kernel(op, float32) || kernel(op, int32) ||
       kernel(op, bool_));
}

std::string has_tiles(const Graph::Node& n, const std::vector<Dtype>& in) {
  auto op = op_name(*n.primitive);
  auto none = [&](Dtype d) {
    std::ostringstream os;
    os << "there is no fused " << op << " of " << d;
    return os.str();
  };
  for (auto d : in) {
    if (d == complex64) {
      return none(d);
    }
  }
  auto out = n.dtypes[0], last = in.back();
  if (out == complex64) {
    return none(out);
  }
  if (!elementwise(n)) {
    return out == last && fold_kernel("Sum", tile_dtype(last)) ? "" : none(last);
  }
  if (op == "AsType" || op == "Select" || keeps_value(op, last)) {
    return "";
  }
  // It rounds in more places than one.
  bool steps = op == "LogAddExp" && is_half(last);
  return kernel(op, tile_dtype(last)) && !steps ? "" : none(last);
}

Shape narrowed(Shape full) {
  if (!full.empty()) {
    full.back() = 1;
  }
  return full;
}

// A row is at most so long, that all places of a tile stay in the cache.
constexpr int longest_row = 8192;

bool fits(const Shape& full) {
  // MLX's reductions put their results together in other ways.
  if (cpu::all_stock() || full.empty() || full.back() < 2 || full.back() > longest_row) {
    return false;
  }
  size_t rows = 1;
  for (size_t i = 0; i + 1 < full.size(); i++) {
    rows *= full[i];
  }
  return rows >= 8 || rows * full.back() <= 1 << 14;
}

bool in_two_steps(const Shape& in, const std::vector<int>& axes, Dtype d) {
  constexpr int least = 64; // of a row
  if (!(d == float32 || d == float64) || !fits(in) || in.back() < least) {
    return false;
  }
  // The axes are the last ones, and several.
  int several = 0;
  bool last = true;
  for (int i = in.size(); i-- > 0;) {
    if (in[i] == 1) {
      continue;
    }
    bool reduced = std::count(axes.begin(), axes.end(), i) > 0;
    if (reduced && !last) {
      return false;
    }
    last = reduced;
    several += reduced;
  }
  return several > 1;
}

bool by_rows(const Graph::Node& n, const Shape& in) {
  auto op = op_name(*n.primitive);
  if (auto* r = n.reduces ? static_cast<Reduce*>(n.primitive.get()) : nullptr) {
    auto axes = r->state().second;
    return axes.size() == 1 && axes[0] == (int)in.size() - 1 && fold_kernel(op, float32);
  }
  return (op == "Softmax" || op == "LogSumExp") && n.in.size() == 1 && !in.empty();
}

// Lowering makes a Tiling. Slots are those of the group's graph.
class Lowering {
 public:
  Lowering(Tiling& t, const Graph& g) : t_(t), g_(g) {
    resolve();
    for (auto& p : place_) {
      p.resize(root_.size(), none);
    }
    output_.resize(root_.size(), none);
    for (auto o : g.outputs()) {
      output_[o] = t_.places.size();
      t_.outputs.push_back(t_.places.size());
      t_.places.push_back({(uint8_t)dtype_[o].size(), narrow(o)});
    }
    t_.last_read_.resize(g.inputs());
    t_.written_.resize(t_.outputs.size());
    size_t slot = g.inputs() + g.constants().size();
    for (size_t i = 0; i < g.nodes().size(); i++, slot++) {
      if (root_[slot] == slot) {
        lower(i, slot);
      }
    }
    size_t bytes = 0;
    for (auto& p : t_.places) {
      bytes += p.narrow ? 0 : p.width;
    }
    // What is narrow is computed for all rows of a tile at once, so that some more of them
    // pay for leaving the first cache.
    size_t cache = t_.full.empty() ? 32 << 10 : 64 << 10, most = t_.full.empty() ? 1024 : 4096;
    t_.tile = std::clamp<size_t>(cache / std::max<size_t>(bytes, 1) / 64 * 64, 128, most);
  }

 private:
  static constexpr uint32_t none = ~0u;

  // resolve finds the slot that each slot has its value from, since a broadcast
  // is a matter of how a value is read, and the last node that reads each.
  void resolve() {
    for (auto& i : g_.input_specs()) {
      root_.push_back(root_.size());
      dtype_.push_back(i.dtype);
      shape_.push_back(&i.shape);
    }
    for (auto& c : g_.constants()) {
      root_.push_back(root_.size());
      dtype_.push_back(c.dtype());
      shape_.push_back(&c.shape());
    }
    last_.resize(root_.size());
    const Shape* widest = nullptr;
    bool rows = false;
    for (size_t i = 0; i < g_.nodes().size(); i++) {
      auto& n = g_.nodes()[i];
      auto op = op_name(*n.primitive);
      bool spread = op == "Broadcast" || op == "Full";
      root_.push_back(spread ? root_[n.in[0]] : root_.size());
      dtype_.push_back(n.dtypes[0]);
      shape_.push_back(&n.shapes[0]);
      last_.push_back(i);
      for (auto s : n.in) {
        last_[root_[s]] = i;
      }
      auto* whole = by_rows(n, *shape_[n.in[0]]) ? shape_[n.in[0]] : nullptr;
      rows = rows || whole;
      for (auto* s : {whole, spread ? nullptr : shape_.back()}) {
        if (!s) {
          continue;
        }
        rows = rows || (widest && *widest != *s);
        widest = !widest || (!s->empty() && s->back() > widest->back()) ? s : widest;
      }
    }
    if (rows) {
      t_.full = *widest;
    }
  }

  // narrow says whether the value of a slot is one element for each row.
  bool narrow(uint32_t slot) const {
    return !t_.full.empty() && *shape_[slot] == narrowed(t_.full);
  }

  uint64_t bits(const array& c) const {
    uint64_t bits = 0;
    if (is_half(c.dtype())) {
      float value = c.dtype() == float16 ? static_cast<float>(*c.data<float16_t>()) : static_cast<float>(*c.data<bfloat16_t>());
      std::memcpy(&bits, &value, sizeof value);
    } else {
      std::memcpy(&bits, c.data<char>(), c.itemsize());
    }
    return bits;
  }

  // take returns a register.
  uint32_t take(size_t width, bool narrow) {
    auto& free = free_[narrow][width];
    if (!free.empty()) {
      auto r = free.back();
      free.pop_back();
      return r;
    }
    registers_.resize(t_.places.size());
    registers_.push_back(true);
    t_.places.push_back({(uint8_t)width, narrow});
    return t_.places.size() - 1;
  }

  void add(Tiling::Step s, std::initializer_list<uint32_t> src) {
    std::copy(src.begin(), src.end(), s.src);
    for (auto p : src) {
      for (auto& in : t_.sources) {
        if (in.place == p) {
          t_.last_read_[in.index] = t_.steps.size();
        }
      }
    }
    for (size_t o = 0; o < t_.outputs.size(); o++) {
      if (t_.outputs[o] == s.dst) {
        t_.written_[o] = t_.steps.size();
      }
    }
    t_.steps.push_back(s);
  }

  void emit(Kernel k, uint32_t dst, std::initializer_list<uint32_t> src) {
    add({k, nullptr, dst, {dst, dst, dst}, t_.places[dst].narrow}, src);
  }
  void emit(RowKernel k, uint32_t dst, std::initializer_list<uint32_t> src) {
    add({nullptr, k, dst, {dst, dst, dst}, false}, src);
  }

  // read returns the place of a slot's value, narrow or not.
  uint32_t read(uint32_t slot, bool as_narrow) {
    auto& p = place_[as_narrow][slot];
    if (p != none) {
      return p;
    }
    size_t inputs = g_.inputs(), values = inputs + g_.constants().size();
    auto d = dtype_[slot];
    if (slot >= values) { // it is narrow: a node that is not computes it with its place
      p = take(tile_dtype(d).size(), false);
      emit(spread_kernel(tile_dtype(d).size()), p, {place_[true][slot]});
      return p;
    }
    p = t_.places.size();
    if (slot >= inputs) {
      t_.places.push_back({(uint8_t)tile_dtype(d).size(), as_narrow});
      t_.constants.push_back({bits(g_.constants()[slot - inputs]), p});
      return p;
    }
    t_.places.push_back({(uint8_t)d.size(), as_narrow});
    t_.sources.push_back({slot, p});
    if (is_half(d)) {
      uint32_t r = take(4, as_narrow);
      emit(load_kernel(d), r, {p});
      place_[as_narrow][slot] = r;
    }
    return place_[as_narrow][slot];
  }

  void let_go(uint32_t place) {
    if (place < registers_.size() && registers_[place]) {
      auto& p = t_.places[place];
      free_[p.narrow][p.width].push_back(place);
    }
  }

  void release(size_t node, const std::vector<uint32_t>& slots) {
    for (auto s : slots) {
      for (auto& place : place_) {
        if (last_[s] == node && place[s] != none) {
          let_go(place[s]);
          place[s] = none;
        }
      }
    }
  }

  void round(Dtype d, uint32_t place) {
    if (is_half(d)) {
      emit(round_kernel(d), place, {place});
    }
  }

  void lower(size_t node, uint32_t slot) {
    auto& n = g_.nodes()[node];
    auto out = n.dtypes[0];
    std::vector<uint32_t> slots;
    for (auto s : n.in) {
      slots.push_back(root_[s]);
    }
    bool direct = output_[slot] != none && !is_half(out);
    auto result = [&] { // what a node reads may be let go before it writes
      uint32_t dst = direct ? output_[slot] : take(tile_dtype(out).size(), narrow(slot));
      place_[narrow(slot)][slot] = dst;
      return dst;
    };
    uint32_t dst = by_rows(n, *shape_[n.in[0]]) ? lower_rows(node, n, slots, result) : lower_points(node, n, slots, narrow(slot), result);
    round(out, dst);
    if (output_[slot] != none && !direct) {
      emit(store_kernel(out), output_[slot], {dst});
    }
    if (last_[slot] == node) {
      release(node, {slot}); // only an output
    }
  }

  template <class F>
  uint32_t lower_rows(size_t node, const Graph::Node& n, const std::vector<uint32_t>& slots, F result) {
    auto op = op_name(*n.primitive);
    auto d = tile_dtype(n.dtypes[0]);
    auto x = read(slots[0], false);
    if (op != "Softmax" && op != "LogSumExp") {
      auto dst = result();
      emit(fold_kernel(op, d), dst, {x});
      release(node, slots);
      return dst;
    }
    auto high = take(d.size(), true), e = take(d.size(), false);
    emit(fold_kernel("Max", d), high, {x});
    emit(along_kernel("Subtract", d), e, {x, high});
    release(node, slots);
    emit(kernel("Exp", d), e, {e});
    if (op == "Softmax") {
      emit(fold_kernel("Sum", d), high, {e});
      emit(kernel("Reciprocal", d), high, {high});
      auto dst = result();
      emit(along_kernel("Multiply", d), dst, {e, high});
      let_go(high), let_go(e);
      return dst;
    }
    auto sum = take(d.size(), true);
    emit(fold_kernel("Sum", d), sum, {e});
    auto dst = result();
    emit(kernel("LogSumTail", d), dst, {sum, high});
    let_go(high), let_go(e), let_go(sum);
    return dst;
  }

  // along says whether a node that is not narrow reads one that is as its second
  // argument, by a kernel that takes it as it is. It may turn the arguments around.
  RowKernel along(const Graph::Node& n, std::vector<uint32_t>& slots, Dtype in) const {
    auto k = slots.size() == 2 ? along_kernel(op_name(*n.primitive), in) : nullptr;
    if (!k) {
      return nullptr;
    }
    auto op = op_name(*n.primitive);
    if (narrow(slots[0]) && !narrow(slots[1]) && (op == "Add" || op == "Multiply")) {
      std::swap(slots[0], slots[1]);
    }
    return narrow(slots[1]) && !narrow(slots[0]) ? k : nullptr;
  }

  template <class F>
  uint32_t lower_points(size_t node, const Graph::Node& n, std::vector<uint32_t> slots, bool as_narrow, F result) {
    auto op = op_name(*n.primitive);
    auto last = dtype_[slots.back()], out = n.dtypes[0], in = tile_dtype(last);
    auto row = as_narrow ? nullptr : along(n, slots, in);
    std::vector<uint32_t> src;
    for (size_t i = 0; i < slots.size(); i++) {
      src.push_back(read(slots[i], as_narrow || (row && i == 1)));
    }
    // All but this one have read their arguments when they first write.
    bool late = op == "Sigmoid" && is_half(last);
    uint32_t temporary = late ? take(4, as_narrow) : none;
    if (!late) {
      release(node, slots);
    }
    auto dst = result();
    if (row) {
      emit(row, dst, {src[0], src[1]});
    } else if (late) {
      emit(kernel("Abs", in), temporary, {src[0]});
      emit(kernel("Exp", in), temporary, {temporary});
      round(out, temporary);
      emit(kernel("SigmoidTail", in), dst, {src[0], temporary});
      let_go(temporary);
      release(node, slots);
    } else if (op == "Rsqrt" && is_half(last)) {
      emit(kernel("Sqrt", in), dst, {src[0]});
      round(out, dst);
      emit(kernel("Reciprocal", in), dst, {dst});
    } else if (op == "Select") {
      emit(select_kernel(tile_dtype(out)), dst, {src[0], src[1], src[2]});
    } else if (op == "AsType" || keeps_value(op, last)) {
      emit(cast_kernel(in, tile_dtype(out)), dst, {src[0]});
    } else if (!(out == float32 && last == float32 && joined(op, dst, src))) {
      src.size() == 1 ? emit(kernel(op, in), dst, {src[0]}) : emit(kernel(op, in), dst, {src[0], src[1]});
      if (out == float32 && last == float32) {
        last_op_ = op, last_step_ = t_.steps.size();
      }
    }
    return dst;
  }

  // joined makes one step of an op and the one before, if this reads what that left in
  // a register and nothing else does.
  bool joined(std::string_view op, uint32_t dst, const std::vector<uint32_t>& src) {
    if (t_.steps.empty() || last_step_ != t_.steps.size()) {
      return false;
    }
    auto before = t_.steps.back();
    auto t = before.dst;
    auto& free = free_[t_.places[t].narrow][t_.places[t].width];
    bool turned = src.size() == 2 && src[1] == t;
    if (!(t < registers_.size() && registers_[t]) || !(dst == t || std::count(free.begin(), free.end(), t)) ||
        (src[0] == t) == turned) {
      return false;
    }
    auto k = pair_kernel(last_op_, op, turned);
    if (!k) {
      return false;
    }
    t_.steps.pop_back();
    auto other = src.size() == 1 ? before.src[0] : src[turned ? 0 : 1];
    emit(k, dst, {before.src[0], before.src[1], other});
    last_step_ = 0;
    return true;
  }

  Tiling& t_;
  const Graph& g_;
  std::vector<uint32_t> root_, output_, place_[2]; // place_: in full, narrow
  std::vector<size_t> last_;
  std::vector<Dtype> dtype_;
  std::vector<const Shape*> shape_;
  std::vector<bool> registers_; // by place
  std::string_view last_op_; // of the last step, if that is one of float32 alone
  size_t last_step_ = 0;
  std::vector<uint32_t> free_[2][9];
};

Tiling::Tiling(const Graph& group) {
  Lowering(*this, group);
}

} // namespace adj
