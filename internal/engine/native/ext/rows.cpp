#include "ext/rows.h"

#include <algorithm>
#include <exception>
#include <numeric>

#include "cpu/blas.h"
#include "cpu/copy.h"
#include "cpu/eager.h"
#include "cpu/matrices.h"
#include "cpu/pool.h"
#include "ext/fused.h"
#include "ext/inline.h"

namespace adj {

using namespace mlx::core;

std::shared_ptr<const Rows> Rows::of(std::shared_ptr<const Graph> step, const Layout& l) {
  std::shared_ptr<Rows> r(new Rows(std::move(step), l));
  return !cpu::all_stock() && r->analyse() ? r : nullptr;
}

bool Rows::analyse() {
  auto& g = *step_;
  size_t given = l_.carried + l_.sliced;
  if (given == 0 || l_.length == 0 || g.input_specs()[0].shape.empty()) {
    return false;
  }
  rows_ = g.input_specs()[0].shape[0];
  for (auto& in : g.input_specs()) {
    bool by_row = shapes_.size() < given;
    if (by_row && (in.shape.empty() || in.shape[0] != rows_)) {
      return false;
    }
    shapes_.push_back(in.shape);
    dtypes_.push_back(in.dtype);
    use_.push_back(by_row ? ROWS : UNUSED);
  }
  for (auto& c : g.constants()) {
    shapes_.push_back(c.shape());
    dtypes_.push_back(c.dtype());
    use_.push_back(UNUSED);
  }
  from_ = std::vector<uint32_t>(use_.size());
  std::iota(from_.begin(), from_.end(), 0);
  places_.resize(use_.size());
  for (auto& n : g.nodes()) {
    if (!add(n)) {
      return false;
    }
    for (size_t i = 0; i < n.shapes.size(); i++) {
      if (n.shapes[i].empty() || n.shapes[i][0] != rows_) {
        return false;
      }
      shapes_.push_back(n.shapes[i]);
      dtypes_.push_back(n.dtypes[i]);
      bool part = op_name(*n.primitive) == "Split";
      from_.push_back(part ? from_[n.in[0]] : use_.size());
      places_.push_back(nodes_.back().places);
      use_.push_back(ROWS);
    }
  }
  uses_.resize(use_.size());
  multiplied_.resize(use_.size());
  for (auto& n : g.nodes()) {
    for (auto i : n.in) {
      uses_[i]++;
    }
  }
  for (auto o : g.outputs()) {
    uses_[o]++;
    if (use_[o] != ROWS) {
      return false;
    }
  }
  place();
  return true;
}

// reads says whether what is broadcast to the shape of a result is read row by row, or is
// the same for all rows.
bool Rows::reads(uint32_t slot, const Shape& result) {
  auto& shape = shapes_[slot];
  auto use = shape.size() == result.size() && shape[0] == rows_ ? ROWS : WHOLE;
  if (use == WHOLE && shape.size() == result.size() && shape[0] != 1) {
    return false;
  }
  use_[slot] = use_[slot] == UNUSED ? use : use_[slot];
  return use_[slot] == use;
}

bool Rows::whole(uint32_t slot) {
  use_[slot] = use_[slot] == UNUSED ? WHOLE : use_[slot];
  return use_[slot] == WHOLE;
}

// multiplies says whether a product may read a factor without a copy, and that an input
// is one.
bool Rows::multiplies(uint32_t slot) {
  slot = from_[slot];
  size_t inputs = step_->inputs() + step_->constants().size();
  multiplied_.resize(use_.size());
  multiplied_[slot] = true;
  return slot < inputs || places_[slot];
}

bool Rows::add(const Graph::Node& n) {
  auto op = op_name(*n.primitive);
  auto& shape = n.shapes[0];
  if (shape.empty() || shape[0] != rows_) {
    return false;
  }
  auto all = [&] { return std::all_of(n.in.begin(), n.in.end(), [&](uint32_t s) { return reads(s, shape); }); };
  size_t size = 1;
  for (auto d : shape) {
    size *= d;
  }
  if (auto* f = dynamic_cast<Fused*>(n.primitive.get())) {
    for (auto& inner : f->group().nodes()) {
      auto name = op_name(*inner.primitive);
      bool spread = name == "Broadcast" || name == "Full";
      if (!spread && !(elementwise(inner) && inner.shapes[0] == shape)) {
        return false;
      }
    }
    work_ += 8.0 * size * f->group().nodes().size();
    nodes_.push_back({n.primitive, &n, true});
    return all();
  }
  if (elementwise(n)) {
    std::vector<Graph::Spec> specs;
    std::vector<Dtype> dtypes;
    auto one = n;
    for (size_t i = 0; i < n.in.size(); i++) {
      specs.push_back({shapes_[n.in[i]], dtypes_[n.in[i]]});
      dtypes.push_back(dtypes_[n.in[i]]);
      one.in[i] = i;
    }
    if (!has_tiles(n, dtypes).empty()) {
      return false;
    }
    work_ += 8.0 * size;
    uint32_t result = specs.size();
    auto stream = n.primitive->stream();
    nodes_.push_back({std::make_shared<Fused>(stream, Graph(std::move(specs), {}, {std::move(one)}, {result})), &n, true});
    return all();
  }
  bool writes = true;
  if (op == "Matmul" || op == "AddMM") {
    auto &a = shapes_[n.in[0]], &b = shapes_[n.in[1]];
    if (!cpu::has_blas() || !(n.dtypes[0] == float32 || n.dtypes[0] == float64) || a.size() != 2 || b.size() != 2 ||
        a[1] == 0 || size == 0 || !reads(n.in[0], shape) || use_[n.in[0]] != ROWS || !whole(n.in[1]) ||
        !multiplies(n.in[0]) || !multiplies(n.in[1]) ||
        (op == "AddMM" && !reads(n.in[2], shape))) {
      return false;
    }
    work_ += 2.0 * size * a[1];
  } else if (op == "Split" || op == "Concatenate") {
    int axis = op == "Split" ? static_cast<Split&>(*n.primitive).state().second : static_cast<Concatenate&>(*n.primitive).state();
    if (axis <= 0 || !all() || std::any_of(n.in.begin(), n.in.end(), [&](uint32_t s) { return use_[s] != ROWS; })) {
      return false;
    }
    writes = op == "Concatenate";
  } else if (op == "Broadcast") {
    if (n.in.size() != 1 || !all()) {
      return false;
    }
    writes = false;
  } else {
    return false;
  }
  nodes_.push_back({n.primitive, &n, writes});
  return true;
}

// place finds what can be written to an output at once.
void Rows::place() {
  auto& out = step_->outputs();
  targets_.resize(use_.size());
  last_.resize(use_.size(), -1);
  for (size_t i = l_.carried; i < out.size(); i++) {
    bool next = out[i] < l_.carried;
    auto from = next ? out[out[i]] : out[i];
    if (places_[from] && targets_[from].output < 0) {
      targets_[from] = {int(i), next};
    }
  }
  for (size_t i = 0; i < l_.carried; i++) {
    if (places_[out[i]]) {
      last_[out[i]] = i;
    }
  }
}

// A Piece is the evaluation for some rows. Everything that it counts references of is its
// own: what threads count together goes back and forth between them.
class Rows::Piece {
 public:
  Piece(const Rows& r, const Arrays& in, const Arrays& out, int begin, int end)
      : r_(r), begin_(begin), count_(end - begin) {
    for (size_t i = 0; i < in.size(); i++) {
      in_.push_back(borrowed(in[i]));
      if (i >= given() && r.use_[i] == ROWS) {
        in_[i] = part(in_[i]);
      }
    }
    for (auto& o : out) {
      out_.push_back(borrowed(o));
    }
    slots_.resize(r.use_.size());
  }

