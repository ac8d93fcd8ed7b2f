package emulate_test

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/adjoint-go/adjoint/core/fast/emulate"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func kernel(source string) emulate.Kernel {
	return emulate.Kernel{Name: "k", Inputs: []string{"x"}, Outputs: []string{"y"}, Source: source}
}

func run[T spec.Element](t *testing.T, k emulate.Kernel, l emulate.Launch, in ...spec.Tensor) []T {
	t.Helper()
	out, err := k.Run(t.Context(), l, in...)
	require.NoError(t, err)
	require.NoError(t, out[0].Check())
	values, err := spec.Values[T](out[0])
	require.NoError(t, err)
	return values
}

// Every attribute has the value that Metal's specification gives it, also in
// the smaller threadgroups at the grid's edge.
func TestAttributes(t *testing.T) {
	grid, group := [3]int{10, 3, 4}, [3]int{4, 2, 4}
	names := []string{
		"thread_position_in_grid", "thread_position_in_threadgroup", "threadgroup_position_in_grid", "threads_per_grid",
		"threads_per_threadgroup", "dispatch_threads_per_threadgroup", "threadgroups_per_grid", "grid_size", "grid_origin",
	}
	scalars := []string{
		"thread_index_in_threadgroup", "simdgroup_index_in_threadgroup", "thread_index_in_simdgroup", "simdgroups_per_threadgroup",
		"threads_per_simdgroup", "thread_execution_width", "quadgroup_index_in_threadgroup", "thread_index_in_quadgroup",
		"quadgroups_per_threadgroup", "dispatch_simdgroups_per_threadgroup", "dispatch_quadgroups_per_threadgroup",
	}
	source := "uint3 p = thread_position_in_grid;\nuint at = (p.x + p.y * 10 + p.z * 30) * W;\n"
	for _, n := range names {
		source += "y[at++] = " + n + ".x; y[at++] = " + n + ".y; y[at++] = " + n + ".z;\n"
	}
	for _, n := range scalars {
		source += "y[at++] = " + n + ";\n"
	}
	width := 3*len(names) + len(scalars)
	l := emulate.Launch{Grid: grid, Group: group, Outputs: []spec.Type{{DType: spec.Uint32, Shape: []int{120, width}}}, Template: map[string]any{"W": width}}
	got := run[uint32](t, kernel(source), l, ramp(1))
	for at := range 120 {
		p := [3]int{at % 10, at / 10 % 3, at / 30}
		var local, which, size, groups [3]int
		for i := range 3 {
			which[i], local[i] = p[i]/group[i], p[i]%group[i]
			size[i] = min(group[i], grid[i]-which[i]*group[i])
			groups[i] = (grid[i] + group[i] - 1) / group[i]
		}
		index, threads, nominal := local[0]+local[1]*size[0]+local[2]*size[0]*size[1], size[0]*size[1]*size[2], 32
		var want []uint32
		for _, v := range [][3]int{p, local, which, grid, size, group, groups, grid, {}} {
			want = append(want, uint32(v[0]), uint32(v[1]), uint32(v[2]))
		}
		for _, v := range []int{index, index / 32, index % 32, (threads + 31) / 32, 32, 32, index / 4, index % 4, (threads + 3) / 4, (nominal + 31) / 32, nominal / 4} {
			want = append(want, uint32(v))
		}
		require.Equal(t, want, got[at*width:(at+1)*width], "thread %v", p)
	}
}

