// What a recorded program consists of, as JSON for Go to read.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "ext/engine.h"
#include "ext/fused.h"
#include "ext/passes.h"
#include "ext/rules.h"

namespace adj {

using namespace mlx::core;

namespace {

// Text of an op's name or attribute; neither holds more than plain ASCII.
std::string quoted(const std::string& s) {
  std::string q = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\') {
      q += '\\';
    }
    q += (unsigned char)c < ' ' ? ' ' : c;
  }
  return q + '"';
}

template <class T>
void list(std::ostream& os, const T& items) {
  os << '[';
  const char* comma = "";
  for (auto& i : items) {
    os << comma << i;
    comma = ",";
  }
  os << ']';
}

void spec(std::ostream& os, Dtype d, const Shape& s) {
  os << "{\"dtype\":" << (int)d.val() << ",\"shape\":";
  list(os, s);
  os << '}';
}

// The value of a constant whose elements are all one, nothing for others.
std::string value(const array& a) {
  if (a.size() == 0 || a.status() == array::Status::unscheduled) {
    return "";
  }
  array c = a;
  c.wait();
  for (size_t i = 0; i < c.ndim(); i++) {
    if (c.shape(i) != 1 && c.strides(i) != 0) {
      return "";
    }
  }
  std::ostringstream os;
  switch (c.dtype()) {
    case bool_: os << (*c.data<bool>() ? "true" : "false"); break;
    case uint8: os << (unsigned)*c.data<uint8_t>(); break;
    case uint16: os << *c.data<uint16_t>(); break;
    case uint32: os << *c.data<uint32_t>(); break;
    case uint64: os << *c.data<uint64_t>(); break;
    case int8: os << (int)*c.data<int8_t>(); break;
    case int16: os << *c.data<int16_t>(); break;
    case int32: os << *c.data<int32_t>(); break;
    case int64: os << *c.data<int64_t>(); break;
    case float16: os << (float)*c.data<float16_t>(); break;
    case bfloat16: os << (float)*c.data<bfloat16_t>(); break;
    case float32: os << *c.data<float>(); break;
    case float64: os << *c.data<double>(); break;
    default: break;
  }
  return os.str();
}

// What an op holds besides its inputs, where the shapes do not tell it.
std::string attributes(const Primitive& p) {
  std::ostringstream os;
  std::string name = p.name();
  auto is = [&](std::initializer_list<const char*> names) {
    for (auto n : names) {
      if (name == n) {
        return true;
      }
    }
    return false;
  };
  if (auto r = dynamic_cast<const Reduce*>(&p)) {
    os << "axes=";
    list(os, r->state().second);
  } else if (auto r = dynamic_cast<const ArgReduce*>(&p)) {
    os << "axis=" << r->state().second;
  } else if (is({"Transpose"})) {
    os << "axes=";
    list(os, static_cast<const Transpose&>(p).state());
  } else if (is({"Concatenate"})) {
    os << "axis=" << static_cast<const Concatenate&>(p).state();
  } else if (is({"Slice"})) {
    auto [start, stop, step] = static_cast<const Slice&>(p).state();
    os << "start=";
    list(os, start);
    os << " stop=";
    list(os, stop);
    os << " step=";
    list(os, step);
  }
  return os.str();
}

void graph(std::ostream& os, const Graph& g);

void node(std::ostream& os, const Graph::Node& n) {
  auto& s = n.primitive->stream();
  os << "{\"op\":" << quoted(n.primitive->name()) << ",\"attributes\":"
     << quoted(attributes(*n.primitive)) << ",\"stream\":\""
     << (s.device == Device::gpu ? "gpu:" : "cpu:") << s.index << "\",\"in\":";
  list(os, n.in);
  os << ",\"ours\":[";
  const char* comma = "";
  for (auto& rule : our_rules(*n.primitive)) {
    os << comma << quoted(rule);
    comma = ",";
  }
  os << "],\"out\":[";
  for (size_t i = 0; i < n.shapes.size(); i++) {
    os << (i ? "," : "");
    spec(os, n.dtypes[i], n.shapes[i]);
  }
  os << ']';
  if (auto* fused = dynamic_cast<const Fused*>(n.primitive.get())) {
    os << ",\"body\":{";
    graph(os, fused->group());
    os << '}';
  }
  os << '}';
}

// graph writes the members that a program and the body of a fused node share.
void graph(std::ostream& os, const Graph& g) {
  os << "\"inputs\":" << g.inputs() << ",\"constants\":[";
  const char* comma = "";
  for (auto& c : g.constants()) {
    os << comma << "{\"spec\":";
    spec(os, c.dtype(), c.shape());
    os << ",\"value\":" << quoted(value(c)) << '}';
    comma = ",";
  }
  os << "],\"nodes\":[";
  comma = "";
  for (auto& n : g.nodes()) {
    os << comma;
    node(os, n);
    comma = ",";
  }
  os << "],\"outputs\":";
  list(os, g.outputs());
}

void describe(std::ostream& os, const Graph& recorded, const Optimised& fast) {
  os << '{';
  graph(os, fast.graph);
  os << ",\"groups\":[";
  const char* comma = "";
  for (auto& group : fast.groups) {
    os << comma << "{\"node\":" << group.node << ",\"ops\":[";
    comma = "";
    for (auto& op : group.ops) {
      os << comma << quoted(op);
      comma = ",";
    }
    os << "]}";
    comma = ",";
  }
  os << "],\"unfused\":[";
  comma = "";
  for (auto& u : fast.unfused) {
    os << comma << "{\"node\":" << u.node << ",\"why\":" << quoted(u.why) << '}';
    comma = ",";
  }
  os << "],\"recorded\":" << recorded.nodes().size() << ",\"whole\":"
     << std::count_if(recorded.nodes().begin(), recorded.nodes().end(), [](auto& n) { return n.whole; })
     << '}';
}

} // namespace

static int program_describe(uint64_t p, uint64_t tag, char** out, uint64_t* n) {
  int code = ADJ_OK;
  int failed = guarded([&] {
    const Graph* recorded;
    const Optimised* fast;
    if (!program_entry(p, tag, &recorded, &fast)) {
      code = ADJ_MISS;
      return;
    }
    std::ostringstream os;
    describe(os, *recorded, *fast);
    give_text(os.str(), out, n);
  });
  return failed ? failed : code;
}

void fill_describe(adj_api* api) {
  api->program_describe = program_describe;
}

} // namespace adj