  void operator()() {
    auto& l = r_.l_;
    auto& outputs = r_.step_->outputs();
    Arrays carry;
    for (size_t i = 0; i < l.carried; i++) {
      carry.push_back(part(in_[i]));
    }
    for (int t = 0; t < l.length; t++) {
      for (size_t i = 0; i < in_.size(); i++) {
        if (i < l.carried) {
          slots_[i] = std::move(carry[i]);
        } else if (i < given()) {
          slots_[i] = part(in_[i], at(t));
        } else {
          slots_[i] = in_[i];
        }
      }
      carry.clear();
      step(t);
      for (size_t i = l.carried; i < out_.size(); i++) {
        write(*slots_[outputs[i]], part(out_[i], at(t)));
      }
      for (size_t i = 0; i < l.carried; i++) {
        carry.push_back(*slots_[outputs[i]]);
      }
      for (auto o : outputs) {
        slots_[o].reset();
      }
    }
    for (size_t i = 0; i < l.carried; i++) {
      write(carry[i], part(out_[i]));
    }
  }

 private:
  size_t given() const {
    return r_.l_.carried + r_.l_.sliced;
  }
  // at is the place of step t in what is stacked.
  int at(int t) const {
    return r_.l_.reverse ? r_.l_.length - 1 - t : t;
  }

