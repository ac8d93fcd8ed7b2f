package kernelpb

import (
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

var dtypes = []spec.DType{
	spec.Bool, spec.Uint8, spec.Uint16, spec.Uint32, spec.Uint64, spec.Int8, spec.Int16, spec.Int32,
	spec.Int64, spec.Float16, spec.BFloat16, spec.Float32, spec.Float64, spec.Complex64,
}

// overWire encodes and decodes, as the transport does.
func overWire[M proto.Message](t require.TestingT, in, out M) M {
	b, err := proto.Marshal(in)
	require.NoError(t, err)
	require.NoError(t, proto.Unmarshal(b, out))
	return out
}

func TestDTypesAreComplete(t *testing.T) {
	assert.Len(t, toWire, len(dtypes))
	assert.Len(t, fromWire, len(dtypes), "two dtypes share a number")
	assert.Len(t, DType_name, len(dtypes)+1)
	for wire, plain := range fromWire {
		assert.Equal(t, strings.ToUpper(string(plain)), wire.String())
	}
}

func TestTensorsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := make([]spec.Tensor, rapid.IntRange(0, 4).Draw(t, "count"))
		for i := range in {
			in[i].Type = spec.Type{
				DType: rapid.SampledFrom(dtypes).Draw(t, "dtype"),
				Shape: rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(t, "shape"),
			}
			n, err := in[i].Bytes()
			require.NoError(t, err)
			in[i].Data = rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "data")
			for j := range in[i].Data {
				if in[i].DType == spec.Bool {
					in[i].Data[j] &= 1
				}
			}
		}
		refs := make([]Ref, len(in))
		for i, x := range in {
			refs[i] = Ref{Type: x.Type, Inline: x.Data}
			if rapid.Bool().Draw(t, "placed") {
				refs[i] = Ref{Type: x.Type, Place: Place{
					Segment: rapid.Uint64Min(1).Draw(t, "segment"), Offset: rapid.Uint64().Draw(t, "offset"), Length: uint64(len(x.Data)),
				}}
			}
		}
		wire := overWire(t, &RunResponse{Outputs: RefsToWire(refs)}, new(RunResponse))
		out, err := RefsFromWire(wire.GetOutputs(), false)
		require.NoError(t, err)
		require.Len(t, out, len(in))
		for i := range in {
			require.True(t, in[i].Equal(out[i].Type))
			require.Equal(t, refs[i].Place, out[i].Place)
			require.True(t, slices.Equal(refs[i].Inline, out[i].Inline))
		}
		types, err := TypesFromWire(TypesToWire(func() (ts []spec.Type) {
			for _, x := range in {
				ts = append(ts, x.Type)
			}
			return ts
		}()))
		require.NoError(t, err)
		require.Len(t, types, len(in))
	})
}

func TestPluginRoundTrip(t *testing.T) {
	f := []spec.DType{spec.Float32, spec.BFloat16}
	attrs := []spec.Attr{spec.AttrOf("n", 3), spec.AttrOf("alpha", 0.1), spec.AttrOf("fast", true), spec.AttrOf("mode", "relu")}
	in := &spec.Plugin{ID: "acme/sq", Version: "1.0.0", Build: "b7", Kernels: []spec.Kernel{
		{
			Name: "square", Doc: "x*x", Inputs: []spec.Input{{Name: "x", DTypes: f}},
			Outputs: []spec.Output{{Name: "y", Shape: "shape(x)", DType: "dtype(x)"}},
			VJP:     "vjp", JVP: "jvp", VMap: spec.BatchLeading, Deterministic: true,
			Sources: []spec.Source{
				{Backend: spec.Metal, Code: "m", Grid: []string{"size(x)"}, Threads: 64},
				{Backend: spec.CUDA, Code: "c", Grid: []string{"1", "2", "3"}},
			},
			Attrs: attrs, Samples: []spec.Sample{{Shapes: [][]int{{2, 0}}, Attrs: map[string]string{"n": "4"}}, {Shapes: [][]int{{}}}},
		},
		{Name: "vjp", Inputs: []spec.Input{{Name: "x", DTypes: f}, {Name: "d", DTypes: f}}, Outputs: []spec.Output{{Name: "y", Shape: "shape(x)", DType: "float32"}}, Attrs: attrs},
		{Name: "jvp", Inputs: []spec.Input{{Name: "x", DTypes: f, Values: "0.5..2"}, {Name: "d", DTypes: f}}, Outputs: []spec.Output{{Name: "y"}}, Asks: true, Attrs: attrs},
	}}
	out, err := PluginFromWire(overWire(t, PluginToWire(in), new(DescribeResponse)))
	require.NoError(t, err)
	assert.Equal(t, in, out)
}

func TestWantedOutputsNeedNoData(t *testing.T) {
	in := []Ref{{Type: spec.Type{DType: spec.Int32, Shape: []int{2}}}}
	out, err := RefsFromWire(overWire(t, &RunRequest{Outputs: RefsToWire(in)}, new(RunRequest)).GetOutputs(), true)
	require.NoError(t, err)
	assert.Equal(t, in, out)
}

func TestAttrsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := make([]spec.AttrValue, rapid.IntRange(0, 4).Draw(t, "count"))
		for i := range in {
			in[i] = spec.AttrValue{Name: rapid.StringN(1, 5, 20).Draw(t, "name"), Value: rapid.OneOf(
				rapid.Int64().AsAny(), rapid.Float64().AsAny(), rapid.Bool().AsAny(), rapid.String().AsAny()).Draw(t, "value")}
		}
		out := AttrsFromWire(overWire(t, &RunRequest{Attrs: AttrsToWire(in)}, new(RunRequest)).GetAttrs())
		require.Equal(t, spec.AttrKey(in), spec.AttrKey(out))
		require.Equal(t, in, out)
	})
	assert.Nil(t, AttrsFromWire([]*Attr{{Name: "x"}})[0].Value)
}