// Scalars are references, arrays pointers, and shapes come when asked for.
func TestArguments(t *testing.T) {
	k := emulate.Kernel{Name: "args", Inputs: []string{"a", "s", "b"}, Outputs: []string{"y", "z"},
		Header: "template <typename T>\nT twice(T v) { return v + v; }\n#define HALF 0.5\n",
		Source: `uint i = thread_position_in_grid.x;
uint at = elem_to_loc(i, a_shape, a_strides, a_ndim);
T v = twice(a[at]) * s;
y[i] = FLAG ? v + T(HALF) : T(0);
z[i] = b[i] ? N : a_ndim;`}
	memory := make([]float32, 12)
	for i := range memory {
		memory[i] = float32(i)
	}
	l := emulate.Launch{
		Grid: [3]int{6, 1, 1}, Group: [3]int{4, 1, 1},
		Outputs:  []spec.Type{f32(3, 2), {DType: spec.Int32, Shape: []int{6}}},
		Template: map[string]any{"T": spec.Float32, "N": -7, "FLAG": true},
	}
	a := spec.Tensor{Type: f32(3, 2), Data: spec.Of([]int{12}, memory...).Data}
	s, b := spec.Of(nil, float32(3)), spec.Tensor{Type: spec.Type{DType: spec.Bool, Shape: []int{6}}, Data: []byte{1, 0, 1, 0, 0, 1}}
	k.Strided = true
	l.Strides = [][]int{{1, 4}, nil, nil} // transposed, of rows with a gap
	out, err := k.Run(t.Context(), l, a, s, b)
	require.NoError(t, err)
	y, _ := spec.Values[float32](out[0])
	z, _ := spec.Values[int32](out[1])
	assert.Equal(t, []float32{0.5, 24.5, 6.5, 30.5, 12.5, 36.5}, y)
	assert.Equal(t, []int32{-7, 2, -7, 2, 2, -7}, z)
}

// The numbers of the small types are rounded after each operation.
func TestSmallTypes(t *testing.T) {
	for name, c := range map[string]struct {
		dtype spec.DType
		in    []uint16
		want  []uint16
	}{
		"float16":  {spec.Float16, []uint16{0x3c00, 0x7bff, 0x0001, 0xc000}, []uint16{0x4000, 0x7c00, 0x3c00, 0xbc00}},
		"bfloat16": {spec.BFloat16, []uint16{0x3f80, 0x4380, 0x0001, 0xc000}, []uint16{0x4000, 0x4380, 0x3f80, 0xbf80}},
	} {
		k := kernel("uint i = thread_position_in_grid.x; T one = 1; T v = x[i] + one; y[i] = i == 1 ? T(x[i] + x[i] * (sizeof(T) == 2 && OVER)) + one : v;")
		l := emulate.Launch{Grid: [3]int{4, 1, 1}, Group: [3]int{4, 1, 1}, Outputs: []spec.Type{{DType: c.dtype, Shape: []int{4}}},
			Template: map[string]any{"T": c.dtype, "OVER": c.dtype == spec.Float16}}
		x := spec.Of([]int{4}, c.in...)
		x.DType = c.dtype
		assert.Equal(t, c.want, run[uint16](t, k, l, x), name)
	}
}

