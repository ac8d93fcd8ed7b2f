// Package scaffold writes the beginnings of a kernel plugin: a Go module with a
// kernel, its gradient, GPU sources, a test, a Makefile and a README, from the
// files in its template folder.
package scaffold
