// Package engine opens the array engine and is the only package of Adjoint that
// imports "C".
//
// The engine is loaded, not linked: the first [Enter] finds what `adjoint setup`
// built (package native), opens the libraries and fills a table of function
// pointers. Without an engine, or without cgo, everything still builds and the
// first use returns one sentence with the command to run.
//
// One lock, taken by Enter and given back by [Leave], covers every call into the
// engine: op building, frees, status reads, graph walks, evaluation and its
// wait. It is released while a user's Go function runs inside a trace, so a
// traced function may wait for another goroutine. Cleanups never free: they
// queue handles with [Release], and the next Enter frees them.
//
// Three things are bound to the operating system's thread and kept by the C++
// side: the live traces, the scope that owns new arrays, and the stream that
// core.Using chose. Calls that can run a traced function therefore lock the
// goroutine to its thread.
package engine
