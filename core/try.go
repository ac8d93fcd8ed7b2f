package core

// Try calls f, evaluates the arrays that its result reaches, and returns an
// *[Error] that either panicked with as an error. Other panics pass.
//
//	y, err := core.Try(func() *core.Array { return a.MatMul(b) })
func Try[T any](f func() T) (out T, err error) {
	defer Catch(&err)
	out = f()
	Eval(out)
	return out, nil
}
