// Package install makes the engine: it installs MLX's pinned packages with pip, compiles the embedded native sources
// against them, checks the result in a process of its own, and puts it in place with one rename.
//
// [Run] is the whole of it. It may be run at any time and by several processes at once: a lock lets one work while
// the others wait, an engine that is already whole is left alone, and a run that was killed leaves only a folder with
// a temporary name, which the next run removes. Nothing outside [native.Home] is written.
package install
