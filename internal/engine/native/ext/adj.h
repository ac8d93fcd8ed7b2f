// The C interface between Go and the engine. Every call but adj_thread_token
// and adj_put_free is made under the engine lock, which Go holds.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Return codes of calls. Positive values belong to the call.
enum {
  ADJ_OK = 0,
  ADJ_ERROR = -1, // the engine's message is in error()
  ADJ_TRACE = -2, // a tracer of a trace that is not live on this thread
  ADJ_GO = -3, // a Go callback failed; its panic is kept on the Go side
  ADJ_MISS = -4, // a program has no entry for this key
  ADJ_ODD = -5, // a result has values that inspect looked for, see found
  ADJ_CALLS = 1, // of eval_step: there are calls to be made
};

// What is known of a foreign op.
enum {
  ADJ_DETERMINISTIC = 1, // equal inputs give equal outputs
  ADJ_AWAY = 2, // it may take long and is called without the lock where possible
};

// The bit of an op's answer that says that its one result is small.
enum { ADJ_SMALL_BIT = 62 };

// Callbacks into Go.
typedef struct adj_callbacks {
  // Runs a traced Go function: n inputs in, results in a malloc'ed block at *out.
  int (*function)(uint64_t fn, const uint64_t* in, uint64_t n, uint64_t** out, uint64_t* nout);
  // Evaluates a foreign op on a stream's thread; 0, or a malloc'ed message.
  char* (*eval)(uint64_t op, uint64_t call);
  // Rules of a foreign op: kind 0 vjp, 1 jvp, 2 vmap, 3 shapes. in is laid out by
  // kind. For shapes, dtype, rank and sizes of each input, and rank and sizes of
  // each output in reply.
  int (*rule)(uint64_t op, int kind, const uint64_t* in, uint64_t n, uint64_t** out, uint64_t* nout);
} adj_callbacks;

