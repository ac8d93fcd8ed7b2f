//go:build asan

package native

// This program is built with -asan, and so is the program that makes its engine.
const (
	sanitized = true
	buildFlag = "-asan "
)
