// Package cxx finds and runs this machine's C++ compiler: for setup, which
// compiles the engine's native sources, and for the emulator of Metal kernels.
package cxx
