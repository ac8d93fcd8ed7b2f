package core

// Full returns an array with v everywhere. Errors: the dtype cannot hold v, or a
// size is negative.
func Full(dtype DType, v float64, shape ...int) *Array {
	if !dtype.Valid() {
		Failf("Full", "%v is not a dtype", dtype)
	}
	return fullRaw(dtype, (*Array)(nil).scalarIn("Full", dtype, v), shape...)
}

// FullLike returns v everywhere, in the shape and dtype of a. Errors: the dtype
// cannot hold v.
func (a *Array) FullLike(v float64) *Array {
	d := a.dtype("FullLike")
	return a.fullLikeRaw(a.scalarIn("FullLike", d, v), d)
}

// FullOf returns a, of any shape that broadcasts to shape, as an array of
// dtype with memory of its own. Errors: a does not broadcast to shape.
func FullOf(dtype DType, a *Array, shape ...int) *Array { return fullRaw(dtype, a, shape...) }
