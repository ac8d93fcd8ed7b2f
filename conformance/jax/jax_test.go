package jax

import (
	"fmt"
	"maps"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/core/tree"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

// allowed is the relative error that float32 is given: the largest difference
// over the largest element.
const allowed = 1e-4

// results are trees by name: "grad" with leaves w and b is grad.w and grad.b.
type results map[string]any

// twin is the Go side of a program.
type twin struct {
	name string
	run  func(t *testing.T, stored arrays)
}

// of makes a twin of a function of what is differentiated and what is not. Its
// arguments are filled with the stored inputs by their paths.
func of[P, D any](name string, f func(P, D) results) twin {
	return twin{name, func(t *testing.T, stored arrays) {
		var p P
		var d D
		in := inputs{arrays: stored, left: map[string]bool{}}
		for path := range stored {
			if !strings.HasPrefix(path, "r") {
				in.left[path] = true
			}
		}
		in.fill(reflect.ValueOf(&p).Elem(), "p")
		in.fill(reflect.ValueOf(&d).Elem(), "d")
		require.Empty(t, in.left, "inputs that no field of the arguments takes")

		want := stored.below("r")
		t.Run("eager", func(t *testing.T) {
			core.TidyDo(func() { compare(t, want, func() results { return f(p, d) }) })
		})
		t.Run("compiled", func(t *testing.T) {
			g := compile.Of(f)
			defer g.Close()
			for range 2 {
				core.TidyDo(func() { compare(t, want, func() results { return g.Call(p, d) }) })
			}
			assert.Equal(t, 1, g.Stats().Traces)
			assert.Zero(t, g.Stats().Inline)
		})
	}}
}

// arrays are what is stored for one program, by path.
type arrays map[string]*core.Array

func (a arrays) below(prefix string) arrays {
	out := arrays{}
	for path, x := range a {
		if rest, ok := strings.CutPrefix(path, prefix+"."); ok {
			out[rest] = x
		}
	}
	return out
}

// inputs fills arguments with stored arrays.
type inputs struct {
	arrays
	left map[string]bool // paths that nothing was filled with yet
}

func (in inputs) fill(v reflect.Value, path string) {
	switch {
	case v.Type() == reflect.TypeFor[*core.Array]():
		if a := in.arrays[path]; a != nil {
			v.Set(reflect.ValueOf(a))
			delete(in.left, path)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("tree"), ",")
			if name == "" {
				name = strings.ToLower(field.Name)
			}
			in.fill(v.Field(i), path+"."+name)
		}
	case v.Kind() == reflect.Slice:
		for i := 0; in.any(path + "." + strconv.Itoa(i)); i++ {
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
			in.fill(v.Index(i), path+"."+strconv.Itoa(i))
		}
	}
}

func (in inputs) any(path string) bool {
	for p := range in.left {
		if p == path || strings.HasPrefix(p, path+".") {
			return true
		}
	}
	return false
}

// compare holds what f gives against what is stored.
func compare(t *testing.T, want arrays, f func() results) {
	t.Helper()
	r, err := core.Try(f)
	require.NoError(t, err)
	got := arrays{}
	for path, a := range tree.All(r) {
		got[strings.ToLower(path)] = a
	}
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)), "the program's results")
	for _, path := range slices.Sorted(maps.Keys(want)) {
		assert.NoError(t, differ(want[path], got[path]), path)
	}
}

// differ says how got misses want.
func differ(want, got *core.Array) error {
	if !slices.Equal(want.Shape(), got.Shape()) {
		return fmt.Errorf("shape %v, JAX has %v", got.Shape(), want.Shape())
	}
	if got.DType() != core.Float32 {
		return fmt.Errorf("dtype %v", got.DType())
	}
	w, g := core.Data[float32](want), core.Data[float32](got)
	largest, worst, at := 0.0, 0.0, 0
	for i := range w {
		largest = max(largest, math.Abs(float64(w[i])))
		// A NaN is never smaller.
		if d := math.Abs(float64(g[i]) - float64(w[i])); !(d <= worst) {
			worst, at = d, i
			if math.IsNaN(d) {
				break
			}
		}
	}
	if !(worst <= allowed*largest) {
		return fmt.Errorf("off by %.1e of the largest element; element %d of %v is %v, JAX says %v", worst/largest, at, want.Shape(), g[at], w[at])
	}
	return nil
}

// stored reads the file once.
var stored = sync.OnceValues(func() (map[string]arrays, error) {
	f, err := os.Open("testdata/programs.npz")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := mlxio.ReadNPZ(f)
	programs := map[string]arrays{}
	for key, a := range all {
		parts := strings.SplitN(key, "/", 3)
		name, path := parts[0], strings.TrimSuffix(parts[1]+"."+parts[2], ".")
		if programs[name] == nil {
			programs[name] = arrays{}
		}
		programs[name][path] = a
	}
	return programs, err
})

var twins = slices.Concat(linear, convolutions, attentions, sequences, physics, likelihoods, learning, structures)

func TestDerivativesAreThoseOfJAX(t *testing.T) {
	programs, err := stored()
	require.NoError(t, err)
	for _, p := range twins {
		t.Run(p.name, func(t *testing.T) {
			require.Contains(t, programs, p.name, "nothing is stored for the program; run make.py")
			p.run(t, programs[p.name])
		})
	}
}

func TestEveryProgramHasItsTwin(t *testing.T) {
	programs, err := stored()
	require.NoError(t, err)
	var names []string
	for _, p := range twins {
		names = append(names, p.name)
	}
	slices.Sort(names)
	assert.Equal(t, slices.Sorted(maps.Keys(programs)), names)
	assert.GreaterOrEqual(t, len(names), 60)
}

// A result that is off says by how much, and where.
func Example() {
	want := core.From([]float32{1, -200, 3})
	fmt.Println(differ(want, core.From([]float32{1.01, -200, 3})))
	fmt.Println(differ(want, core.From([]float32{1.1, -200, 3})))
	// Output:
	// <nil>
	// off by 5.0e-04 of the largest element; element 0 of [3] is 1.1, JAX says 1
}

func TestWrongNumbersAreSeen(t *testing.T) {
	want := core.From([]float32{1, -200, 3})
	assert.ErrorContains(t, differ(want, core.From([]float32{1, float32(math.NaN()), 3})), "is NaN")
	assert.ErrorContains(t, differ(want, core.From([]float32{1, -200, 3}, 3, 1)), "shape [3 1]")
	assert.ErrorContains(t, differ(want, core.From([]float64{1, -200, 3})), "dtype float64")
}