  static array borrowed(const array& a) {
    array r(a.shape(), a.dtype(), nullptr, {});
    r.set_data(allocator::Data(a.buffer(), nullptr), a.data_size(), a.strides(), a.flags(), a.offset());
    return r;
  }

  // part is this piece of an array's rows, or of those of a slice.
  array part(const array& a) const {
    auto shape = a.shape();
    shape[0] = count_;
    return view(a, std::move(shape), a.strides(), begin_ * a.strides(0));
  }
  array part(const array& a, int at) const {
    Shape shape(a.shape().begin() + 1, a.shape().end());
    shape[0] = count_;
    return view(a, std::move(shape), Strides(a.strides().begin() + 1, a.strides().end()), at * a.strides(0) + begin_ * a.strides(1));
  }

  // place gives a result the memory of an output that it is.
  void place(array& result, uint32_t slot, int t) {
    auto target = r_.targets_[slot];
    bool last = t + 1 == r_.l_.length;
    if (target.output >= 0 && !(target.next && last)) {
      result = part(out_[target.output], at(t + target.next));
    } else if (last && r_.last_[slot] >= 0) {
      result = part(out_[r_.last_[slot]]);
    }
  }

  void step(int t) {
    auto uses = r_.uses_;
    uint32_t slot = in_.size();
    Arrays args, results;
    for (auto& n : r_.nodes_) {
      args.clear();
      results.clear();
      for (auto i : n.as->in) {
        if (--uses[i] == 0) {
          args.push_back(std::move(*slots_[i]));
          slots_[i].reset();
        } else {
          args.push_back(*slots_[i]);
        }
      }
      for (size_t i = 0; i < n.as->shapes.size(); i++) {
        auto shape = n.as->shapes[i];
        shape[0] = count_;
        results.emplace_back(std::move(shape), n.as->dtypes[i], nullptr, Arrays{});
        if (n.places) {
          place(results.back(), slot + i, t);
        }
      }
      n.primitive->eval_cpu(args, results);
      for (auto& r : results) {
        if (uses[slot]) {
          slots_[slot] = std::move(r);
        }
        slot++;
      }
    }
  }

  static void write(const array& from, array to) {
    if (from.size() > 0 && from.data<char>() != to.data<char>()) {
      cpu::copy(to.data<char>(), to.strides(), from.data<char>(), from.strides(), from.shape(), from.itemsize());
    }
  }

  const Rows& r_;
  int64_t begin_;
  int count_;
  Arrays in_, out_;
  std::vector<std::optional<array>> slots_;
};

int Rows::pieces(const Arrays& in) const {
  // Weights are read by every thread in every step: more than its cache holds are
  // better shared out.
  constexpr size_t cache = 768 << 10;
  // A piece is worth waking a thread, a step too long for it to matter when they wait.
  constexpr double least = 4e6, most = 1e8;
  constexpr int few = 8;
  size_t bytes = 0;
  for (size_t i = 0; i < in.size(); i++) {
    bytes += use_[i] == WHOLE ? in[i].nbytes() : 0;
  }
  if (bytes > cache || work_ > most) {
    return 1;
  }
  return std::min<double>({double(cpu::threads()), double(rows_ / few), work_ * l_.length / least});
}

bool Rows::run(const Stream& s, const Arrays& inputs, Arrays& outputs) const {
  auto in = inputs + step_->constants();
  int n = pieces(in);
  if (n < 2) {
    return false;
  }
  for (size_t i = 0; i < in.size(); i++) {
    auto a = in[i];
    if (i >= l_.carried && i < l_.carried + l_.sliced) {
      a = view(a, Shape(a.shape().begin() + 1, a.shape().end()), Strides(a.strides().begin() + 1, a.strides().end()), 0);
    }
    // Products copy what they cannot read where it lies, which is not for many threads.
    if (multiplied_[i] && !cpu::matrix(a)) {
      in[i] = cpu::contiguous(in[i], s);
    }
  }
  for (auto& o : outputs) {
    o.set_data(allocator::malloc(o.nbytes()));
  }
  // OpenBLAS counts its threads for all of ours.
  cpu::Single single;
  std::vector<std::exception_ptr> failures(n);
  cpu::each(n, [&](size_t i) {
    TasksHere here;
    try {
      Piece(*this, in, outputs, (int64_t)rows_ * i / n, (int64_t)rows_ * (i + 1) / n)();
    } catch (...) {
      failures[i] = std::current_exception();
    }
  });
  for (auto& f : failures) {
    if (f) {
      std::rethrow_exception(f);
    }
  }
  return true;
}

} // namespace adj
