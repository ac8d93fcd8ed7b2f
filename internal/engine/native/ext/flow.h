// Control flow: primitives whose bodies are recorded functions.
#pragma once
#include <memory>

#include "ext/derive.h"

namespace adj {

using Arrays = std::vector<array>;

// A Body is a recorded function. What it captured are inputs behind its
// arguments.
using Body = std::shared_ptr<const Graph>;

// Recorded is what tracing a function gave.
struct Recorded {
  Arrays in; // placeholders
  Arrays out;
};
Recorded record(uint64_t fn, uint64_t trace, const Arrays& like);

// body makes a Body of what out computes from in, and appends what it captured.
Body body(const Arrays& in, const Arrays& out, Arrays& captures);

array placeholder(const array& like);
Arrays placeholders(const Arrays& like);
bool inexact(const array& a);

// pulled records the reverse of b on arguments like in: from those and the
// cotangents of its floating-point outputs to the gradients for the inputs wrt.
Body pulled(const Body& b, const Arrays& in, const std::vector<int>& wrt, Arrays& captures);

// pushed records b's tangents: from its inputs and the tangents of the inputs wrt
// to the tangents of all outputs, preceded by the outputs if primal is true.
Body pushed(const Body& b, const Arrays& in, const std::vector<int>& wrt, bool primal, Arrays& captures);

// Examples is a body over size examples: inputs are mapped along axes, outputs
// along out, both unmapped where they are not.
struct Examples {
  Body body;
  std::vector<int> out;
};
// mapped records b over examples. Outputs are mapped along their first axis, where
// they depend on a mapped input or force says so.
Examples mapped(
    const Body& b, const Arrays& in, const std::vector<int>& axes, int size,
    const std::vector<bool>& force, Arrays& captures);

int mapped_size(const Arrays& in, const std::vector<int>& axes);

// here says whether bodies can be run by a primitive of this thread's stream.
bool here(std::initializer_list<Body> bodies);
const Stream& current();

Arrays operator+(Arrays a, const Arrays& b);
Arrays part(const Arrays& v, size_t from, size_t to);
std::vector<int> range(int from, int to);
std::vector<mlx::core::Shape> shapes_of(const Arrays& v);

// The shapes and dtypes of arrays, as make_arrays wants them.
Arrays make(const Arrays& like, std::shared_ptr<mlx::core::Primitive> p, const Arrays& in);

// Entries of the api.
int scan_of(
    uint64_t fn, uint64_t trace, const uint64_t* in, uint64_t n, uint64_t carried,
    uint64_t length, bool reverse, bool remat, uint64_t** out, uint64_t* nout);
int branch_of(
    uint64_t yes, uint64_t no, uint64_t trace, const uint64_t* in, uint64_t n,
    uint64_t** out, uint64_t* nout);
int loop_of(
    uint64_t condition, uint64_t step, uint64_t trace, const uint64_t* in, uint64_t n,
    uint64_t** out, uint64_t* nout);

} // namespace adj
