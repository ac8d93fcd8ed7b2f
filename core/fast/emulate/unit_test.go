package emulate

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

// The signature has the arguments that MLX's documentation shows, in its order,
// without the address spaces and attributes.
func TestSignature(t *testing.T) {
	half := func(shape ...int) spec.Tensor {
		z, err := spec.Zeros(spec.Type{DType: spec.Float16, Shape: shape})
		require.NoError(t, err)
		return z
	}
	exp := Kernel{Name: "myexp", Inputs: []string{"inp"}, Outputs: []string{"out"},
		Source: "uint elem = thread_position_in_grid.x;\nT tmp = inp[elem];\nout[elem] = metal::exp(tmp);"}
	u, err := exp.write(Launch{Outputs: []spec.Type{half(4).Type}, Template: map[string]any{"T": spec.Float32}}, []spec.Tensor{half(4)})
	require.NoError(t, err)
	assert.Contains(t, u.text, "template <typename T>\nvoid custom_kernel_myexp(const float16_t* inp, float16_t* out, uint3 thread_position_in_grid) {\n#line 1 \"kernel.metal\"\n")
	assert.Contains(t, u.text, "custom_kernel_myexp<float>((const float16_t*)emu::buffer(0), (float16_t*)emu::buffer(1), emu::three(emu_thread.thread_position_in_grid));")

	all := Kernel{Name: "k", Inputs: []string{"a", "s"}, Outputs: []string{"o", "p"}, AtomicOutputs: true,
		Source: "a_shape a_strides a_ndim s_shape simdgroup_index_in_threadgroup threads_per_grid"}
	u, err = all.write(Launch{Outputs: []spec.Type{{DType: spec.Int32}, {DType: spec.Uint32}}, Template: map[string]any{"N": 3, "B": true}}, []spec.Tensor{half(2, 5), half()})
	require.NoError(t, err)
	assert.Contains(t, u.text, "template <bool B, int N>\nvoid custom_kernel_k(const float16_t* a, const int* a_shape, const int64_t* a_strides, const int& a_ndim, "+
		"const float16_t& s, atomic<int32_t>* o, atomic<uint32_t>* p, uint simdgroup_index_in_threadgroup, uint3 threads_per_grid) {")
	assert.Contains(t, u.text, "custom_kernel_k<true, 3>(")
	assert.Equal(t, []byte{2, 0, 0, 0, 5, 0, 0, 0}, u.regions[1].data)
	assert.Equal(t, []byte{5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}, u.regions[2].data)
	assert.Equal(t, []byte{2, 0, 0, 0}, u.regions[3].data)
}

func TestRewrite(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"threadgroup float a[8];", " float (&a)[8] = emu::shared<0>{};"},
		{"threadgroup float a[N][N + 1], b;", " float (&a)[N][N + 1] = emu::shared<0>{}, (&b) = emu::shared<1>{};"},
		{"threadgroup atomic<uint> c /* how many */ [4];", " atomic<uint> (&c) /* how many */ [4] = emu::shared<0>{};"},
		{"threadgroup vec<float, 4> v[2 * (3 + 1)];", " vec<float, 4> (&v)[2 * (3 + 1)] = emu::shared<0>{};"},
		{"threadgroup float* p = a; threadgroup_barrier(m);", " float* p = a; threadgroup_barrier(m);"},
		{"auto p = (threadgroup float4*)a;", "auto p = ( float4*)a;"},
		{"auto p = static_cast<threadgroup float*>(q);", "auto p = static_cast< float*>(q);"},
		{"float f(threadgroup float a[4], threadgroup float& b)", "float f( float a[4],  float& b)"},
		{"x = 1.5 + 1. + .5 + 1e3 + 1E-3 + 1.5f + 2.5F;", "x = 1.5f + 1.f + .5f + 1e3f + 1E-3f + 1.5f + 2.5F;"},
		{"x = 1 + 0x1F + 0xe + 10u + 7L + a1e3 + 0x1.8p3;", "x = 1 + 0x1F + 0xe + 10u + 7L + a1e3 + 0x1.8p3f;"},
		{"h = 1.5h + 2h; b = 1.5bf;", "h = half(1.5f) + half(2.0f); b = bfloat(1.5f);"},
		{"#include <metal_stdlib>\n#pragma METAL internals : enable\nx;", "\n\nx;"},
		{"#define EPS 1e-5\n", "#define EPS 1e-5f\n"},
		{"// threadgroup float a[8]; 1.5\n\"1.5 double\" '\\''", "// threadgroup float a[8]; 1.5\n\"1.5 double\" '\\''"},
	} {
		var shared []string
		got, err := rewrite(Kernel{Source: c.in}, false, &shared)
		require.Nil(t, err, c.in)
		assert.Equal(t, c.want, got)
	}
}

func TestRewriteErrors(t *testing.T) {
	for _, c := range []struct {
		in   string
		line int
		want string
	}{
		{"int a;\n#include \"mine.h\"", 2, "no file \"mine.h\""},
		{"#define TILE threadgroup float t[4];", 1, "in a macro"},
		{"\nthreadgroup float a[4]", 2, ""},
		{"threadgroup float a, ;", 1, "a name is missing"},
		{"threadgroup float a b;", 1, ""},
		{"threadgroup float a[2] b;", 1, "expected ; after the threadgroup variable a, found b"},
		{"float a = 1.0L;", 1, "long double"},
	} {
		var shared []string
		_, err := rewrite(Kernel{Name: "k", Source: c.in}, false, &shared)
		if c.want == "" {
			continue // the compiler's to find
		}
		require.NotNil(t, err, c.in)
		assert.Equal(t, c.line, err.Line, c.in)
		assert.Contains(t, err.Error(), c.want)
	}
	var shared []string
	_, err := rewrite(Kernel{Name: "k", Header: "int a;\nthreadgroup float t[4];\n"}, true, &shared)
	require.NotNil(t, err)
	assert.ErrorContains(t, err, "header line 2")
}

// Whatever the source, tokens are the source again, and no line moves.
func FuzzRewrite(f *testing.F) {
	for _, s := range []string{"threadgroup float a[8], *p;", "#define A 1.5h \\\n 2\n", "/* \n */ 'a", "x = 1e+;\"", "#pragma a \\\n b\nc", "threadgroup"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		var all strings.Builder
		line := 1
		for _, tok := range scan(src) {
			require.NotEmpty(t, tok.text)
			require.Equal(t, line, tok.line)
			line += strings.Count(tok.text, "\n")
			all.WriteString(tok.text)
		}
		require.Equal(t, src, all.String())
		var shared []string
		out, err := rewrite(Kernel{Name: "k", Source: src}, false, &shared)
		if err != nil {
			require.LessOrEqual(t, err.Line, 1+strings.Count(src, "\n"))
			return
		}
		require.Equal(t, strings.Count(src, "\n"), strings.Count(out, "\n"))
	})
}

func FuzzReport(f *testing.F) {
	f.Add("kind=bounds\nop=read\nregion=0\noffset=-4\nsize=4\nelem=4\nbytes=16\npc=12\nthread=1 2 3\nend=\n")
	f.Add("kind=race\nregion=-1\ngroup=1\nsite=-1\noffset=-9223372036854775808\n")
	f.Add("kind=race\nregion=99\ngroup=1\nsite=7\nelem=0\nbytes=9223372036854775807\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := readReport(text)
		said, kind := r.explain(&unit{regions: []region{{name: "x"}}, shared: []string{"a"}}, Launch{}, "")
		require.Error(t, kind)
		require.NotEmpty(t, said)
	})
}
