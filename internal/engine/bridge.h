// Go's side of the engine's C interface: one small function per entry, since cgo
// cannot call through a pointer.
#pragma once
#include <stdlib.h>
#include "native/ext/adj.h"

extern const adj_api* adjoint_api;
extern bool (*adjointBare)(uint64_t p, uint64_t tag, const uint64_t* in, uint64_t n, uint64_t times);

void* adjointLoad(const char* path, int deep, const char** err);
const char* adjointOpen(void* ext, void* lib, void* fallback, const char** names, int n);

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

// adjointAbandonFrames tells AddressSanitizer, in a program built with -asan, that
// the frames below a callback do not return: others will lie where they lay.
static void adjointAbandonFrames(void) {
#if defined(__SANITIZE_ADDRESS__)
	__asan_handle_no_return();
#endif
}
// adjointAt makes an address that C gave as a number a pointer again.
static void* adjointAt(uint64_t p) { return (void*)p; }
static void adjointEnv(const char* k, const char* v) { setenv(k, v, 0); }
static uint32_t adjointOps(void) { return adjoint_api->ops; }
static const char* adjointError(void) { return adjoint_api->error(); }
static int64_t adjointOp(uint32_t id, uint64_t* w, uint64_t trace) { return adjoint_api->op(id, w, trace); }
static int64_t adjointArray(const void* d, const int* s, int n, int t, uint64_t* out) { return adjoint_api->array(d, s, n, t, out); }
static void adjointFree(const uint64_t* h, uint64_t n) { adjoint_api->free(h, n); }
static void adjointInfo(uint64_t h, int64_t* out) { adjoint_api->info(h, out); }
static int adjointEvaluate(const uint64_t* h, uint64_t n, int async, uint64_t trace, uint64_t* e) { return adjoint_api->eval(h, n, async, trace, e); }
static int adjointEvalStep(uint64_t e) { return adjoint_api->eval_step(e); }
static uint64_t adjointEvalCalls(uint64_t e, uint64_t* out, uint64_t cap) { return adjoint_api->eval_calls(e, out, cap); }
static void adjointEvalCalled(uint64_t e, uint64_t i, const char* m) { adjoint_api->eval_called(e, i, m); }
static void adjointEvalEnd(uint64_t e) { adjoint_api->eval_end(e); }
static int adjointRead(uint64_t h, void* dst, uint64_t n, uint64_t trace, uint64_t* e) { return adjoint_api->read(h, dst, n, trace, e); }
static uint64_t adjointRetain(uint64_t h) { return adjoint_api->retain(h); }
static int adjointDevices(int t) { return adjoint_api->devices(t); }
static int adjointDeviceInfo(int t, int i, char* b, uint64_t n) { return adjoint_api->device_info(t, i, b, n); }
static int64_t adjointStreamNew(int t, int i) { return adjoint_api->stream_new(t, i); }
static int64_t adjointStreamDefault(int t, int i) { return adjoint_api->stream_default(t, i); }
static int64_t adjointStreamCurrent(void) { return adjoint_api->stream_current(); }
static void adjointStreamUse(int64_t s) { adjoint_api->stream_use(s); }
static int adjointStreamSync(int64_t s) { return adjoint_api->stream_sync(s); }
static int64_t adjointScope(void) { return adjoint_api->scope(); }
static void adjointScopeSet(int64_t s) { adjoint_api->scope_set(s); }
static int adjointMemory(int what, uint64_t arg, uint64_t* out) { return adjoint_api->memory(what, arg, out); }
static uint64_t adjointTraceCurrent(void) { return adjoint_api->trace_current(); }
static void adjointTraceAbandon(void) { adjoint_api->trace_abandon(); }
static uint64_t adjointThread(void) { return adjoint_api->thread(); }
static void adjointWatch(int on) { adjoint_api->watch(on); }
static void adjointMark(const uint64_t* h, uint64_t n, const uint64_t* in, uint64_t nin, uint64_t line) { adjoint_api->mark(h, n, in, nin, line); }
static int adjointInspect(const uint64_t* h, uint64_t n, int look, uint64_t trace) { return adjoint_api->inspect(h, n, look, trace); }
static const char* adjointFound(uint64_t** out, uint64_t* n) { return adjoint_api->found(out, n); }
static uint64_t adjointDepth(uint64_t h) { return adjoint_api->depth(h); }
static int adjointTraceLive(uint64_t t) { return adjoint_api->trace_live(t); }
static int adjointGrad(uint64_t fn, uint64_t tr, const uint64_t* in, uint64_t n, const uint32_t* w, uint64_t nw, uint64_t** out, uint64_t* nout) { return adjoint_api->grad(fn, tr, in, n, w, nw, out, nout); }
static int adjointVJP(uint64_t fn, uint64_t tr, const uint64_t* in, uint64_t n, const uint32_t* w, uint64_t nw, uint64_t* g, uint64_t** out, uint64_t* nout) { return adjoint_api->vjp(fn, tr, in, n, w, nw, g, out, nout); }
static int adjointLinearize(uint64_t fn, uint64_t tr, const uint64_t* in, uint64_t n, const uint32_t* w, uint64_t nw, uint64_t* g, uint64_t** out, uint64_t* nout) { return adjoint_api->linearize(fn, tr, in, n, w, nw, g, out, nout); }
static int adjointGraphRun(uint64_t g, const uint64_t* in, uint64_t n, uint64_t** out, uint64_t* nout) { return adjoint_api->graph_run(g, in, n, out, nout); }
static void adjointGraphFree(uint64_t g) { adjoint_api->graph_free(g); }
static int adjointJVP(uint64_t fn, uint64_t tr, const uint64_t* in, uint64_t n, const uint32_t* w, uint64_t nw, const uint64_t* t, uint64_t** out, uint64_t* nout) { return adjoint_api->jvp(fn, tr, in, n, w, nw, t, out, nout); }
static int adjointVMap(uint64_t fn, uint64_t tr, const uint64_t* in, const int* axes, uint64_t n, uint64_t** out, uint64_t* nout) { return adjoint_api->vmap(fn, tr, in, axes, n, out, nout); }
static int adjointAxisSum(uint64_t x, uint64_t i, uint64_t tr, uint64_t* out) { return adjoint_api->axis_sum(x, i, tr, out); }
static int adjointScan(uint64_t fn, uint64_t tr, const uint64_t* in, uint64_t n, uint64_t carried, uint64_t length, int reverse, int remat, uint64_t** out, uint64_t* nout) { return adjoint_api->scan(fn, tr, in, n, carried, length, reverse, remat, out, nout); }
static int adjointBranch(uint64_t yes, uint64_t no, uint64_t tr, const uint64_t* in, uint64_t n, uint64_t** out, uint64_t* nout) { return adjoint_api->branch(yes, no, tr, in, n, out, nout); }
static int adjointLoop(uint64_t c, uint64_t b, uint64_t tr, const uint64_t* in, uint64_t n, uint64_t** out, uint64_t* nout) { return adjoint_api->loop(c, b, tr, in, n, out, nout); }
static uint64_t adjointProgramNew(void) { return adjoint_api->program_new(); }
static void adjointProgramFree(uint64_t p) { adjoint_api->program_free(p); }
// adjointProgramRun is for traces with sizes, which call no Go.
static int adjointProgramRun(uint64_t p, const char* k, uint64_t nk, const uint64_t* in, uint64_t n, uint64_t* tag, uint64_t* buf, uint64_t cap, uint64_t** out, uint64_t* nout) { return adjoint_api->program_run(p, k, nk, in, n, false, tag, buf, cap, out, nout); }
static int adjointProgramRunShapeless(uint64_t p, const char* k, uint64_t nk, const uint64_t* in, uint64_t n, uint64_t* tag, uint64_t** out, uint64_t* nout) { return adjoint_api->program_run(p, k, nk, in, n, true, tag, 0, 0, out, nout); }
static int adjointProgramTrace(uint64_t p, uint64_t fn, uint64_t tr, const char* k, uint64_t nk, const uint64_t* in, uint64_t n, int shapeless, int mode, uint64_t limit, uint64_t tag, uint64_t** out, uint64_t* nout) { return adjoint_api->program_trace(p, fn, tr, k, nk, in, n, shapeless, mode, limit, tag, out, nout); }
static uint64_t adjointProgramSize(uint64_t p) { return adjoint_api->program_size(p); }
static int adjointProgramTake(uint64_t p, uint64_t from, uint64_t limit, uint64_t** out, uint64_t* nout) { return adjoint_api->program_take(p, from, limit, out, nout); }
static int adjointProgramDescribe(uint64_t p, uint64_t tag, char** out, uint64_t* n) { return adjoint_api->program_describe(p, tag, out, n); }
static bool adjointProgramBare(uint64_t p, uint64_t tag, const uint64_t* in, uint64_t n, uint64_t times) { return adjointBare(p, tag, in, n, times); }
static int adjointProgramExport(uint64_t p, uint64_t tag, int shapeless, char** out, uint64_t* n, uint64_t** c, uint64_t* nc, uint64_t* line) { return adjoint_api->program_export(p, tag, shapeless, out, n, c, nc, line); }
static void adjointProgramClear(uint64_t p) { adjoint_api->program_clear(p); }
static int adjointForeign(uint64_t op, const char* name, const char* key, int traits, const uint64_t* in, uint64_t n, const int64_t* spec, uint64_t nres, uint64_t** out, uint64_t* nout) { return adjoint_api->foreign(op, name, key, traits, in, n, spec, nres, out, nout); }
static uint64_t adjointForeignDropped(uint64_t* out, uint64_t cap) { return adjoint_api->foreign_dropped(out, cap); }
static int adjointForeignBuffers(uint64_t call, int64_t* out, uint64_t cap) { return adjoint_api->foreign_buffers(call, out, cap); }
static int adjointArguments(const uint64_t* in, uint64_t n, int passes, uint64_t** out, uint64_t* nout) { return adjoint_api->arguments(in, n, passes, out, nout); }
static int adjointCustom(uint64_t op, const uint64_t* in, uint64_t n, uint64_t nres, int vjp, int jvp, uint64_t** out, uint64_t* nout) { return adjoint_api->custom(op, in, n, nres, vjp, jvp, out, nout); }
static int adjointCheckpoint(const uint64_t* in, uint64_t n, uint64_t nres, int matmuls, const char* names, uint64_t** out, uint64_t* nout) { return adjoint_api->checkpoint(in, n, nres, matmuls, names, out, nout); }
static int adjointNamed(uint64_t a, const char* name, uint64_t* out) { return adjoint_api->named(a, name, out); }
