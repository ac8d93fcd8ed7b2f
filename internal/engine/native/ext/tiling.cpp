// From a group of nodes to a list of kernels.
#include <algorithm>
#include <cstring>
#include <sstream>

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
  if (op == "AsType" || op == "Select" || keeps_value(op, last)) {
    return "";
  }
  // It rounds in more places than one.
  bool steps = op == "LogAddExp" && is_half(last);
  return kernel(op, tile_dtype(last)) && !steps ? "" : none(last);
}

// Lowering makes a Tiling. Slots are those of the group's graph.
class Lowering {
 public:
  Lowering(Tiling& t, const Graph& g) : t_(t), g_(g) {
    t_.inputs = g.inputs();
    t_.outputs = g.outputs().size();
    resolve();
    for (size_t i = 0; i < g.inputs(); i++) {
      place_.push_back(i);
      t_.widths.push_back(dtype_[i].size());
    }
    for (auto& c : g.constants()) {
      place_.push_back(t_.widths.size());
      constant(c);
    }
    place_.resize(dtype_.size(), none);
    first_output_ = t_.widths.size();
    output_.resize(dtype_.size(), none);
    for (size_t i = 0; i < t_.outputs; i++) {
      output_[g.outputs()[i]] = first_output_ + i;
      t_.widths.push_back(dtype_[g.outputs()[i]].size());
    }
    t_.last_read_.resize(t_.inputs);
    t_.written_.resize(t_.outputs);
    size_t slot = g.inputs() + g.constants().size();
    for (size_t i = 0; i < g.nodes().size(); i++, slot++) {
      if (root_[slot] == slot) {
        lower(i, slot);
      }
    }
    size_t bytes = 0;
    for (auto w : t_.widths) {
      bytes += w;
    }
    constexpr size_t cache = 32 << 10;
    t_.tile = std::clamp<size_t>(cache / std::max<size_t>(bytes, 1) / 64 * 64, 128, 1024);
  }

 private:
  static constexpr uint32_t none = ~0u;

  // resolve finds the slot that each slot has its value from, since a broadcast
  // is a matter of how an input is read, and the last node that reads each.
  void resolve() {
    for (uint32_t i = 0; i < g_.inputs() + g_.constants().size(); i++) {
      root_.push_back(i);
    }
    for (auto& i : g_.input_specs()) {
      dtype_.push_back(i.dtype);
    }
    for (auto& c : g_.constants()) {
      dtype_.push_back(c.dtype());
    }
    last_.resize(root_.size());
    for (size_t i = 0; i < g_.nodes().size(); i++) {
      auto& n = g_.nodes()[i];
      auto op = op_name(*n.primitive);
      bool spread = op == "Broadcast" || op == "Full";
      root_.push_back(spread ? root_[n.in[0]] : root_.size());
      dtype_.push_back(n.dtypes[0]);
      last_.push_back(i);
      for (auto s : n.in) {
        last_[root_[s]] = i;
      }
    }
  }

  void constant(const array& c) {
    float value = 0;
    uint64_t bits = 0;
    if (c.dtype() == float16) {
      value = static_cast<float>(*c.data<float16_t>());
    } else if (c.dtype() == bfloat16) {
      value = static_cast<float>(*c.data<bfloat16_t>());
    }
    if (is_half(c.dtype())) {
      std::memcpy(&bits, &value, sizeof value);
    } else {
      std::memcpy(&bits, c.data<char>(), c.itemsize());
    }
    t_.constants.push_back(bits);
    t_.widths.push_back(tile_dtype(c.dtype()).size());
  }

  uint32_t take(size_t width) {
    auto& free = free_[width];
    if (!free.empty()) {
      auto r = free.back();
      free.pop_back();
      return r;
    }
    t_.widths.push_back(width);
    return t_.widths.size() - 1;
  }

  void emit(Kernel k, uint32_t dst, std::initializer_list<uint32_t> src) {
    Tiling::Step s{k, dst, {dst, dst, dst}};
    std::copy(src.begin(), src.end(), s.src);
    for (auto p : src) {
      if (p < t_.inputs) {
        t_.last_read_[p] = t_.steps.size();
      }
    }
    if (dst >= first_output_ && dst < first_output_ + t_.outputs) {
      t_.written_[dst - first_output_] = t_.steps.size();
    }
    t_.steps.push_back(s);
  }

  // read returns the place of a slot's value.
  uint32_t read(uint32_t slot) {
    auto& p = place_[slot];
    if (slot < t_.inputs && p < t_.inputs && is_half(dtype_[slot])) {
      uint32_t r = take(4);
      emit(load_kernel(dtype_[slot]), r, {p});
      p = r;
    }
    return p;
  }

  void release(size_t node, const std::vector<uint32_t>& slots) {
    for (auto s : slots) {
      auto p = place_[s];
      if (last_[s] == node && p != none && p >= first_output_ + t_.outputs) {
        free_[t_.widths[p]].push_back(p);
        place_[s] = none;
      }
    }
  }

  void lower(size_t node, uint32_t slot) {
    auto& n = g_.nodes()[node];
    auto op = op_name(*n.primitive);
    auto out = n.dtypes[0];
    std::vector<uint32_t> slots, src;
    for (auto s : n.in) {
      slots.push_back(root_[s]);
      src.push_back(read(root_[s]));
    }
    auto last = dtype_[slots.back()];
    // All but this one have read their arguments when they first write.
    bool late = op == "Sigmoid" && is_half(last);
    uint32_t temporary = late ? take(4) : none;
    if (!late) {
      release(node, slots);
    }
    bool direct = output_[slot] != none && !is_half(out);
    uint32_t dst = direct ? output_[slot] : take(tile_dtype(out).size());
    place_[slot] = dst;
    auto round = [&](uint32_t p) {
      if (is_half(out)) {
        emit(round_kernel(out), p, {p});
      }
    };
    auto in = tile_dtype(last);
    if (late) {
      emit(kernel("Abs", in), temporary, {src[0]});
      emit(kernel("Exp", in), temporary, {temporary});
      round(temporary);
      emit(kernel("SigmoidTail", in), dst, {src[0], temporary});
      free_[4].push_back(temporary);
      release(node, slots);
    } else if (op == "Rsqrt" && is_half(last)) {
      emit(kernel("Sqrt", in), dst, {src[0]});
      round(dst);
      emit(kernel("Reciprocal", in), dst, {dst});
    } else if (op == "Select") {
      emit(select_kernel(tile_dtype(out)), dst, {src[0], src[1], src[2]});
    } else if (op == "AsType" || keeps_value(op, last)) {
      emit(cast_kernel(in, tile_dtype(out)), dst, {src[0]});
    } else if (src.size() == 1) {
      emit(kernel(op, in), dst, {src[0]});
    } else {
      emit(kernel(op, in), dst, {src[0], src[1]});
    }
    round(dst);
    if (output_[slot] != none && !direct) {
      emit(store_kernel(out), output_[slot], {dst});
    }
    if (last_[slot] == node) {
      release(node, {slot}); // only an output
    }
  }

  Tiling& t_;
  const Graph& g_;
  std::vector<uint32_t> root_, place_, output_;
  std::vector<size_t> last_;
  std::vector<Dtype> dtype_;
  std::vector<uint32_t> free_[9];
  uint32_t first_output_ = 0;
};

Tiling::Tiling(const Graph& group) {
  Lowering(*this, group);
}

} // namespace adj
