// Opening the engine, errors, arrays, evaluation, streams, scopes.
#include "cpu/eager.h"
#include "ext/engine.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <sstream>

#include "ext/bindings.h"
#include "ext/whole.h"
#include "mlx/scheduler.h"

Table T;

namespace adj {

using namespace mlx::core;

adj_callbacks go;

// Set under the engine lock, which is held until it is read: the caller may go on
// on another thread.
static std::string message;

void set_error(const std::string& what) {
  message = what;
}
const std::string& last_error() {
  return message;
}

int guarded(const std::function<void()>& f) {
  try {
    f();
    return ADJ_OK;
  } catch (const GoError&) {
    return ADJ_GO;
  } catch (const std::exception& e) {
    set_error(e.what());
  } catch (...) {
    set_error("an unknown exception");
  }
  return ADJ_ERROR;
}

std::vector<array> arrays(const uint64_t* h, uint64_t n) {
  std::vector<array> v;
  v.reserve(n);
  for (uint64_t i = 0; i < n; i++) {
    v.push_back(arr(h[i]));
  }
  return v;
}

void give(std::vector<array> v, uint64_t** out, uint64_t* nout) {
  *nout = v.size();
  *out = static_cast<uint64_t*>(std::malloc(sizeof(uint64_t) * (v.size() + 1)));
  for (size_t i = 0; i < v.size(); i++) {
    (*out)[i] = handle(std::move(v[i]));
  }
}

void give_text(const std::string& text, char** out, uint64_t* n) {
  *n = text.size();
  *out = static_cast<char*>(std::malloc(text.size() + 1));
  std::memcpy(*out, text.data(), text.size());
}

// Streams. One thread-unsafe stream per device is made at start; the engine
// lock makes it safe on any thread.
static std::deque<Stream> streams;

const Stream& stream(int64_t s) {
  return streams.at(s);
}

static int64_t stream_new(int type, int index) {
  int64_t id = -1;
  guarded([&] {
    streams.push_back(new_thread_unsafe_stream(Device((Device::DeviceType)type, index)));
    id = streams.size() - 1;
  });
  return id;
}

static int64_t stream_default(int type, int index) {
  for (size_t i = 0; i < streams.size(); i++) {
    if ((int)streams[i].device.type == type && streams[i].device.index == index) {
      return i;
    }
  }
  return stream_new(type, index);
}

static int64_t main_stream; // of the best device
static thread_local int64_t current_stream = -1; // what core.Using chose
static thread_local int64_t thread_scope = 0;
static thread_local bool thread_ready = false;

void ensure_thread() {
  if (thread_ready) {
    return;
  }
  thread_ready = true;
  // Without a default stream of its own MLX would start a worker for each
  // thread that evaluates.
  for (auto& s : streams) {
    bool first = true;
    for (auto& t : streams) {
      if (&t == &s) {
        break;
      }
      first = first && !(t.device == s.device);
    }
    if (first) {
      set_default_stream(s);
    }
  }
}

int64_t stream_current() {
  return current_stream < 0 ? main_stream : current_stream;
}
OnStream::OnStream(int64_t s) : outer_(std::exchange(current_stream, s)) {}
OnStream::~OnStream() {
  current_stream = outer_;
}
static void stream_use(int64_t s) {
  current_stream = s;
}
static int stream_sync(int64_t s) {
  ensure_thread();
  return guarded([&] { synchronize(stream(s)); });
}
static int64_t scope() {
  return thread_scope;
}
static void scope_set(int64_t s) {
  thread_scope = s;
}

static uint64_t thread() {
  return reinterpret_cast<uint64_t>(&thread_ready);
}

static int64_t op(uint32_t id, uint64_t* w, uint64_t trace) {
  ensure_thread();
  if (trace != 0 && !LiveTrace::has(trace)) {
    return ADJ_TRACE;
  }
  // The C API reports through its handler; what the trampoline itself throws
  // (memory) is caught here.
  int code;
  try {
    code = Sizeless::on() ? call_whole(id, w) : adj_calls[id](w);
    if (code < 0) {
      return ADJ_ERROR;
    }
  } catch (const std::exception& e) {
    set_error(e.what());
    return ADJ_ERROR;
  }
  return thread_scope | (int64_t)code << ADJ_SMALL_BIT;
}

static int64_t new_array(const void* data, const int* shape, int ndim, int dtype, uint64_t* out) {
  ensure_thread();
  mlx_array a = T.mlx_array_new_data(data, shape, ndim, (mlx_dtype)dtype);
  if (!a.ctx) {
    return ADJ_ERROR;
  }
  *out = (uint64_t)a.ctx;
  return thread_scope;
}

static void free_arrays(const uint64_t* h, uint64_t n) {
  for (uint64_t i = 0; i < n; i++) {
    T.mlx_array_free({(void*)h[i]});
  }
}

static void info(uint64_t h, int64_t* out) {
  const array& a = arr(h);
  out[0] = (int64_t)(int)a.dtype().val();
  out[1] = a.ndim();
  out[2] = a.status();
  out[3] = a.is_tracer();
  for (size_t i = 0; i < a.ndim() && i < 60; i++) {
    out[4 + i] = a.shape()[i];
  }
}

void evaluate_now(const std::vector<array>& outputs, bool async) {
  auto v = outputs;
  if (async) {
    try {
      if (eval_inline(v, false)) {
        return;
      }
    } catch (const std::exception&) {
      return; // what failed is not evaluated: its reader meets the error
    }
  } else if (eval_inline(v)) {
    return;
  }
  mlx_vector_array c{&v};
  if (async) {
    queue_used();
    if (T.mlx_async_eval(c)) {
      throw std::runtime_error(message);
    }
  } else if (T.mlx_eval(c)) {
    throw std::runtime_error(message);
  }
}

static int eval_arrays(const uint64_t* h, uint64_t n, bool async, uint64_t trace, uint64_t* steps) {
  ensure_thread();
  if (trace != 0 && !LiveTrace::has(trace)) {
    return ADJ_TRACE;
  }
  return guarded([&] {
    auto v = arrays(h, n);
    *steps = away_begin(v, async, trace);
    if (!*steps) {
      evaluate_now(v, async);
    }
  });
}

static int read_array(uint64_t h, void* dst, uint64_t nbytes, uint64_t trace, uint64_t* steps) {
  int code = eval_arrays(&h, 1, false, trace, steps);
  if (code || *steps) {
    return code;
  }
  return guarded([&] {
    array a = arr(h);
    a.wait();
    if (!a.flags().row_contiguous || a.nbytes() > a.data_size() * a.itemsize()) {
      auto s = a.has_primitive() ? a.primitive().stream() : stream(stream_current());
      a = contiguous(a, false, s);
      std::vector<array> v{a};
      if (!eval_inline(v)) {
        eval(v);
      }
    }
    if (a.nbytes() != nbytes) {
      throw std::runtime_error("the number of bytes differs");
    }
    if (nbytes) {
      std::memcpy(dst, a.data<char>(), nbytes);
    }
  });
}

static uint64_t retain(uint64_t h) {
  return handle(arr(h));
}

static int devices(int type) {
  int n = 0;
  guarded([&] {
    if (is_available(Device((Device::DeviceType)type))) {
      n = device_count((Device::DeviceType)type);
    }
  });
  return n;
}

static int describe_device(int type, int index, char* buf, uint64_t cap) {
  return guarded([&] {
    std::ostringstream os;
    for (auto& [k, v] : device_info(Device((Device::DeviceType)type, index))) {
      os << k << '\t';
      std::visit([&](auto& x) { os << x; }, v);
      os << '\n';
    }
    auto s = os.str();
    size_t n = std::min<size_t>(s.size(), cap - 1);
    std::memcpy(buf, s.data(), n);
    buf[n] = 0;
  });
}

static int memory(int what, uint64_t arg, uint64_t* out) {
  size_t r = 0;
  int code = 0;
  switch (what) {
    case 0: code = T.mlx_get_active_memory(&r); break;
    case 1: code = T.mlx_get_peak_memory(&r); break;
    case 2: code = T.mlx_get_cache_memory(&r); break;
    case 3: code = T.mlx_get_memory_limit(&r); break;
    case 4: code = T.mlx_set_memory_limit(&r, arg); break;
    case 5: code = T.mlx_set_cache_limit(&r, arg); break;
    case 6: code = T.mlx_set_wired_limit(&r, arg); break;
    case 7: code = T.mlx_clear_cache(); break;
    case 8: code = T.mlx_reset_peak_memory(); break;
  }
  *out = r;
  return code ? ADJ_ERROR : ADJ_OK;
}

static const char* error() {
  return message.c_str();
}

static adj_api api;

} // namespace adj

