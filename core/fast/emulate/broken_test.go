package emulate_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core/fast/emulate"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

const n = 96 // elements of x and y in the broken kernels: three simdgroups

func f32(shape ...int) spec.Type { return spec.Type{DType: spec.Float32, Shape: shape} }

func ramp(size int) spec.Tensor {
	values := make([]float32, size)
	for i := range values {
		values[i] = float32(i%7) - 2
	}
	return spec.Of([]int{size}, values...)
}

// Every broken kernel is one error, in one line, that names the kernel's line.
func TestBrokenKernels(t *testing.T) {
	usual := emulate.Launch{Grid: [3]int{n, 1, 1}, Group: [3]int{32, 1, 1}, Outputs: []spec.Type{f32(n)}}
	with := func(f func(*emulate.Launch)) emulate.Launch { l := usual; f(&l); return l }
	one := with(func(l *emulate.Launch) { l.Group[0] = n })
	for _, c := range []struct {
		name   string
		launch emulate.Launch
		source string
		err    error
		line   int // -1: one of several, by the compiler
		want   string
	}{
		{"reads past the end", usual, "uint i = thread_position_in_grid.x;\ny[i] = x[i] + x[i + 1];",
			emulate.ErrBounds, 2, "reads x[96], which has 96 elements (thread [95 0 0])"},
		{"writes past the end", usual, "uint i = thread_position_in_grid.x;\n\ny[i + 4] = x[i];",
			emulate.ErrBounds, 3, "writes y[96], which has 96 elements (thread [92 0 0])"},
		{"unsigned index below zero", usual, "uint i = thread_position_in_grid.x;\ny[i] = x[i] - x[i - 1];",
			emulate.ErrBounds, 2, "reads x[4294967295]"},
		{"negative index", usual, "int i = thread_position_in_grid.x;\ny[i] = x[i - 2];",
			emulate.ErrBounds, 2, "reads x[-2]"},
		{"far beyond, through a helper of the shim", usual, "uint i = thread_position_in_grid.x;\n\ny[i] = max(x[i], abs(x[i * 1000000]));",
			emulate.ErrBounds, 3, "reads x[1000000]"},
		{"a vector over the end", usual, "uint i = thread_position_in_grid.x;\nfloat4 v = ((const device float4*)x)[i];\ny[i] = v.x + v.w;",
			emulate.ErrBounds, 2, "reads x[96]"},
		{"component of a vector over the end", usual, "uint i = thread_position_in_grid.x;\nconst device float4* v = (const device float4*)x;\ny[i] = dot(v[i].xyz, float3(1));",
			emulate.ErrBounds, 3, "reads x[96]"},
		{"threadgroup array", one, "threadgroup float part[64];\nuint i = thread_position_in_grid.x;\npart[i] = x[i];\ny[i] = part[i];",
			emulate.ErrBounds, 3, "index 64 of float[64]"},
		{"threadgroup array by pointer", one, "threadgroup float part[64];\nthreadgroup float* p = part;\nuint i = thread_position_in_grid.x;\np[i] = x[i];\ny[i] = p[i];",
			emulate.ErrBounds, 4, "writes part[64], which has 64 elements"},
		{"private array", usual, "float near[3];\nfor (int j = 0; j <= 3; j++)\n  near[j] = 1;\ny[thread_position_in_grid.x] = near[0];",
			emulate.ErrBounds, 3, "index 3 of float[3]"},
		{"a buffer's shape", usual, "uint i = thread_position_in_grid.x;\ny[i] = x[i] * x_shape[1];",
			emulate.ErrBounds, 2, "reads x_shape[1], which has 1 elements"},
		{"no barrier", one, "threadgroup float part[96];\nuint i = thread_position_in_grid.x;\npart[i] = x[i];\ny[i] = part[95 - i];",
			emulate.ErrUninitialized, 4, "reads part[95], which no thread of this threadgroup has written (thread [0 0 0])"},
		{"no barrier behind the write", one, "threadgroup float part;\nuint i = thread_position_in_grid.x;\nif (i == 0) part = x[0];\ny[i] = part;",
			emulate.ErrRace, 4, "reads part, which thread [0 0 0] wrote on line 3, with no barrier between them (thread [1 0 0])"},
		{"no barrier in the loop", one, `threadgroup float part[96];
uint i = thread_position_in_grid.x;
part[i] = x[i];
for (uint s = 48; s >= 3; s /= 2) {
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float a = i < s ? part[i + s] : 0;
  part[i] += a;
}
y[i] = part[i];`,
			emulate.ErrRace, 7, "writes part[48], which thread [0 0 0] read on line 6, with no barrier between them (thread [48 0 0])"},
		{"barrier for other memory", one, "threadgroup float part[96];\nuint i = thread_position_in_grid.x;\npart[i] = x[i];\nthreadgroup_barrier(mem_flags::mem_device);\ny[i] = part[95 - i];",
			emulate.ErrRace, 5, "reads part[95], which thread [95 0 0] wrote on line 3, and the barrier between them lacks mem_flags::mem_threadgroup"},
		{"barrier of a simdgroup only", one, "threadgroup float part[96];\nuint i = thread_position_in_grid.x;\npart[i] = x[i];\nsimdgroup_barrier(mem_flags::mem_threadgroup);\ny[i] = part[i < 95 ? i + 1 : i];",
			emulate.ErrRace, 5, "reads part[32], which thread [32 0 0] wrote on line 3"},
		{"barrier in a branch", one, "uint i = thread_position_in_grid.x;\nif (i < 40)\n  threadgroup_barrier(mem_flags::mem_none);\ny[i] = x[i];",
			emulate.ErrBarrier, 3, "40 of 96 threads are at this threadgroup_barrier, but thread [40 0 0] has ended"},
		{"barriers of two branches", one, "uint i = thread_position_in_grid.x;\nif (i < 40)\n  threadgroup_barrier(mem_flags::mem_none);\nelse\n  threadgroup_barrier(mem_flags::mem_none);\ny[i] = x[i];",
			emulate.ErrBarrier, 3, "but thread [40 0 0] waits on line 5"},
		{"simdgroup barrier in a branch", one, "uint i = thread_position_in_grid.x;\nif (i % 2 == 0)\n  simdgroup_barrier(mem_flags::mem_none);\ny[i] = x[i];",
			emulate.ErrBarrier, 3, "16 of 32 threads are at this simdgroup_barrier"},
		{"sum without atomics", with(func(l *emulate.Launch) { z := 0.0; l.InitValue = &z }), "uint i = thread_position_in_grid.x;\ny[0] += x[i];",
			emulate.ErrRace, 2, "s y[0], which thread [0 0 0] wrote on line 2, with no barrier between them (thread [1 0 0])"},
		{"sum of threadgroups without atomics", with(func(l *emulate.Launch) { z := 0.0; l.InitValue = &z }), "float s = simd_sum(x[thread_position_in_grid.x]);\nif (thread_index_in_simdgroup == 0)\n  y[0] += s;",
			emulate.ErrRace, 3, "s y[0], which a thread of another threadgroup wrote on line 3"},
		{"an output that holds nothing yet", usual, "uint i = thread_position_in_grid.x;\ny[i] += x[i];",
			emulate.ErrUninitialized, 2, "reads y[0]; without an InitValue it holds nothing yet"},
		{"grid too small", with(func(l *emulate.Launch) { l.Grid[0] = n - 3 }), "uint i = thread_position_in_grid.x;\ny[i] = x[i];",
			emulate.ErrUnwritten, 2, "y[93], and 3 of y's 96 elements in all, with grid [93 1 1]"},
		{"grid too large", with(func(l *emulate.Launch) { l.Grid[0] = n + 1 }), "uint i = thread_position_in_grid.x;\ny[i] = x[i];",
			emulate.ErrBounds, 2, "(thread [96 0 0])"},
		{"grid on another axis", with(func(l *emulate.Launch) { l.Grid = [3]int{1, n, 1} }), "uint i = thread_position_in_grid.x;\ny[i] = x[i];",
			emulate.ErrUnwritten, 2, "y[1], and 95 of y's 96 elements"},
		{"wrong type", usual, "uint i = thread_position_in_grid.x;\nfloat3 v = float3(x[i]);\ny[i] = v;",
			emulate.ErrCompile, 3, "float3"},
		{"wrong type of a function's argument", usual, "uint i = thread_position_in_grid.x;\ny[i] = dot(x[i], float3(1));",
			emulate.ErrCompile, 2, "no matching function for call to 'dot"},
		{"input written", usual, "uint i = thread_position_in_grid.x;\nx[i] = 1;",
			emulate.ErrCompile, 2, "read-only"},
		{"input written through a cast", usual, "uint i = thread_position_in_grid.x;\n((device float*)x)[i] = 1;",
			emulate.ErrReadOnly, 2, "writes x[0]"},
		{"syntax error", usual, "uint i = thread_position_in_grid.x;\ny[i] = x[i] +;",
			emulate.ErrCompile, 2, "expected "},
		{"no semicolon", usual, "uint i = thread_position_in_grid.x\ny[i] = x[i];",
			emulate.ErrCompile, -1, "expected"},
		{"brace not closed", usual, "uint i = thread_position_in_grid.x;\nif (i < 3) {\n y[i] = x[i];",
			emulate.ErrCompile, 2, "the { is never closed"},
		{"brace too many", usual, "uint i = thread_position_in_grid.x;\ny[i] = x[i];\n}\n",
			emulate.ErrCompile, 3, "the } closes the kernel's function"},
		{"misspelt attribute", usual, "uint i = thread_position_in_gird.x;\ny[i] = x[i];",
			emulate.ErrCompile, 1, "'thread_position_in_gird'"},
		{"a type that Metal lacks", usual, "uint i = thread_position_in_grid.x;\ndouble a = x[i];\ny[i] = a;",
			emulate.ErrCompile, 2, "Metal has no type double"},
		{"C++'s library", usual, "uint i = thread_position_in_grid.x;\ny[i] = std::exp(x[i]);",
			emulate.ErrCompile, 2, "std"},
		{"an include", usual, "#include <cmath>\ny[0] = 1;",
			emulate.ErrCompile, 1, "<cmath>"},
		{"textures", usual, "y[0] = 1;\ntexture2d<float> t;",
			emulate.ErrUnsupported, 2, "texture2d"},
		{"an initial value in threadgroup memory", usual, "\nthreadgroup float part[2] = {1, 2};",
			emulate.ErrCompile, 2, "part cannot have an initial value"},
		{"atomics of halves", usual, "device atomic<half>* h = (device atomic<half>*)y;\natomic_fetch_add_explicit(h, half(1),\n memory_order_relaxed);",
			emulate.ErrCompile, -1, "Metal has atomics of int, uint, ulong, float and bool only"},
		{"misaligned", usual, "uint i = thread_position_in_grid.x;\ny[i] = x[i] + ((const device int64_t*)(x + 1))[0];",
			emulate.ErrMisaligned, 2, "reads 8 bytes at byte 4 of x"},
		{"division by zero", usual, "int i = thread_position_in_grid.x;\ny[i] = 7 / (i - 3);",
			emulate.ErrDivide, 2, "(thread [3 0 0])"},
		{"endless loop", with(func(l *emulate.Launch) { l.Limit = time.Second }), "uint i = thread_position_in_grid.x;\ny[i] = 0;\nwhile (x[0] == x[0])\n  y[i] += 1;",
			emulate.ErrTimeout, -1, "it was here after 1s"},
		{"too much threadgroup memory", usual, "threadgroup float part[8192];\nthreadgroup float more[1];\nmore[0] = part[0] = 1;",
			emulate.ErrMemory, 2, "32772 bytes of threadgroup memory"},
		{"a wild pointer", usual, "device float* p = (device float*)(size_t)0x10;\n*p = 1;",
			emulate.ErrBounds, 2, "writes 4 bytes where there is no buffer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := emulate.Kernel{Name: "broken", Inputs: []string{"x"}, Outputs: []string{"y"}, Source: c.source}
			_, err := k.Run(t.Context(), c.launch, ramp(n))
			var e *emulate.Error
			require.ErrorAs(t, err, &e)
			t.Log(err)
			assert.ErrorIs(t, err, c.err)
			assert.Contains(t, err.Error(), c.want)
			assert.NotContains(t, err.Error(), "\n")
			if c.line < 0 {
				assert.Positive(t, e.Line)
				return
			}
			assert.Equal(t, c.line, e.Line)
		})
	}
}

