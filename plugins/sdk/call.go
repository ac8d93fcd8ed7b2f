package sdk

import (
	"context"
	"fmt"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

// Call is one call of a kernel: its inputs, and memory for its outputs, which
// is zero at first. It is valid until the kernel returns: its memory is used for
// other calls then.
//
// The typed accessors return the elements of an input or output in row order.
// With another dtype, or an index that does not exist, they return nil and
// [Call.Err] says so; the kernel then fails with that error.
type Call struct {
	ctx    context.Context
	kernel string
	in     []Tensor
	out    []Tensor
	attrs  map[string]any
	err    error
}

// Context is cancelled when the host no longer wants the result.
func (c *Call) Context() context.Context { return c.ctx }

// Err returns the first mistake in the use of the accessors, or that the call
// was cancelled. A kernel ends with it.
func (c *Call) Err() error {
	if c.err == nil {
		return c.ctx.Err()
	}
	return c.err
}

// In returns input i with its type. Its memory must not be written.
func (c *Call) In(i int) Tensor { return c.pick("input", c.in, i) }

// Out returns output i with its type.
func (c *Call) Out(i int) Tensor { return c.pick("output", c.out, i) }

func (c *Call) pick(what string, from []Tensor, i int) Tensor {
	if i < 0 || i >= len(from) {
		c.fail(fmt.Errorf("kernel %s: there is no %s %d; it has %d", c.kernel, what, i, len(from)))
		return Tensor{}
	}
	return from[i]
}

func (c *Call) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func view[T spec.Element](c *Call, what string, from []Tensor, i int) []T {
	t := c.pick(what, from, i)
	if t.DType == "" {
		return nil
	}
	v, err := spec.Values[T](t)
	if err != nil {
		c.fail(fmt.Errorf("kernel %s: %s %d: %w", c.kernel, what, i, err))
	}
	return v
}

// F32In returns input i, which must be float32.
func (c *Call) F32In(i int) []float32 { return view[float32](c, "input", c.in, i) }

// F32Out returns output i, which must be float32.
func (c *Call) F32Out(i int) []float32 { return view[float32](c, "output", c.out, i) }

// F64In returns input i, which must be float64.
func (c *Call) F64In(i int) []float64 { return view[float64](c, "input", c.in, i) }

// F64Out returns output i, which must be float64.
func (c *Call) F64Out(i int) []float64 { return view[float64](c, "output", c.out, i) }

// I32In returns input i, which must be int32.
func (c *Call) I32In(i int) []int32 { return view[int32](c, "input", c.in, i) }

// I32Out returns output i, which must be int32.
func (c *Call) I32Out(i int) []int32 { return view[int32](c, "output", c.out, i) }

func attr[T any](c *Call, name string) T {
	v, ok := c.attrs[name].(T)
	if !ok {
		c.fail(fmt.Errorf("kernel %s: there is no attribute %s of type %T", c.kernel, name, v))
	}
	return v
}

// Int returns an attribute that is an integer.
func (c *Call) Int(name string) int { return int(attr[int64](c, name)) }

// Float returns an attribute that is a float.
func (c *Call) Float(name string) float64 { return attr[float64](c, name) }

// Bool returns an attribute that is a truth value.
func (c *Call) Bool(name string) bool { return attr[bool](c, name) }

// Text returns an attribute that is a string.
func (c *Call) Text(name string) string { return attr[string](c, name) }

// In returns input i as elements of type T, for the dtypes without a method:
// sdk.In[int64](c, 0). Bool is read as uint8, float16 and bfloat16 as uint16.
func In[T spec.Element](c *Call, i int) []T { return view[T](c, "input", c.in, i) }

// Out returns output i as elements of type T, as [In] does for inputs.
func Out[T spec.Element](c *Call, i int) []T { return view[T](c, "output", c.out, i) }
