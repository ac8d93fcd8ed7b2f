package ops

import (
	"fmt"
	"strconv"
	"strings"
)

// Value is one argument of a case. Exactly the fields that its kind needs are
// set.
type Value struct {
	Arrays []Sample // array: one; array?: none or one; arrays: any number
	Ints   []int    // int, int2, int3, ints, shape, …
	Float  float64
	Bool   bool
	Text   string // string and dtype
}

// Sample describes an input array of a case.
type Sample struct {
	Shape []int
	// Domain says which values: "" normal-like in (-2, 2), pos (0.5, 2), neg (-2, -0.5), unit
	// (0.1, 0.9), open (-0.8, 0.8), gt1 (1.2, 3), spd a symmetric positive
	// definite matrix, lower and upper a well-conditioned triangular one, well
	// a well-conditioned matrix, apart one with real eigenvalues or singular
	// values that differ and vectors whose signs LAPACK keeps nearby, sym a symmetric one, distinct a
	// shuffle of k/2 + 0.1 for n consecutive integers k centred on 0, between
	// random numbers k/2 + 0.35 with integer k in [-5, 4] (so at least 0.15 from
	// every multiple of 0.5 and 0.25 from every distinct one), sorted k/2 for
	// consecutive integers k centred on 0 along the last axis, bool, key a random key, idxN
	// integers below N (int32), permN distinct integers below N (int32)
	// along the last axis, u32 random 32-bit words, fp8 random bytes without the
	// two NaN codes of E4M3 (0x7f and 0xff), e8m0 bytes from 124 to 130, segN
	// rows [start, stop) that cut 0 … N into consecutive segments, eye.
	Domain string
	// DType fixes the dtype; empty follows the dtype under test.
	DType string
}

// Case is a parsed row of Op.Cases: one value per argument.
type Case map[string]Value

// ParseCase reads "a:3x4@pos; b:2,3x2:int32; axes:[1]; keepdims:true". An array
// is its sizes joined by x ("0d" is a scalar), then optionally @domain and
// :dtype; arrays of a list are separated by +. Arguments that are not named are
// absent (array?, dtype?, …), zero or false.
func (o *Op) ParseCase(text string) (Case, error) {
	c := Case{}
	kind := map[string]Kind{}
	for _, a := range o.Args() {
		kind[a.Name] = a.Kind
		c[a.Name] = Value{}
	}
	for _, part := range strings.Split(text, ";") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		name, val, ok := strings.Cut(part, ":")
		k, known := kind[name]
		if !ok || !known {
			return nil, fmt.Errorf("ops: %s: no argument %q in case %q", o.Name, name, text)
		}
		v, err := parseValue(k, strings.TrimSpace(val))
		if err != nil {
			return nil, fmt.Errorf("ops: %s: case %q: %s: %w", o.Name, text, name, err)
		}
		c[name] = v
	}
	for n, k := range kind {
		if k == Array && len(c[n].Arrays) != 1 {
			return nil, fmt.Errorf("ops: %s: case %q gives no array %s", o.Name, text, n)
		}
	}
	return c, nil
}

func parseValue(k Kind, s string) (Value, error) {
	var v Value
	var err error
	switch k {
	case Array, OptArray, Arrays:
		for _, one := range strings.Split(s, "+") {
			smp, e := parseSample(strings.TrimSpace(one))
			if e != nil {
				return v, e
			}
			v.Arrays = append(v.Arrays, smp)
		}
	case Int, OptInt, Size, Uint64, FFTNorm:
		var n int
		n, err = strconv.Atoi(s)
		v.Ints = []int{n}
	case Int2, Int3, Ints, OptInts, Axes, Shape, Bounds, Strides:
		s = strings.Trim(s, "[]")
		for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
			n, e := strconv.Atoi(f)
			if e != nil {
				return v, e
			}
			v.Ints = append(v.Ints, n)
		}
	case Float, Double, OptFloat:
		v.Float, err = strconv.ParseFloat(s, 64)
		v.Text = s
	case Bool:
		v.Bool, err = strconv.ParseBool(s)
	case DType, OptDType, String:
		v.Text = s
	}
	return v, err
}

func parseSample(s string) (Sample, error) {
	var smp Sample
	s, smp.DType, _ = strings.Cut(s, ":")
	s, smp.Domain, _ = strings.Cut(s, "@")
	if s == "0d" {
		return smp, nil
	}
	for _, f := range strings.Split(s, "x") {
		n, err := strconv.Atoi(f)
		if err != nil || n < 0 {
			return smp, fmt.Errorf("bad shape %q", s)
		}
		smp.Shape = append(smp.Shape, n)
	}
	return smp, nil
}
