// Package random draws arrays of random numbers from explicit keys.
//
// A key is an array of two words that [Key] makes from a seed. A function of a
// key always gives the same numbers for it, eagerly and inside every transform,
// so each draw needs a key of its own: [Split] or [SplitN] make new ones from
// one, which is then not used again.
//
//	key, next := random.Split(random.Key(0))
//	w := random.Normal(key, core.Float32, 784, 10)
//
// Where passing keys along is a burden, a [State] holds one and hands out the
// next. It is a tree with one array, so compile.State captures it and a compiled
// function draws other numbers at each call.
//
// The numbers are those of MLX for the same key: Threefry-2x32 counters. They do
// not depend on the machine, on the number of threads, or on what was drawn
// before. They are not for cryptography.
package random