typedef struct adj_api {
  const char* (*error)(void);
  // Builds op id from w and leaves its results there. Returns the scope of this
  // thread (0: none), with ADJ_SMALL_BIT set when the result is one small array,
  // or a code. trace is the innermost trace of the inputs.
  int64_t (*op)(uint32_t id, uint64_t* w, uint64_t trace);
  uint32_t ops;

  int64_t (*array)(const void* data, const int* shape, int ndim, int dtype, uint64_t* out);
  void (*free)(const uint64_t* h, uint64_t n);
  // info: dtype, ndim, status, tracer, sizes…
  void (*info)(uint64_t h, int64_t* out);
  // Where *steps is not 0, nothing was evaluated yet: it goes by steps.
  int (*eval)(const uint64_t* h, uint64_t n, bool async, uint64_t trace, uint64_t* steps);
  // Copies the evaluated, row-contiguous bytes of h to dst. Where *steps is not 0
  // these come first, and then read again.
  int (*read)(uint64_t h, void* dst, uint64_t nbytes, uint64_t trace, uint64_t* steps);
  // An evaluation by steps, to be ended with eval_end whatever happens: after each
  // eval_step that returns ADJ_CALLS, eval_calls gives op and call of those that
  // the caller makes, without the lock, and then reports by eval_called; when there
  // are none, others make them, and the caller waits for that.
  int (*eval_step)(uint64_t e);
  uint64_t (*eval_calls)(uint64_t e, uint64_t* out, uint64_t cap);
  void (*eval_called)(uint64_t e, uint64_t i, const char* message);
  void (*eval_end)(uint64_t e);
  uint64_t (*retain)(uint64_t h);

  // Threads, devices and streams.
  int (*devices)(int type);
  int (*device_info)(int type, int index, char* buf, uint64_t cap);
  int64_t (*stream_new)(int type, int index);
  int64_t (*stream_default)(int type, int index);
  int64_t (*stream_current)(void);
  void (*stream_use)(int64_t s);
  int (*stream_sync)(int64_t s);
  int64_t (*scope)(void);
  void (*scope_set)(int64_t s);

  int (*memory)(int what, uint64_t arg, uint64_t* out);

  // Transforms. in: handles of the inputs. *out is a malloc'ed block: the
  // function's results, then what the transform adds.
  // grad: the first result is the scalar loss, the others have no gradient.
  int (*grad)(uint64_t fn, uint64_t trace, const uint64_t* in, uint64_t n,
      const uint32_t* wrt, uint64_t nwrt, uint64_t** out, uint64_t* nout);
  // vjp: *pullback is a graph from cotangents to gradients, see graph_run. The
  // reply of the functions of vjp, linearize and jvp holds a mark of each result
  // behind the results: -1 for one without a derivative.
  int (*vjp)(uint64_t fn, uint64_t trace, const uint64_t* in, uint64_t n,
      const uint32_t* wrt, uint64_t nwrt, uint64_t* pullback, uint64_t** out, uint64_t* nout);
  // linearize: *pushforward is a graph from tangents to the results' tangents.
  int (*linearize)(uint64_t fn, uint64_t trace, const uint64_t* in, uint64_t n,
      const uint32_t* wrt, uint64_t nwrt, uint64_t* pushforward, uint64_t** out, uint64_t* nout);
  int (*graph_run)(uint64_t g, const uint64_t* in, uint64_t n, uint64_t** out, uint64_t* nout);
  void (*graph_free)(uint64_t g);
  int (*jvp)(uint64_t fn, uint64_t trace, const uint64_t* in, uint64_t n,
      const uint32_t* wrt, uint64_t nwrt, const uint64_t* tangents, uint64_t** out, uint64_t* nout);
  // The function's reply holds the axis of each result behind the results.
  int (*vmap)(uint64_t fn, uint64_t trace, const uint64_t* in, const int* axes, uint64_t n,
      uint64_t** out, uint64_t* nout);

  // The sum of x over the axis that trace maps; index is an array mapped there.
  int (*axis_sum)(uint64_t x, uint64_t index, uint64_t trace, uint64_t* out);

  // Control flow; see flow.h. in are the arguments of the functions; flow says of
  // the arguments how many are carried, and the number of steps.
  int (*scan)(uint64_t fn, uint64_t trace, const uint64_t* in, uint64_t n, uint64_t carried,
      uint64_t length, bool reverse, bool remat, uint64_t** out, uint64_t* nout);
  // in[0] is the condition.
  int (*branch)(uint64_t yes, uint64_t no, uint64_t trace, const uint64_t* in, uint64_t n,
      uint64_t** out, uint64_t* nout);
  int (*loop)(uint64_t cond, uint64_t body, uint64_t trace, const uint64_t* in, uint64_t n,
      uint64_t** out, uint64_t* nout);

  // Programs: a set of traces of one function.
  uint64_t (*program_new)(void);
  void (*program_free)(uint64_t p);
  // The results are in buf if cap of them suffice, else in a malloc'ed block at
  // *out. The lowest bit of the handle of a small result is set.
  int (*program_run)(uint64_t p, const char* key, uint64_t nkey, const uint64_t* in, uint64_t n,
      bool shapeless, uint64_t* tag, uint64_t* buf, uint64_t cap, uint64_t** out, uint64_t* nout);
  // mode: 0 all passes, 1 no fusion, 2 nothing dropped or merged. tag is the
  // caller's number of the entry; *out are the tags of evicted ones.
  int (*program_trace)(uint64_t p, uint64_t fn, uint64_t trace, const char* key, uint64_t nkey,
      const uint64_t* in, uint64_t n, bool shapeless, int mode, uint64_t limit, uint64_t tag,
      uint64_t** out, uint64_t* nout);
  uint64_t (*program_size)(uint64_t p);
  // Moves the entries of from into p, as if p had recorded them.
  int (*program_take)(uint64_t p, uint64_t from, uint64_t limit, uint64_t** out, uint64_t* nout);
  // The entry with that tag as JSON, in a malloc'ed block of n bytes at *out.
  int (*program_describe)(uint64_t p, uint64_t tag, char** out, uint64_t* n);
  // The entry with that tag, lowered to operations of MLX's alone, as a trace of
  // an .mlxfn file without the elements of its constants, in a malloc'ed block of
  // n bytes at *out. *constants are their ids, each with a handle. After a failure
  // *line is the line of the operation that cannot be lowered, 0 for none.
  int (*program_export)(uint64_t p, uint64_t tag, bool shapeless, char** out, uint64_t* n,
      uint64_t** constants, uint64_t* nconstants, uint64_t* line);
  void (*program_clear)(uint64_t p);

  // Foreign ops.
  int (*foreign)(uint64_t op, const char* name, const char* key, int traits, const uint64_t* in, uint64_t n,
      const int64_t* spec, uint64_t nout_arrays, uint64_t** out, uint64_t* nout);
  int (*foreign_buffers)(uint64_t call, int64_t* out, uint64_t cap);
  // Takes up to cap ops whose last reference is gone.
  uint64_t (*foreign_dropped)(uint64_t* out, uint64_t cap);

  // Functions with rules of their own; see through.h. Outside of all traces these
  // return the arrays themselves. arguments returns what the function is given.
  int (*arguments)(const uint64_t* in, uint64_t n, bool passes, uint64_t** out, uint64_t* nout);
  // in: the arguments, and results behind them. op is a foreign op, as in foreign.
  int (*custom)(uint64_t op, const uint64_t* in, uint64_t n, uint64_t results, bool vjp, bool jvp,
      uint64_t** out, uint64_t* nout);
  // in: what arguments() gave, and results behind it. names, by lines, and matmuls
  // say what is saved.
  int (*checkpoint)(const uint64_t* in, uint64_t n, uint64_t results, bool matmuls, const char* names,
      uint64_t** out, uint64_t* nout);
  int (*named)(uint64_t a, const char* name, uint64_t* out);

  // The innermost trace of this thread, and whether a trace is live on it.
  uint64_t (*trace_current)(void);
  bool (*trace_live)(uint64_t id);
  // The function of the innermost trace ended its thread and will not return.
  void (*trace_abandon)(void);
  // A number that no other live thread has.
  uint64_t (*thread)(void);

  // Debugging. watch says whether lines are kept and programs repeated as they were
  // recorded, so that each operation can be seen.
  void (*watch)(bool on);
  // mark says that the operations which h depends on, down to in, come from a line
  // of the caller's.
  void (*mark)(const uint64_t* h, uint64_t n, const uint64_t* in, uint64_t nin, uint64_t line);
  // eval, one operation at a time. look: 1 for NaN, 2 for infinities, 3 for both.
  int (*inspect)(const uint64_t* h, uint64_t n, int look, uint64_t trace);
  // The operation at which inspect stopped: its name, and a malloc'ed block of
  // whether it was given what was looked for, its number, of how many, its line,
  // whether it is of a derivative, what its results hold, and the number of its
  // inputs; then dtype, what it holds, ndim and sizes of each. No words are none;
  // asking forgets it.
  const char* (*found)(uint64_t** out, uint64_t* nout);
  // The longest chain of operations below h that are not evaluated.
  uint64_t (*depth)(uint64_t h);
} adj_api;

typedef const adj_api* (*adj_open_fn)(
    void* (*resolve)(const char* name, void* data), void* data,
    const adj_callbacks* callbacks, const char** missing);

#ifdef __cplusplus
}
#endif
