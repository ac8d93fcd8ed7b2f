// Evaluation of graphs with foreign ops that may take long.
//
// Such an op runs in another process, for a millisecond or a minute. Were it a
// task of a stream, the thread that waits would hold the engine lock all the time,
// and nobody else could compute. So an evaluation goes by steps: the engine
// evaluates what the ops that can run next are computed from and gives Go their
// raw memory; Go makes the calls, all at once, without the lock; the engine
// publishes the results, and so on until nothing of the kind is left. A call that
// fails leaves its arrays unevaluated, so that a later reader tries again. What
// another evaluation is already calling is waited for.
#include <cstdlib>
#include <unordered_set>

#include "ext/foreign.h"

namespace adj {

using namespace mlx::core;

namespace {

// Flight is one call under way. It holds the inputs, so that their memory is not
// used for anything else, and memory for the outputs, which belongs to no array
// before the call has ended well.
struct Flight {
  array node; // the first output
  std::vector<array> in;
  std::vector<allocator::Data> out;
  Call call;

  explicit Flight(const array& a) : node(a), in(a.inputs()) {
    call.in = inputs_of(in);
    for (auto& o : node.outputs()) {
      out.push_back(allocator::malloc(o.nbytes()));
      call.out.push_back({(int)o.dtype().val(), o.shape(), out.back().buffer().raw_ptr(), o.nbytes()});
    }
  }
  Flight(const Flight&) = delete;

  void publish() {
    if (node.status() != array::Status::unscheduled) {
      return;
    }
    auto outputs = node.outputs();
    for (size_t i = 0; i < outputs.size(); i++) {
      outputs[i].set_data(std::move(out[i]));
      outputs[i].set_status(array::Status::available);
    }
    out.clear();
    if (!node.is_tracer()) {
      node.detach();
    }
  }
};

// The outputs of all calls under way.
std::unordered_set<uintptr_t> flying;

struct Evaluation {
  std::vector<array> outputs;
  bool async;
  uint64_t trace;
  std::vector<std::unique_ptr<Flight>> flights;
};

// ready lists the ops that depend on no other op that is away. any says whether
// there is one at all.
std::vector<array> ready(const std::vector<array>& outputs, bool& any) {
  std::unordered_set<uintptr_t> beyond;
  std::vector<array> r;
  auto order = topological(outputs, [](const array& a) {
    return a.has_primitive() && a.status() == array::Status::unscheduled && !a.event().valid();
  });
  for (auto& a : order) {
    bool after = false;
    for (auto& in : a.inputs()) {
      after = after || beyond.count(in.id());
    }
    bool away = away_of(a);
    if (away && !after) {
      r.push_back(a);
    }
    if (away || after) {
      for (auto& o : a.outputs()) {
        beyond.insert(o.id());
      }
    }
  }
  any = !r.empty();
  return r;
}

// step returns ADJ_CALLS when there are calls to make or to wait for.
int step(Evaluation& e) {
  ensure_thread();
  if (e.trace != 0 && !LiveTrace::has(e.trace)) {
    return ADJ_TRACE;
  }
  e.flights.clear();
  bool any = false;
  int code = guarded([&] {
    auto next = ready(e.outputs, any);
    std::vector<array> mine, in;
    for (auto& a : next) {
      if (!flying.count(a.outputs()[0].id())) {
        mine.push_back(a);
        in.insert(in.end(), a.inputs().begin(), a.inputs().end());
      }
    }
    if (!in.empty()) {
      evaluate_now(in, false);
    }
    for (auto& a : mine) {
      e.flights.push_back(std::make_unique<Flight>(a));
    }
    for (auto& f : e.flights) {
      flying.insert(f->node.outputs()[0].id());
    }
    if (!any) {
      evaluate_now(e.outputs, e.async);
    }
  });
  if (code != ADJ_OK) {
    e.flights.clear();
    return code;
  }
  return any ? ADJ_CALLS : ADJ_OK;
}

int eval_step(uint64_t e) {
  return step(*reinterpret_cast<Evaluation*>(e));
}

uint64_t eval_calls(uint64_t e, uint64_t* out, uint64_t cap) {
  auto& flights = reinterpret_cast<Evaluation*>(e)->flights;
  for (size_t i = 0; i < flights.size() && 2 * i + 1 < cap; i++) {
    out[2 * i] = away_of(flights[i]->node)->op().number();
    out[2 * i + 1] = reinterpret_cast<uint64_t>(&flights[i]->call);
  }
  return flights.size();
}

// eval_called ends call number i. message says why it failed, null that it did not.
void eval_called(uint64_t e, uint64_t i, const char* message) {
  auto& f = *reinterpret_cast<Evaluation*>(e)->flights.at(i);
  flying.erase(f.node.outputs()[0].id());
  if (message) {
    set_error(message);
  } else {
    f.publish();
  }
}

void eval_end(uint64_t e) {
  delete reinterpret_cast<Evaluation*>(e);
}

} // namespace

uint64_t away_begin(const std::vector<array>& outputs, bool async, uint64_t trace) {
  if (Foreign::aways() == 0) {
    return 0;
  }
  bool any = false;
  ready(outputs, any);
  return any ? reinterpret_cast<uint64_t>(new Evaluation{outputs, async, trace, {}}) : 0;
}

void fill_away(adj_api* api) {
  api->eval_step = eval_step;
  api->eval_calls = eval_calls;
  api->eval_called = eval_called;
  api->eval_end = eval_end;
}

} // namespace adj