// What a language that is not C++ adds to it.
func TestLanguage(t *testing.T) {
	cases := []struct {
		name, expr string
		want       float64
	}{
		{"swizzle", "float4(1, 2, 3, 4).wzyx[1]", 3},
		{"swizzle of colours", "float4(1, 2, 3, 4).bgr[0]", 3},
		{"swizzle written", "[] { float4 v = float4(1, 2, 3, 4); v.xy = v.zw; v.wz += float2(10, 20); return v.x * 1000 + v.y * 100 + v.z + v.w; }()", 3000 + 400 + 23 + 14},
		{"one swizzle to another", "[] { float4 a = float4(1, 2, 3, 4), b = float4(5, 6, 7, 8); a.xy = b.xy; return a.x + 10 * a.z; }()", 35},
		{"vector of parts", "dot(float4(float2(1, 2), 3, 4), float4(1))", 10},
		{"float3 has room for four", "sizeof(float3) + sizeof(packed_float3)", 28},
		{"float literals", "sizeof(1.5) + sizeof(1e3) + sizeof(1.0h)", 10},
		{"comparison", "all(float3(1, 2, 3) < float3(2, 3, 4)) && !any(int2(1, 2) == int2(2, 1))", 1},
		{"select", "select(float2(1, 2), float2(3, 4), float2(0, 1) > 0.5).y", 4},
		{"as_type", "as_type<float>(0x40490fdbu)", math.Float64frombits(0x400921fb60000000)},
		{"clamp and mix", "clamp(5, 1, 3) + mix(1.0, 3.0, 0.25)", 4.5},
		{"bits", "popcount(0xf0u) + clz(1u) + ctz(8u) + reverse_bits(1u) / 0x80000000u + rotate(0x80000001u, 1u)", 4 + 31 + 3 + 1 + 3},
		{"saturation", "addsat(uchar(250), uchar(10)) + mulhi(0x80000000u, 4u)", 257},
		{"rsqrt", "rsqrt(16.0) + saturate(2.0) + sign(-3.0) + fract(1.25) + step(1.0, 2.0)", 0.25 + 1 - 1 + 0.25 + 1},
		{"precise and fast", "precise::exp(0.0) + fast::max(1.0, 2.0) + metal::fma(2.0, 3.0, 4.0)", 13},
		{"geometry", "length(cross(float3(1, 0, 0), float3(0, 2, 0))) + normalize(float2(3, 4)).y", 2.8},
		{"matrix", "(float2x2(float2(1, 2), float2(3, 4)) * float2(1, 1)).y", 6},
		{"bfloat conditional", "true ? bfloat(2.5f) : 0", 2.5},
		{"complex", "(complex64_t(1, 2) * complex64_t(3, 4)).imag", 10},
		{"limits", "Limits<int>::min == INT_MIN && metal::is_same_v<half2, vec<half, 2>> && isinf(Limits<float>::max)", 1},
	}
	source := ""
	for i, c := range cases {
		source += fmt.Sprintf("y[%d] = %s;\n", i, c.expr)
	}
	l := emulate.Launch{Grid: [3]int{1, 1, 1}, Group: [3]int{1, 1, 1}, Outputs: []spec.Type{f32(len(cases))}}
	got := run[float32](t, kernel(source), l, ramp(1))
	for i, c := range cases {
		assert.InDelta(t, c.want, got[i], 1e-6, c.name)
	}
}

// Simdgroup functions, with a last simdgroup of ten threads.
func TestSimdgroups(t *testing.T) {
	const threads = 42
	x := ramp(threads)
	in, _ := spec.Values[float32](x)
	lanes := func(i int) []float32 { return in[i/32*32 : min(threads, i/32*32+32)] }
	fold := func(v []float32, f func(a, b float32) float32) float32 {
		r := v[0]
		for _, x := range v[1:] {
			r = f(r, x)
		}
		return r
	}
	add := func(a, b float32) float32 { return a + b }
	largest := func(a, b float32) float32 { return max(a, b) }
	cases := []struct {
		expr string
		want func(i int) float32
	}{
		{"simd_sum(v)", func(i int) float32 { return fold(lanes(i), add) }},
		{"simd_max(v)", func(i int) float32 { return fold(lanes(i), largest) }},
		{"simd_sum(float4(v)).z", func(i int) float32 { return fold(lanes(i), add) }},
		{"quad_sum(v)", func(i int) float32 { return fold(in[i/4*4:min(threads, i/4*4+4)], add) }},
		{"simd_prefix_inclusive_sum(v)", func(i int) float32 { return fold(lanes(i)[:i%32+1], add) }},
		{"simd_prefix_exclusive_sum(v)", func(i int) float32 { return fold(append([]float32{0}, lanes(i)[:i%32]...), add) }},
		{"simd_broadcast(v, 3)", func(i int) float32 { return lanes(i)[3] }},
		{"simd_broadcast_first(v)", func(i int) float32 { return lanes(i)[0] }},
		{"simd_shuffle_up(v, 2)", func(i int) float32 {
			if i%32 < 2 {
				return in[i]
			}
			return in[i-2]
		}},
		{"simd_shuffle_and_fill_up(v, v * 2, 30)", func(i int) float32 {
			if i%32 < 30 {
				if i+2 < threads {
					return 2 * in[i+2]
				}
				return float32(math.NaN())
			}
			return in[i-30]
		}},
		{"simd_shuffle_xor(v, 1)", func(i int) float32 { return in[i^1] }},
		{"simd_shuffle_down(v, 1)", func(i int) float32 {
			switch {
			case i == threads-1:
				return float32(math.NaN())
			case i%32 == 31:
				return in[i]
			}
			return in[i+1]
		}},
		{"float(ulong(simd_ballot(i % 2 == 0)) & 0xff)", func(int) float32 { return 0x55 }},
		{"float(simd_is_first() + 2 * simd_all(i < 42) + 4 * simd_any(i == 1))", func(i int) float32 {
			want := float32(2)
			if i%32 == 0 {
				want++
			}
			if i < 32 {
				want += 4
			}
			return want
		}},
	}
	source := "uint i = thread_position_in_grid.x; float v = x[i];\n"
	for j, c := range cases {
		source += fmt.Sprintf("y[i + %d] = %s;\n", j*threads, c.expr)
	}
	l := emulate.Launch{Grid: [3]int{threads, 1, 1}, Group: [3]int{64, 1, 1}, Outputs: []spec.Type{f32(len(cases), threads)}}
	got := run[float32](t, kernel(source), l, x)
	for j, c := range cases {
		for i := range threads {
			if v, w := got[j*threads+i], c.want(i); w == w {
				require.Equal(t, w, v, "%s of thread %d", c.expr, i)
			} else {
				require.True(t, math.IsNaN(float64(v)), "%s of thread %d", c.expr, i)
			}
		}
	}
}

