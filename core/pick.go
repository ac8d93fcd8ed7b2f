package core

import "fmt"

// picked is a list of indices given by the program.
type picked []int

// Pick selects the given indices, in their order; the axis stays.
func Pick(indices ...int) Selector { return picked(indices) }

// trueIndices returns the places where a mask is true: one list per axis.
func trueIndices(mask *Array, shape []int, axis int) ([]Selector, error) {
	dims := mask.Shape()
	for i, d := range dims {
		if shape[i] != d {
			return nil, fmt.Errorf("a mask of shape %v does not fit axis %d of size %d", dims, axis+i, shape[i])
		}
	}
	lists := make([]picked, len(dims))
	for i, on := range Data[bool](mask) {
		if !on {
			continue
		}
		for k := len(dims) - 1; k >= 0; k-- {
			lists[k] = append(lists[k], i%dims[k])
			i /= dims[k]
		}
	}
	out := make([]Selector, len(lists))
	for k, l := range lists {
		out[k] = l
	}
	return out, nil
}

func (p picked) array(axis, d int) (*Array, error) {
	at := make([]int32, len(p))
	for k, i := range p {
		if i < -d || i >= d {
			return nil, rangeError(i, axis, d)
		}
		if i < 0 {
			i += d
		}
		at[k] = int32(i)
	}
	return From(at), nil
}
