// Command gen makes the generated files of Adjoint from the op table: the C
// API over MLX and its call table (internal/engine/native), the op numbers
// (internal/engine) and the public methods and functions of core and its
// sub-packages. Run it with `go generate ./...` or `make generate` from any
// folder of the module; with -check it writes nothing and fails when a file on
// disk differs from what it would write.
package main