// Lanes that took another branch take no part in a simdgroup function, and all
// meet again behind it.
func TestDivergedSimdgroup(t *testing.T) {
	l := emulate.Launch{Grid: [3]int{32, 1, 1}, Group: [3]int{32, 1, 1}, Outputs: []spec.Type{{DType: spec.Int32, Shape: []int{32}}}}
	got := run[int32](t, kernel(`uint i = thread_position_in_grid.x;
int a = 0;
if (i < 10) {
  a = simd_sum(1);
} else if (i < 15) {
  a = 100 * simd_sum(1);
}
for (uint j = 0; j < i % 3; j++) {
  a += 1000 * simd_sum(1);
}
y[i] = a + 100000 * simd_sum(1);`), l, ramp(1))
	for i := range got {
		want := 3200000
		if i < 10 {
			want += 10
		} else if i < 15 {
			want += 500
		}
		if i%3 >= 1 {
			want += 21000 // 11 lanes of remainder 1, 10 of remainder 2
		}
		if i%3 == 2 {
			want += 10000
		}
		assert.EqualValues(t, want, got[i], i)
	}
}

// Two writes of one value are no race, as in a kernel whose threads all set a flag.
func TestTheSameValueTwice(t *testing.T) {
	l := emulate.Launch{Grid: [3]int{64, 1, 1}, Group: [3]int{32, 1, 1}, Outputs: []spec.Type{f32(1)}}
	assert.Equal(t, []float32{32}, run[float32](t, kernel("y[0] = threads_per_threadgroup.x;"), l, ramp(1)))
	_, err := kernel("y[0] = thread_position_in_grid.x / 5;").Run(t.Context(), l, ramp(1))
	assert.ErrorIs(t, err, emulate.ErrRace)
	assert.ErrorContains(t, err, "(thread [5 0 0])")
}

func TestZeroSizedInput(t *testing.T) {
	l := emulate.Launch{Grid: [3]int{1, 1, 1}, Group: [3]int{1, 1, 1}, Outputs: []spec.Type{f32(1)}}
	x := spec.Of[float32]([]int{0, 3})
	assert.Equal(t, []float32{3}, run[float32](t, kernel("y[0] = x_shape[0] + x_shape[1];"), l, x))
	_, err := kernel("y[0] = x[0];").Run(t.Context(), l, x)
	assert.ErrorContains(t, err, "reads x[0], which has 0 elements")
}

