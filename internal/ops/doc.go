// Package ops is the op table: one row per operation of the array engine.
//
// A row holds what every layer needs to know about an op: its mlx-c symbol and
// C++ function, the kinds of its arguments, its public Go names with their
// documentation, and what the conformance suite needs (sample arguments,
// dtypes, differentiable arguments, tolerance). The generator in internal/gen
// turns the table into C++, Go methods and documentation; adding an op is
// adding a row.
//
// The package is pure data. It imports nothing of Adjoint and never needs the
// engine.
package ops
