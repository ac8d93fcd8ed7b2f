package sample

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/adjoint-go/adjoint/core"
)

// Source returns the random numbers that belong to a seed and a name, so that a
// case sees the same ones whichever others run.
func Source(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// Make draws an array for a leaf. Domains are those of ops.Sample; for integers
// each is the integers that come closest.
func (l Leaf) Make(r *rand.Rand) Value {
	n := 1
	for _, d := range l.Sample.Shape {
		n *= d
	}
	g := generator{rand: r, leaf: l, n: n, last: 1}
	if k := len(l.Sample.Shape); k > 0 {
		g.last = l.Sample.Shape[k-1]
	}
	elems := g.elements()
	if l.DType == core.Complex64 {
		// Imaginary parts are kept small, so that |z| stays where re alone is in
		// the domain and off the branch cuts of logarithms and roots.
		for i, e := range elems {
			elems[i] = complex(real(e), g.between(-0.4, 0.4))
		}
	}
	return New(core.Spec{DType: l.DType, Shape: l.Sample.Shape}, elems)
}

type generator struct {
	rand    *rand.Rand
	leaf    Leaf
	n, last int
}

func (g generator) between(lo, hi float64) float64 { return lo + (hi-lo)*g.rand.Float64() }

func (g generator) each(f func(i int) float64) []complex128 {
	out := make([]complex128, g.n)
	for i := range out {
		out[i] = complex(f(i), 0)
	}
	return out
}

// uniform draws from (lo, hi), for integers from least to most, both included.
func (g generator) uniform(lo, hi float64, least, most int) []complex128 {
	if g.leaf.DType.IsInexact() {
		return g.each(func(int) float64 { return g.between(lo, hi) })
	}
	if g.unsigned() {
		least = max(least, 0)
	}
	return g.each(func(int) float64 { return float64(least + g.rand.IntN(most-least+1)) })
}

func (g generator) unsigned() bool {
	d := g.leaf.DType
	return d == core.Bool || d >= core.Uint8 && d <= core.Uint64
}

func (g generator) elements() []complex128 {
	domain := strings.TrimRight(g.leaf.Sample.Domain, "0123456789")
	bound, _ := strconv.Atoi(g.leaf.Sample.Domain[len(domain):])
	switch g.leaf.Sample.Domain {
	case "u32":
		return g.each(func(int) float64 { return float64(g.rand.Uint32()) })
	case "fp8":
		return g.each(func(int) float64 {
			b := g.rand.IntN(127)
			return float64(b + 128*g.rand.IntN(2))
		})
	case "e8m0":
		return g.each(func(int) float64 { return float64(124 + g.rand.IntN(7)) })
	case "gt1":
		return g.uniform(1.2, 3, 1, 3)
	}
	switch domain {
	case "":
		return g.uniform(-2, 2, -3, 3)
	case "pos":
		return g.uniform(0.5, 2, 1, 3)
	case "neg":
		return g.uniform(-2, -0.5, -3, -1)
	case "unit":
		return g.uniform(0.1, 0.9, 0, 1)
	case "open":
		return g.uniform(-0.8, 0.8, -1, 1)
	case "bool":
		return g.each(func(int) float64 { return float64(g.rand.IntN(2)) })
	case "key":
		return g.each(func(int) float64 { return float64(g.rand.Uint32()) })
	case "idx":
		return g.each(func(int) float64 { return float64(g.rand.IntN(bound)) })
	case "distinct":
		return g.permuted(g.n, func(k int) float64 { return g.grid(k-g.n/2, 0.1, -g.n/2) })
	case "between":
		return g.each(func(int) float64 { return g.grid(g.rand.IntN(10)-5, 0.35, -5) })
	case "sorted":
		return g.each(func(i int) float64 { return g.grid(i%g.last-g.last/2, 0, -g.last/2) })
	case "perm":
		return g.permuted(bound, func(k int) float64 { return float64(k) })
	case "seg":
		// Row i of m is [i·N/m, (i+1)·N/m).
		m := g.n / 2
		return g.each(func(i int) float64 { return float64((i/2 + i%2) * bound / m) })
	}
	return g.matrices(domain)
}

// grid is k/2 + shift, for integers k, moved up by the least where there are no
// negative ones.
func (g generator) grid(k int, shift float64, least int) float64 {
	switch {
	case g.leaf.DType.IsInexact():
		return float64(k)/2 + shift
	case g.unsigned():
		return float64(k - least)
	}
	return float64(k)
}

// permuted fills each run of the last axis, or for n elements the whole array,
// with f of distinct numbers below n.
func (g generator) permuted(n int, f func(k int) float64) []complex128 {
	run := g.last
	if n == g.n {
		run = g.n
	}
	var order []int
	return g.each(func(i int) float64 {
		if i%run == 0 {
			order = g.rand.Perm(n)
		}
		return f(order[i%run])
	})
}

// matrices fills the last two axes.
func (g generator) matrices(domain string) []complex128 {
	cols := g.last
	rows := 1
	if k := len(g.leaf.Sample.Shape); k > 1 {
		rows = g.leaf.Sample.Shape[k-2]
	}
	out := make([]complex128, 0, g.n)
	for range g.n / max(rows*cols, 1) {
		a := make([][]float64, rows)
		for i := range a {
			a[i] = make([]float64, cols)
			for j := range a[i] {
				a[i][j] = g.entry(domain, i, j)
			}
		}
		if domain == "spd" || domain == "sym" {
			a = symmetric(a, domain == "spd")
		}
		for i := range a {
			for j := range a[i] {
				out = append(out, complex(a[i][j], 0))
			}
		}
	}
	return out
}

func (g generator) entry(domain string, i, j int) float64 {
	diagonal := 1.5 + 0.75*float64(i)
	switch domain {
	case "eye":
		if i == j {
			return 1
		}
		return 0
	case "apart":
		if i == j {
			return 2 * diagonal
		}
		return g.between(0.15, 0.3)
	case "well", "sym", "spd":
		if i == j {
			return diagonal
		}
		return g.between(-0.5, 0.5)
	case "lower", "upper":
		switch {
		case i == j:
			return diagonal
		case i > j == (domain == "lower"):
			return g.between(-0.7, 0.7)
		}
		return 0
	}
	panic(fmt.Sprintf("sample: unknown domain %q", domain))
}

// symmetric returns (a + aᵀ)/2, and with definite a diagonal that dominates.
func symmetric(a [][]float64, definite bool) [][]float64 {
	out := make([][]float64, len(a))
	for i := range a {
		out[i] = make([]float64, len(a))
		for j := range a {
			out[i][j] = (a[i][j] + a[j][i]) / 2
		}
	}
	if definite {
		for i := range out {
			sum := 0.0
			for j := range out {
				if j != i {
					sum += math.Abs(out[i][j])
				}
			}
			out[i][i] += sum
		}
	}
	return out
}
