package core_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/adjoint-go/adjoint/core"
)

// chain makes n operations of x and y, none of them equal.
func chain(x, y *core.Array, n int) *core.Array {
	for i := range n {
		switch i % 3 {
		case 0:
			x = x.Tanh()
		case 1:
			x = x.Mul(y)
		default:
			x = x.Add(y)
		}
	}
	return x
}

// spent returns the processor time of f, of all threads, which other programs on
// the machine disturb less than the time on the wall.
func spent(b *testing.B, f func()) time.Duration {
	now := func() int64 {
		var t unix.Timespec
		require.NoError(b, unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t))
		return t.Nano()
	}
	start := now()
	f()
	return time.Duration(now() - start)
}

func perNode(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / float64(n) }

// BenchmarkReplay is a replay of n nodes, with the release of what it made, beside
// the same arrays made in a bare loop of C++. The budget is 250 ns a node beyond
// that, and a node of a long program may cost half as much again as one of a short.
func BenchmarkReplay(b *testing.B) {
	x, y := core.From([]float32{1, 2}, 2), core.From([]float32{3, 4}, 2)
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			in := []*core.Array{x, y}
			p := core.NewProgram()
			defer p.Close()
			f := func(in []*core.Array) []*core.Array { return []*core.Array{chain(in[0], in[1], n)} }
			rec := p.Trace("bench", f, []byte("k"), in, false, 1, 1, 0)
			calls := 100000 / n
			replay, bare := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
			for b.Loop() {
				// Each in turn, so that both meet the same machine.
				bare = min(bare, spent(b, func() { require.True(b, p.Bare(rec.Tag, in, calls)) })/time.Duration(calls))
				replay = min(replay, spent(b, func() {
					for range calls {
						out, _, _ := p.Run("bench", []byte("k"), in, false)
						out[0].Free()
					}
				})/time.Duration(calls))
			}
			b.ReportMetric(perNode(replay, n), "ns/node")
			b.ReportMetric(perNode(bare, n), "bare-ns/node")
			b.ReportMetric(perNode(replay-bare, n), "over-ns/node")
			b.ReportMetric(float64(replay)/float64(bare), "x-bare")
		})
	}
}

// BenchmarkTrace is the recording of n operations with its passes.
func BenchmarkTrace(b *testing.B) {
	x, y := core.From([]float32{1, 2}, 2), core.From([]float32{3, 4}, 2)
	w := core.From(make([]float32, 10000), 10000)
	shapes := []struct {
		name string
		in   []*core.Array
		f    func(in []*core.Array, n int) *core.Array
	}{
		{"chain", []*core.Array{x, y}, func(in []*core.Array, n int) *core.Array { return chain(in[0], in[1], n) }},
		{"fan", []*core.Array{x, y}, func(in []*core.Array, n int) *core.Array {
			sum := in[0]
			for i := range n / 2 {
				sum = sum.Add(in[1].MulScalar(float64(i)))
			}
			return sum
		}},
		{"slices", []*core.Array{w}, func(in []*core.Array, n int) *core.Array {
			parts := make([]*core.Array, n)
			for i := range parts {
				parts[i] = in[0].Slice(0, i, i+1)
			}
			return core.Concatenate(0, parts...)
		}},
		{"products", []*core.Array{core.Eye(core.Float32, 2, 2, 0)}, func(in []*core.Array, n int) *core.Array {
			m := in[0]
			for range n {
				m = m.MatMul(in[0])
			}
			return m
		}},
	}
	for _, s := range shapes {
		for _, n := range []int{100, 1000, 10000} {
			b.Run(fmt.Sprint(s.name, "/", n), func(b *testing.B) {
				least := time.Duration(math.MaxInt64)
				for b.Loop() {
					p := core.NewProgram()
					least = min(least, spent(b, func() {
						p.Trace("bench", func(in []*core.Array) []*core.Array { return []*core.Array{s.f(in, n)} },
							[]byte("k"), s.in, false, 0, 1, 0)
					}))
					p.Close()
				}
				b.ReportMetric(perNode(least, n), "ns/node")
			})
		}
	}
}
