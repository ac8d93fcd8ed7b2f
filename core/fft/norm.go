package fft

// Scalings, as the norm of the With forms: which of a transform of n elements and
// its inverse is divided by what.
const (
	Backward = iota // the inverse by n; the default
	Ortho           // both by √n
	Forward         // the transform by n
)
