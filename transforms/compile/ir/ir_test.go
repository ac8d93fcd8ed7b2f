package ir_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/transforms/compile/ir"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files of this package anew")

// golden compares got with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "%s is stale? run: go test ./transforms/compile/ir -rewrite", path)
}

func f32(id int, shape ...int) ir.Value { return ir.Value{ID: id, DType: core.Float32, Shape: shape} }

// network has each kind of thing that a program has.
func network() *ir.Program {
	p := &ir.Program{
		Name: "network",
		Inputs: []ir.Input{
			{Value: f32(0, 64, 32), Path: "argument 0 at W", Donated: true},
			{Value: f32(1, 32), Path: "argument 0 at B"},
			{Value: f32(2, 8, 64), Path: "argument 1"},
		},
		Constants: []ir.Constant{
			{Value: f32(3), Text: "0.5"},
			{Value: ir.Value{ID: 4, DType: core.Int32, Shape: []int{8, 1}}},
		},
		Nodes: []ir.Node{
			{Op: "Matmul", In: []int{2, 0}, Out: []ir.Value{f32(5, 8, 32)}, Stream: "cpu:0"},
			{Op: "Broadcast", In: []int{1}, Out: []ir.Value{f32(6, 8, 32)}, Stream: "cpu:0"},
			{Op: "Fused", In: []int{5, 6, 3}, Out: []ir.Value{f32(9, 8, 32)}, Stream: "cpu:0", Body: []ir.Node{
				{Op: "Add", In: []int{5, 6}, Out: []ir.Value{f32(7, 8, 32)}},
				{Op: "Tanh", In: []int{7}, Out: []ir.Value{f32(8, 8, 32)}},
				{Op: "Multiply", In: []int{8, 3}, Out: []ir.Value{f32(9, 8, 32)}},
			}},
			{Op: "Compiled", In: []int{9}, Out: []ir.Value{f32(10, 8, 32)}, Stream: "cpu:0", Body: []ir.Node{{Op: "Exp"}, {Op: "Negative"}}},
			{Op: "Sum", In: []int{10}, Out: []ir.Value{f32(11, 8, 1)}, Attributes: "axes=[1]", Stream: "cpu:1"},
			{Op: "GatherAxis", In: []int{9, 4}, Out: []ir.Value{f32(12, 8, 1)}, Stream: "cpu:0"},
			{Op: "Subtract", In: []int{11, 12}, Out: []ir.Value{f32(13, 8, 1)}, Stream: "cpu:0", Alone: "no neighbour"},
			{Op: "Mystery", In: []int{13}, Out: []ir.Value{f32(14), f32(15)}, Stream: "cpu:0"},
		},
		Outputs: []ir.Output{{ID: 14, Path: "result 0"}, {ID: 9, Path: "result 1 at H"}, {ID: 3, Path: "result 2"}},
	}
	p.Estimate()
	return p
}

func TestText(t *testing.T) { golden(t, "network.txt", network().String()) }

func TestDOT(t *testing.T) { golden(t, "network.dot", network().DOT()) }

func TestJSON(t *testing.T) {
	text, err := json.MarshalIndent(network(), "", "  ")
	require.NoError(t, err)
	golden(t, "network.json", string(text)+"\n")
}

func TestFilesComeBackAsTheyWere(t *testing.T) {
	p := network()
	dir := t.TempDir()
	for _, ext := range []string{".json", ".dot", ".txt"} {
		require.NoError(t, p.WriteFile(filepath.Join(dir, "p"+ext)))
	}
	got, err := ir.Read(filepath.Join(dir, "p.json"))
	require.NoError(t, err)
	require.Equal(t, p, got)
	text, err := os.ReadFile(filepath.Join(dir, "p.txt"))
	require.NoError(t, err)
	require.Equal(t, p.String(), string(text))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 3, "a temporary file is left")
	require.ErrorContains(t, p.WriteFile(filepath.Join(dir, "p.svg")), "adjoint graph FILE.json -o p.svg")
	require.ErrorContains(t, p.WriteFile(filepath.Join(dir, "p.exe")), `unknown extension ".exe", want .json, .dot or .txt`)
	require.Error(t, p.WriteFile(filepath.Join(dir, "none", "p.json")))
}