func TestBadTypesAreRefused(t *testing.T) {
	for want, w := range map[string]*TensorType{
		"without a type":      nil,
		"number 0":            {},
		"number 99":           {Dtype: 99},
		"negative":            {Dtype: DType_INT8, Shape: []int64{-1}},
		"above the limit":     {Dtype: DType_INT8, Shape: []int64{math.MaxInt64, 8}},
		"at most 32":          {Dtype: DType_INT8, Shape: make([]int64, 33)},
		"above the limit of ": {Dtype: DType_INT8, Shape: []int64{1 << 31}},
	} {
		_, err := TypeFromWire(w)
		assert.ErrorContains(t, err, want)
		_, err = TypesFromWire([]*TensorType{w})
		assert.ErrorContains(t, err, want)
		_, err = RefsFromWire([]*Tensor{{Type: w, Data: &Tensor_Inline{}}}, false)
		assert.ErrorContains(t, err, want)
	}
	ok := TypeToWire(spec.Type{DType: spec.Int32, Shape: []int{2}})
	for want, w := range map[string]*Tensor{
		"needs 8 bytes, has 7":             {Type: ok, Data: &Tensor_Inline{Inline: make([]byte, 7)}},
		"neither inline nor":               {Type: ok},
		"without a type":                   nil,
		"its region in segment 0 has 8":    {Type: ok, Data: &Tensor_Region{Region: &Region{Length: 8}}},
		"its region in segment 1 has 9":    {Type: ok, Data: &Tensor_Region{Region: &Region{Segment: 1, Length: 9}}},
		"its region in segment 2 has 1844": {Type: ok, Data: &Tensor_Region{Region: &Region{Segment: 2, Length: math.MaxUint64}}},
		"segment 0 has 0":                  {Type: ok, Data: &Tensor_Region{}},
	} {
		_, err := RefsFromWire([]*Tensor{w}, false)
		assert.ErrorContains(t, err, want)
	}
}

func TestBadPluginIsRefused(t *testing.T) {
	for want, w := range map[string]*DescribeResponse{
		"org/name":       {},
		"number 9 is":    {Id: "a/b", Version: "1.0.0", Kernels: []*Kernel{{Name: "k", Vmap: 9}}},
		"number 77 is":   {Id: "a/b", Version: "1.0.0", Kernels: []*Kernel{{Name: "k", Inputs: []*Input{{Name: "x", Dtypes: []DType{77}}}}}},
		"has no output":  {Id: "a/b", Version: "1.0.0", Kernels: []*Kernel{{Name: "k"}}},
		"the name must ": {Id: "a/b", Version: "1.0.0", Kernels: []*Kernel{nil}},
	} {
		_, err := PluginFromWire(w)
		assert.ErrorContains(t, err, want)
	}
}

func TestErrorTextIsBounded(t *testing.T) {
	e := ErrorToWire(Code_FAILED, strings.Repeat("é", 4096))
	assert.LessOrEqual(t, len(e.GetMessage()), TextLimit)
	assert.True(t, utf8.ValidString(e.GetMessage()))
	assert.Equal(t, "a?b", ErrorToWire(Code_FAILED, "a\xffb").GetMessage())
}

func FuzzRunResponse(f *testing.F) {
	b, _ := proto.Marshal(&RunResponse{Outputs: RefsToWire([]Ref{{Type: spec.Type{DType: spec.Int8, Shape: []int{2}}, Inline: []byte{1, 2}}})})
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var w RunResponse
		if proto.Unmarshal(b, &w) != nil {
			return
		}
		out, err := RefsFromWire(w.GetOutputs(), false)
		if err != nil {
			return
		}
		for _, x := range out {
			n, err := x.Bytes()
			require.NoError(t, err)
			if x.Segment == 0 {
				require.Len(t, x.Inline, n)
			} else {
				require.Equal(t, uint64(n), x.Length)
			}
		}
	})
}

func FuzzDescribe(f *testing.F) {
	b, _ := proto.Marshal(&DescribeResponse{Id: "a/b", Version: "1.0.0", Kernels: []*Kernel{{Name: "k", Outputs: []*Output{{Name: "y", Shape: "[1]", Dtype: "bool"}}}}})
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var w DescribeResponse
		if proto.Unmarshal(b, &w) != nil {
			return
		}
		if p, err := PluginFromWire(&w); err == nil {
			_, err := p.Digest()
			require.NoError(t, err)
		}
	})
}

func FuzzInferShapeResponse(f *testing.F) {
	b, _ := proto.Marshal(&InferShapeResponse{Outputs: []*TensorType{{Dtype: DType_FLOAT32, Shape: []int64{2, 3}}}})
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var w InferShapeResponse
		if proto.Unmarshal(b, &w) != nil {
			return
		}
		types, err := TypesFromWire(w.GetOutputs())
		if err != nil {
			return
		}
		for _, x := range types {
			if n, err := x.Bytes(); err == nil {
				require.GreaterOrEqual(t, n, 0)
			}
			back, err := TypeFromWire(TypeToWire(x))
			require.NoError(t, err)
			require.True(t, x.Equal(back))
		}
	})
}