mlx_stream adj_stream() {
  return {const_cast<mlx::core::Stream*>(&adj::stream(adj::stream_current()))};
}

int adj_ndim(mlx_array a) {
  return a.ctx ? static_cast<mlx::core::array*>(a.ctx)->ndim() : 0;
}

int put_one(uint64_t* w, mlx_array r) {
  w[0] = (uint64_t)r.ctx;
  return static_cast<mlx::core::array*>(r.ctx)->nbytes() <= 1024;
}

int put_list(uint64_t* w, mlx_vector_array r) {
  auto* v = static_cast<std::vector<mlx::core::array>*>(r.ctx);
  uint64_t *out, n;
  adj::give(std::move(*v), &out, &n);
  w[0] = n;
  w[1] = (uint64_t)out;
  return T.mlx_vector_array_free(r);
}

extern "C" __attribute__((visibility("default"))) const adj_api* adj_open(
    void* (*resolve)(const char*, void*), void* data,
    const adj_callbacks* callbacks, const char** missing) {
  using namespace adj;
  go = *callbacks;
#define ADJ_RESOLVE(f)                                        \
  T.f = reinterpret_cast<decltype(T.f)>(resolve(#f, data));   \
  if (!T.f) {                                                 \
    *missing = #f;                                            \
    return nullptr;                                           \
  }
  ADJ_FUNCTIONS(ADJ_RESOLVE)
  T.mlx_set_error_handler([](const char* m, void*) { set_error(m); }, nullptr, nullptr);
  int code = guarded([] {
    cpu::choose_vectors();
    stream_default((int)Device::cpu, 0);
    main_stream = 0;
    if (is_available(Device(Device::gpu))) {
      main_stream = stream_default((int)Device::gpu, 0);
    }
    memory_init();
    inline_init();
    cpu::init();
  });
  if (code) {
    *missing = adj::error();
    return nullptr;
  }
  api.error = adj::error;
  api.op = adj::op;
  api.ops = adj_calls_num;
  api.array = new_array;
  api.free = free_arrays;
  api.info = info;
  api.eval = eval_arrays;
  api.read = read_array;
  api.retain = retain;
  api.devices = devices;
  api.device_info = describe_device;
  api.stream_new = stream_new;
  api.stream_default = stream_default;
  api.stream_current = stream_current;
  api.stream_use = stream_use;
  api.stream_sync = stream_sync;
  api.scope = scope;
  api.scope_set = scope_set;
  api.memory = memory;
  api.thread = thread;
  fill_traces(&api);
  fill_transforms(&api);
  fill_vmap(&api);
  fill_program(&api);
  fill_describe(&api);
  fill_export(&api);
  fill_foreign(&api);
  fill_away(&api);
  fill_goops(&api);
  fill_through(&api);
  fill_flow(&api);
  fill_inspect(&api);
  fill_axis(&api);
  return &api;
}
