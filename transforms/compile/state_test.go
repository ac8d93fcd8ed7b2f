package compile_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

func TestBehaviour03_CapturedArraysAreConstantsUnlessListed(t *testing.T) {
	c := struct{ V arr }{num(10)}
	constant := compile.Of(func(x arr) arr { return x.Add(c.V) })
	input := compile.Of(func(x arr) arr { return x.Add(c.V) }, compile.Inputs(&c))
	var seen struct{ Y arr }
	output := compile.Of(func(x arr) arr { seen.Y = x.Mul(x); return x }, compile.Outputs(&seen))
	x := num(2)
	require.Equal(t, 12.0, constant.Call(x).Item())
	require.Equal(t, 12.0, input.Call(x).Item())
	c.V = num(20)
	require.Equal(t, 12.0, constant.Call(x).Item(), "the traced value is kept")
	require.Equal(t, 22.0, input.Call(x).Item())
	require.Equal(t, 1, input.Stats().Traces)
	for i := 1; i < 4; i++ {
		require.Nil(t, seenBefore(&seen.Y, i))
		output.Call(num(float32(i)))
		require.Equal(t, float64(i*i), seen.Y.Item(), "an output is concrete after the call")
	}
	c.V = vec(1, 2)
	require.Equal(t, []float32{3, 4}, floats(input.Call(x)))
	require.Equal(t, 2, input.Stats().Traces)
}

// seenBefore clears the variable for a first call, so that a value can only come
// from the call.
func seenBefore(y *arr, i int) arr {
	if i == 1 {
		*y = nil
		return *y
	}
	return nil
}

func TestStateOfManyShapes(t *testing.T) {
	type model struct {
		W    []arr
		M    map[string]arr
		Opt  arr
		Next *model
		Step int
	}
	m := model{W: []arr{num(1), num(2)}, M: map[string]arr{"k": num(3)}, Next: &model{Opt: num(4)}}
	kept := m.Next
	f := compile.Of(func(x arr) arr {
		sum := x
		for i := range m.W {
			m.W[i] = m.W[i].Add(x)
			sum = sum.Add(m.W[i])
		}
		m.M["k"] = m.M["k"].Add(x)
		m.Next.Opt = m.Next.Opt.Mul(x)
		return sum.Add(m.M["k"]).Add(m.Next.Opt)
	}, compile.State(&m))
	w1, w2, k, o := 1.0, 2.0, 3.0, 4.0
	for range 4 {
		w1, w2, k, o = w1+2, w2+2, k+2, o*2
		require.Equal(t, 2+w1+w2+k+o, f.Call(num(2)).Item())
		require.Equal(t, []float64{w1, w2, k, o}, []float64{m.W[0].Item(), m.W[1].Item(), m.M["k"].Item(), m.Next.Opt.Item()})
		require.Same(t, kept, m.Next)
	}
	require.Equal(t, 1, f.Stats().Traces)
	m.Step = 5 // static leaves are part of the key
	f.Call(num(2))
	require.Equal(t, 2, f.Stats().Traces)
}

func TestStateMayAppearAndVanish(t *testing.T) {
	var s struct{ Cache, Sum arr }
	f := compile.Of(func(x arr) arr {
		if s.Cache == nil {
			s.Cache, s.Sum = x, num(0)
		}
		s.Sum = s.Sum.Add(s.Cache)
		return s.Sum
	}, compile.State(&s))
	for i := 1; i <= 4; i++ {
		require.Equal(t, float64(3*i), f.Call(num(3)).Item())
	}
	require.Equal(t, 2, f.Stats().Traces)
	s.Cache, s.Sum = nil, nil
	require.Equal(t, 5.0, f.Call(num(5)).Item())
	require.Equal(t, 2, f.Stats().Traces)
}

func TestBehaviour05_RandomState(t *testing.T) {
	key := random.Key(7)
	fixed := compile.Of(func() arr { return random.Normal(key, core.Float32, 3) })
	first := floats(fixed.Call())
	require.Equal(t, first, floats(fixed.Call()))
	sameNumbers(t, floats(random.Normal(key, core.Float32, 3)), first)
	type rng struct{ Key arr }
	draw := func(r *rng) arr {
		a, b := random.Split(r.Key)
		r.Key = a
		return random.Normal(b, core.Float32, 3)
	}
	eager, traced := rng{random.Key(9)}, rng{random.Key(9)}
	f := compile.Of(func() arr { return draw(&traced) }, compile.State(&traced))
	var last []float32
	for range 5 {
		want, got := floats(draw(&eager)), floats(f.Call())
		sameNumbers(t, want, got)
		require.NotEqual(t, last, got)
		last = got
	}
	require.Equal(t, 1, f.Stats().Traces)
}

func TestStateErrors(t *testing.T) {
	s := struct {
		N arr
		K int
	}{N: num(1)}
	f := compile.Of(func(x arr) arr { s.N = s.N.Add(x); return s.N }, compile.State(&s))
	for name, call := range map[string]func(){
		"in grad":    func() { grad.Of(func(x arr) arr { return f.Call(x) })(num(1)) },
		"in vmap":    func() { vmap.Of(f.Call)(vec(1, 2)) },
		"in compile": func() { compile.Of(func(x arr) arr { return f.Call(x) }).Call(num(1)) },
	} {
		require.Contains(t, failure(t, call).Error(), "captured state", name)
		require.Equal(t, 1.0, s.N.Item())
	}
	changes := compile.Of(func(x arr) arr { s.K++; s.N = s.N.Add(x); return s.N }, compile.State(&s))
	e := failure(t, func() { changes.Call(num(1)) })
	require.Contains(t, e.Error(), "K")
	require.Equal(t, 1.0, s.N.Item(), "a failed trace left its state")
	boom := compile.Of(func(x arr) arr { s.N = x; return x.MatMul(x) }, compile.State(&s))
	failure(t, func() { boom.Call(num(1)) })
	require.Equal(t, 1.0, s.N.Item(), "a failed trace left its state")
	n := num(1)
	for _, bad := range []any{nil, s, n, 3, (*struct{ N arr })(nil)} {
		require.Contains(t, failure(t, func() { compile.Of(func() {}, compile.State(bad)) }).Error(), "&x")
	}
	require.Equal(t, 3.0, f.Call(num(2)).Item())
}

func TestBehaviour08_GoexitPutsStateBack(t *testing.T) {
	s := struct{ N arr }{num(1)}
	alone(func() {
		gone := compile.Of(func(x arr) arr { s.N = x; exit(); return x }, compile.State(&s))
		gone.Call(num(1))
	})
	require.Equal(t, 1.0, s.N.Item())
}

func TestStateIsReadAndWrittenByOneCallAtATime(t *testing.T) {
	s := struct{ N arr }{num(0)}
	f := compile.Of(func() { s.N = s.N.Add(num(1)) }, compile.State(&s))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				f.Call()
			}
		})
	}
	wg.Wait()
	require.Equal(t, 400.0, s.N.Item())
	require.Equal(t, 1, f.Stats().Traces)
}