func TestLaunchErrors(t *testing.T) {
	ok := emulate.Launch{Grid: [3]int{n, 1, 1}, Group: [3]int{32, 1, 1}, Outputs: []spec.Type{f32(n)}}
	k := emulate.Kernel{Name: "copy", Inputs: []string{"x"}, Outputs: []string{"y"}, Source: "y[thread_position_in_grid.x] = x[thread_position_in_grid.x];"}
	x := ramp(n)
	for name, c := range map[string]struct {
		change func(*emulate.Kernel, *emulate.Launch, *spec.Tensor)
		want   string
	}{
		"name":                {func(k *emulate.Kernel, _ *emulate.Launch, _ *spec.Tensor) { k.Name = "a b" }, "name"},
		"no source":           {func(k *emulate.Kernel, _ *emulate.Launch, _ *spec.Tensor) { k.Source = "" }, "no source"},
		"no outputs":          {func(k *emulate.Kernel, _ *emulate.Launch, _ *spec.Tensor) { k.Outputs = nil }, "no outputs"},
		"inputs":              {func(k *emulate.Kernel, _ *emulate.Launch, _ *spec.Tensor) { k.Inputs = nil }, "0 inputs [], got 1"},
		"output types":        {func(_ *emulate.Kernel, l *emulate.Launch, _ *spec.Tensor) { l.Outputs = nil }, "gives 0 types"},
		"a name twice":        {func(k *emulate.Kernel, _ *emulate.Launch, _ *spec.Tensor) { k.Outputs = []string{"x"} }, `"x"`},
		"grid 0":              {func(_ *emulate.Kernel, l *emulate.Launch, _ *spec.Tensor) { l.Grid[1] = 0 }, "at least 1"},
		"threadgroup -1":      {func(_ *emulate.Kernel, l *emulate.Launch, _ *spec.Tensor) { l.Group[2] = -1 }, "at least 1"},
		"threadgroup of 2048": {func(_ *emulate.Kernel, l *emulate.Launch, _ *spec.Tensor) { l.Group = [3]int{64, 32, 1} }, "has 2048 threads; at most 1024"},
		"huge grid":           {func(_ *emulate.Kernel, l *emulate.Launch, _ *spec.Tensor) { l.Grid = [3]int{1 << 20, 1 << 20, 1} }, "at most"},
		"float64": {func(_ *emulate.Kernel, l *emulate.Launch, _ *spec.Tensor) {
			l.Outputs = []spec.Type{{DType: spec.Float64}}
		}, "Metal does not have"},
		"float64 input":       {func(_ *emulate.Kernel, _ *emulate.Launch, x *spec.Tensor) { *x = spec.Of([]int{1}, 1.0) }, "Metal does not have"},
		"huge output":         {func(_ *emulate.Kernel, l *emulate.Launch, _ *spec.Tensor) { l.Outputs = []spec.Type{f32(1 << 26)} }, "32 million elements"},
		"short data":          {func(_ *emulate.Kernel, _ *emulate.Launch, x *spec.Tensor) { x.Data = x.Data[:8] }, "needs 384 bytes"},
		"template":            {func(_ *emulate.Kernel, l *emulate.Launch, _ *spec.Tensor) { l.Template = map[string]any{"T": 1.5} }, "float64"},
		"strides of a kernel": {func(_ *emulate.Kernel, l *emulate.Launch, _ *spec.Tensor) { l.Strides = [][]int{{1}} }, "Strided"},
		"long strides": {func(k *emulate.Kernel, l *emulate.Launch, _ *spec.Tensor) { k.Strided, l.Strides = true, [][]int{{2}} },
			"leave its 96 elements"},
		"limit":  {func(_ *emulate.Kernel, l *emulate.Launch, _ *spec.Tensor) { l.Limit = -1 }, "limit"},
		"header": {func(k *emulate.Kernel, _ *emulate.Launch, _ *spec.Tensor) { k.Header = "#define A 1" }, "header line 1"},
		"signature": {func(k *emulate.Kernel, l *emulate.Launch, _ *spec.Tensor) {
			k.Outputs, k.Source = []string{"y", "z"}, "y[0] = x_shape[0]; z[0] = 1;"
			l.Outputs = append(l.Outputs, f32(n))
		}, "MLX writes no valid signature"},
	} {
		t.Run(name, func(t *testing.T) {
			k, l, x := k, ok, x
			c.change(&k, &l, &x)
			_, err := k.Run(t.Context(), l, x)
			var e *emulate.Error
			require.ErrorAs(t, err, &e)
			assert.Contains(t, err.Error(), c.want)
			assert.NotContains(t, err.Error(), "\n")
			assert.True(t, errors.Is(err, emulate.ErrLaunch) || errors.Is(err, emulate.ErrCompile))
		})
	}
}