// The end of a context is its own error, and leaves nothing behind.
func TestCancel(t *testing.T) {
	l := emulate.Launch{Grid: [3]int{1, 1, 1}, Group: [3]int{1, 1, 1}, Outputs: []spec.Type{f32(1)}}
	k := kernel("y[0] = 0; while (x[0] == x[0]) y[0] += 1;")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	start := time.Now()
	_, err := k.Run(ctx, l, ramp(1))
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(start), 20*time.Second)
}

// A kernel cannot reach the system.
func TestTheKernelIsShutIn(t *testing.T) {
	l := emulate.Launch{Grid: [3]int{1, 1, 1}, Group: [3]int{1, 1, 1}, Outputs: []spec.Type{f32(1)}}
	k := kernel("y[0] = __builtin_printf(\"%d\", 3);")
	_, err := k.Run(t.Context(), l, ramp(1))
	assert.ErrorIs(t, err, emulate.ErrCrash)
	assert.ErrorContains(t, err, "asks the system for something")
	k.Source, k.Header = "y[0] = getpid();", "int getpid();\n"
	_, err = k.Run(t.Context(), l, ramp(1))
	assert.ErrorIs(t, err, emulate.ErrCompile)
	assert.ErrorContains(t, err, "getpid() is declared but nowhere defined")
}

func TestNoCompiler(t *testing.T) {
	t.Setenv("CXX", "/nowhere/c++")
	_, err := kernel("y[0] = 1;").Run(t.Context(), emulate.Launch{Grid: [3]int{1, 1, 1}, Group: [3]int{1, 1, 1}, Outputs: []spec.Type{f32(1)}}, ramp(1))
	assert.ErrorContains(t, err, "no C++20 compiler")
}

// Helpers take pointers of every address space; constants stand before them.
func TestHeader(t *testing.T) {
	k := kernel(`threadgroup float part[8];
thread float mine = 0;
load(part, x, thread_position_in_grid.x, mine);
threadgroup_barrier(mem_flags::mem_threadgroup);
float next[2] = {part[(thread_position_in_grid.x + 1) % 8], mine};
y[thread_position_in_grid.x] = total(next) * weights[2] * scale;`)
	k.Header = `#include <metal_stdlib>
#pragma METAL internals : enable
using namespace metal;
constant float weights[3] = {1, 2, 4};
constexpr constant float scale = 0.25;
template <typename P>
METAL_FUNC void load(threadgroup P* part, const device P* x, uint i, thread P& mine) {
  part[i] = x[i];
  mine = x[i] * 10;
}
float total(const thread float* v) { return v[0] + v[1]; }
`
	l := emulate.Launch{Grid: [3]int{8, 1, 1}, Group: [3]int{8, 1, 1}, Outputs: []spec.Type{f32(8)}}
	x, _ := spec.Values[float32](ramp(8))
	for i, y := range run[float32](t, k, l, ramp(8)) {
		assert.Equal(t, x[(i+1)%8]+10*x[i], y)
	}
}

// The line of an error may be one of the header.
func TestErrorsInTheHeader(t *testing.T) {
	l := emulate.Launch{Grid: [3]int{4, 1, 1}, Group: [3]int{4, 1, 1}, Outputs: []spec.Type{f32(4)}}
	for header, want := range map[string]string{
		"\nfloat at(const device float* x, uint i) {\n  return x[i + 1];\n}\n":                        "header line 3: out of bounds: reads x[4]",
		"float at(const device float* x, uint i) {\n  return x +;\n}\n":                               "header line 2: does not compile",
		"float at(const device float* x, uint i) {\n  return i > 1000000 ? x[0] : 1 + at(x, i);\n}\n": "header line 1: too much memory",
		"float at(const device float* x, uint i) {\n  int a[2] = {1, 2};\n  return a[i];\n}\n":        "header line 3: out of bounds: index 2 of int[2]",
	} {
		k := kernel("y[thread_position_in_grid.x] = at(x, thread_position_in_grid.x);")
		k.Header = header
		_, err := k.Run(t.Context(), l, ramp(4))
		assert.ErrorContains(t, err, want)
	}
}

