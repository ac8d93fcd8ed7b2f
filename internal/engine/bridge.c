//go:build cgo && (linux || darwin)

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <string.h>
#include "_cgo_export.h"
#include "bridge.h"

// AddressSanitizer, in a program built with -asan, refuses to open a library that
// binds past its own functions. Such a program has no BLAS beside ours.
#if defined(__SANITIZE_ADDRESS__)
#undef RTLD_DEEPBIND
void (*adjointFault)(int);
#endif
#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 0
#endif

const adj_api* adjoint_api;
bool (*adjointBare)(uint64_t, uint64_t, const uint64_t*, uint64_t, uint64_t);

// libs holds the C API's library and, where some of its functions are taken from
// another one, that library and their names.
struct libs {
	void* main;
	void* fallback;
	const char** names;
	int n;
};

static void* adjointResolve(const char* name, void* data) {
	struct libs* l = data;
	for (int i = 0; i < l->n; i++) {
		if (strcmp(l->names[i], name) == 0) return dlsym(l->fallback, name);
	}
	return dlsym(l->main, name);
}

void* adjointLoad(const char* path, int deep, const char** err) {
	void* h = dlopen(path, RTLD_NOW | RTLD_LOCAL | (deep ? RTLD_DEEPBIND : 0));
	if (!h) *err = dlerror();
	return h;
}

const char* adjointOpen(void* ext, void* lib, void* fallback, const char** names, int n) {
	adj_open_fn f = (adj_open_fn)dlsym(ext, "adj_open");
	if (!f) return "it has no adj_open";
	adjointBare = (bool (*)(uint64_t, uint64_t, const uint64_t*, uint64_t, uint64_t))dlsym(ext, "adj_bare");
#if defined(__SANITIZE_ADDRESS__)
	adjointFault = (void (*)(int))dlsym(ext, "adj_fault");
#endif
	static adj_callbacks cb;
	cb.function = (int (*)(uint64_t, const uint64_t*, uint64_t, uint64_t**, uint64_t*))adjointFunction;
	cb.eval = adjointEval;
	cb.rule = (int (*)(uint64_t, int, const uint64_t*, uint64_t, uint64_t**, uint64_t*))adjointRule;
	struct libs l = {lib, fallback, names, n};
	const char* missing = "?";
	adjoint_api = f(adjointResolve, &l, &cb, &missing);
	return adjoint_api ? 0 : missing;
}