func TestReadRefuses(t *testing.T) {
	whole, err := json.Marshal(network())
	require.NoError(t, err)
	change := func(from, to string) string {
		require.Contains(t, string(whole), from)
		return strings.Replace(string(whole), from, to, 1)
	}
	cases := map[string]struct{ text, says string }{
		"nothing":        {"", "at byte 0"},
		"half":           {string(whole[:len(whole)/2]), "at byte"},
		"other JSON":     {`{"name":"x"}`, `its format is ""`},
		"a list":         {`[]`, "no program"},
		"another format": {change("program 1", "program 9"), "adjoint program 9"},
		"unknown value":  {change(`"in":[2,0]`, `"in":[2,99]`), "node 0 reads value 99"},
		"order":          {change(`"in":[2,0]`, `"in":[2,9]`), "node 0 reads value 9"},
		"taken number":   {change(`"id":6`, `"id":5`), "number 5, which is taken"},
		"negative size":  {change(`[64,32]`, `[64,-32]`), "shape [64 -32]"},
		"huge":           {change(`[64,32]`, `[9000000000,9000000000]`), "shape"},
		"dtype":          {change(`"int32"`, `"int33"`), "int33"},
		"output":         {change(`{"id":14,"path":"result 0"}`, `{"id":77,"path":"result 0"}`), "output 0 is value 77"},
		"foreign result": {change(`"out":[{"id":9,`, `"out":[{"id":99,`), "its body does not make"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "p.json")
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o644))
			_, err := ir.Read(path)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, path)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	_, err = ir.Read(filepath.Join(t.TempDir(), "none.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzRead(f *testing.F) {
	whole, err := json.Marshal(network())
	require.NoError(f, err)
	f.Add(whole)
	f.Add([]byte(`{"format":"adjoint program 1","nodes":[{"op":"Convolution","in":[],"out":[]}]}`))
	f.Add([]byte(`{"format":"adjoint program 1","inputs":[{"id":0,"dtype":"bool","shape":[]}],"nodes":[{"op":"Cholesky","in":[0],"out":[{"id":1,"dtype":"bool"}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p := new(ir.Program)
		if json.Unmarshal(text, p) != nil {
			return
		}
		_, _ = p.String(), p.DOT()
		again, err := json.Marshal(p)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(again, new(ir.Program)))
	})
}

// No two values of a long program have one name.
func TestLetters(t *testing.T) {
	p := &ir.Program{Inputs: []ir.Input{{Value: f32(0)}}}
	for i := range 2000 {
		p.Nodes = append(p.Nodes, ir.Node{Op: "Exp", In: []int{i}, Out: []ir.Value{f32(i + 1)}})
	}
	lines := strings.Split(p.String(), "\n")[4:]
	for i, want := range map[int]string{0: "b:f32[] = Exp a", 24: "z:f32[] = Exp y", 25: "aa:f32[] = Exp z", 26: "ab:f32[] = Exp aa",
		50: "az:f32[] = Exp ay", 51: "ba:f32[] = Exp az", 700: "zz:f32[] = Exp zy", 701: "aaa:f32[] = Exp zz"} {
		require.Equal(t, want, strings.TrimSpace(lines[i]))
	}
}

// one is a program of a single node.
func one(op string, out ir.Value, in ...ir.Value) ir.Cost {
	p := &ir.Program{Nodes: []ir.Node{{Op: op, Out: []ir.Value{out}}}, Outputs: []ir.Output{{ID: out.ID}}}
	for _, v := range in {
		p.Inputs = append(p.Inputs, ir.Input{Value: v})
		p.Nodes[0].In = append(p.Nodes[0].In, v.ID)
	}
	p.Estimate()
	return p.Cost
}

func TestCostOfEachFamily(t *testing.T) {
	cases := map[string]struct {
		got  ir.Cost
		want ir.Cost
	}{
		"elementwise": {one("Add", f32(2, 3, 4), f32(0, 3, 4), f32(1, 3, 4)), ir.Cost{FLOP: 12, Bytes: 144, Peak: 144}},
		"view":        {one("Transpose", f32(2, 4, 3), f32(0, 3, 4)), ir.Cost{Peak: 48}},
		"sum":         {one("Sum", f32(2, 1), f32(0, 100)), ir.Cost{FLOP: 100, Bytes: 404, Peak: 404}},
		"softmax":     {one("Softmax", f32(2, 10), f32(0, 10)), ir.Cost{FLOP: 50, Bytes: 80, Peak: 80}},
		"matmul":      {one("Matmul", f32(2, 5, 2, 4), f32(0, 5, 2, 3), f32(1, 5, 3, 4)), ir.Cost{FLOP: 2 * 5 * 2 * 4 * 3, Bytes: 4 * (30 + 60 + 40), Peak: 520}},
		"addmm":       {one("AddMM", f32(3, 2, 4), f32(0, 2, 3), f32(1, 3, 4), f32(2, 2, 4)), ir.Cost{FLOP: 2*2*4*3 + 16, Bytes: 4 * (6 + 12 + 8 + 8), Peak: 136}},
		// A 3x3 kernel over 2 channels is 18 products and sums for each of 5·5·7 results.
		"convolution": {one("Convolution", f32(2, 1, 5, 5, 7), f32(0, 1, 7, 7, 2), f32(1, 7, 3, 3, 2)), ir.Cost{FLOP: 175 * 2 * 18, Bytes: 4 * (98 + 126 + 175), Peak: 1596}},
		// 2 heads, 3 queries, 4 keys of size 5: 2·3·4·5 products twice over, and 24 scores.
		"attention": {one("ScaledDotProductAttention", f32(3, 1, 2, 3, 5), f32(0, 1, 2, 3, 5), f32(1, 1, 2, 4, 5), f32(2, 1, 2, 4, 5)), ir.Cost{FLOP: 2*2*2*3*4*5 + 5*24, Bytes: 4 * (30 + 40 + 40 + 30), Peak: 560}},
		"sort":      {one("Sort", f32(2, 2, 8), f32(0, 2, 8)), ir.Cost{FLOP: 16 * 3, Bytes: 128, Peak: 128}},
		"fft":       {one("FFT", f32(2, 16), f32(0, 16)), ir.Cost{FLOP: 5 * 16 * 4, Bytes: 128, Peak: 128}},
		"inverse":   {one("Inverse", f32(2, 3, 4, 4), f32(0, 3, 4, 4)), ir.Cost{FLOP: 3 * 2 * 64, Bytes: 384, Peak: 384}},
		"move":      {one("Concatenate", f32(2, 6), f32(0, 3), f32(1, 3)), ir.Cost{Bytes: 48, Peak: 48}},
		"unknown":   {one("Mystery", f32(2, 6), f32(0, 3)), ir.Cost{Bytes: 36, Peak: 36, Unknown: 1}},
	}
	for name, c := range cases {
		assert.Equal(t, c.want, c.got, name)
	}
	p := &ir.Program{Inputs: []ir.Input{{Value: f32(0, 6)}}, Nodes: []ir.Node{{Op: "Multiply", In: []int{0, 0}, Out: []ir.Value{f32(1, 6)}}}}
	p.Estimate()
	assert.Equal(t, 48.0, p.Cost.Bytes, "an input is read once")
}

// A chain over an array of 1000 bytes: how much is held at once.
func TestPeak(t *testing.T) {
	chain := func(donated bool, ops ...string) float64 {
		p := &ir.Program{Inputs: []ir.Input{{Value: f32(0, 250), Donated: donated}}}
		for i, op := range ops {
			p.Nodes = append(p.Nodes, ir.Node{Op: op, In: []int{i}, Out: []ir.Value{f32(i+1, 250)}})
		}
		p.Outputs = []ir.Output{{ID: len(ops)}}
		p.Estimate()
		return p.Cost.Peak
	}
	assert.Equal(t, 1000.0, chain(false))
	assert.Equal(t, 2000.0, chain(false, "Exp"))
	assert.Equal(t, 1000.0, chain(true, "Exp"), "written over what was donated")
	assert.Equal(t, 2000.0, chain(false, "Exp", "Exp", "Exp"), "written over each other")
	assert.Equal(t, 3000.0, chain(false, "Sort", "Sort"), "a sort needs both")
	assert.Equal(t, 2000.0, chain(true, "Sort", "Sort", "Sort"))
	assert.Equal(t, 1000.0, chain(false, "Transpose", "Reshape"))
	assert.Equal(t, 3000.0, chain(false, "Exp", "Reshape", "Sort"), "a view keeps what it shows")
	dead := &ir.Program{Inputs: []ir.Input{{Value: f32(0, 250)}}, Nodes: []ir.Node{
		{Op: "Exp", In: []int{0}, Out: []ir.Value{f32(1, 250)}},
		{Op: "Exp", In: []int{0}, Out: []ir.Value{f32(2, 250)}},
		{Op: "Exp", In: []int{0}, Out: []ir.Value{f32(3, 250)}},
	}}
	dead.Estimate()
	assert.Equal(t, 2000.0, dead.Cost.Peak, "what nobody reads goes at once")
}