// Kernels may be run by many goroutines at once, also when all need compiling.
func TestConcurrentRuns(t *testing.T) {
	t.Setenv("ADJOINT_HOME", t.TempDir())
	l := emulate.Launch{Grid: [3]int{4, 1, 1}, Group: [3]int{4, 1, 1}, Outputs: []spec.Type{f32(4)}}
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			k := kernel(fmt.Sprintf("y[thread_position_in_grid.x] = %d;", i/2))
			out, err := k.Run(t.Context(), l, ramp(4))
			if assert.NoError(t, err) {
				y, _ := spec.Values[float32](out[0])
				assert.Equal(t, float32(i/2), y[3])
			}
		})
	}
	wg.Wait()
}

// Atomics of floats and integers, of a threadgroup and of all, with a loop that
// compares and exchanges where Metal has no operation.
func TestAtomics(t *testing.T) {
	k := emulate.Kernel{Name: "k", Inputs: []string{"x"}, Outputs: []string{"y"}, AtomicOutputs: true, Source: `
float v = x[thread_position_in_grid.x];
atomic_fetch_add_explicit(&y[0], v, memory_order_relaxed);
float least = atomic_load_explicit(&y[1], memory_order_relaxed);
while (v < least && !atomic_compare_exchange_weak_explicit(&y[1], &least, v, memory_order_relaxed, memory_order_relaxed)) {}
threadgroup atomic_uint seen;
if (thread_index_in_threadgroup == 0) atomic_store_explicit(&seen, 0u, memory_order_relaxed);
threadgroup_barrier(mem_flags::mem_threadgroup);
atomic_fetch_or_explicit(&seen, 1u << thread_index_in_threadgroup % 8, memory_order_relaxed);
atomic_fetch_max_explicit(&seen, 7u, memory_order_relaxed);
threadgroup_barrier(mem_flags::mem_threadgroup);
if (thread_index_in_threadgroup == 5) atomic_store_explicit(&y[2 + threadgroup_position_in_grid.x], atomic_exchange_explicit(&seen, 3u, memory_order_relaxed), memory_order_relaxed);
`}
	init := 0.5
	l := emulate.Launch{Grid: [3]int{90, 1, 1}, Group: [3]int{45, 1, 1}, Outputs: []spec.Type{f32(4)}, InitValue: &init}
	want := []float32{0.5, 0.5, 255, 255}
	x, _ := spec.Values[float32](ramp(90))
	for _, v := range x {
		want[0] += v
		want[1] = min(want[1], v)
	}
	assert.Equal(t, want, run[float32](t, k, l, ramp(90)))

	k.Source = "atomic_fetch_add_explicit(&y[0], 1.0f, memory_order_relaxed);\nif (thread_position_in_grid.x == 7) *(device float*)&y[0] = x[0];"
	_, err := k.Run(t.Context(), l, ramp(90))
	assert.ErrorIs(t, err, emulate.ErrRace, "an atomic and a plain write meet")
	assert.ErrorContains(t, err, "line 2")
}

// Bytes side by side belong to nobody else, also in memory that is looked at as
// something larger elsewhere.
func TestNeighbours(t *testing.T) {
	l := emulate.Launch{Grid: [3]int{64, 1, 1}, Group: [3]int{16, 1, 1}, Outputs: []spec.Type{{DType: spec.Uint8, Shape: []int{64}}}}
	k := kernel(`threadgroup uint words[4];
threadgroup uchar* bytes = (threadgroup uchar*)words;
uint i = thread_index_in_threadgroup;
bytes[i] = i * 3;
threadgroup_barrier(mem_flags::mem_threadgroup);
y[thread_position_in_grid.x] = words[i / 4] >> i % 4 * 8;`)
	for i, v := range run[uint8](t, k, l, ramp(1)) {
		assert.EqualValues(t, i%16*3, v)
	}
}
