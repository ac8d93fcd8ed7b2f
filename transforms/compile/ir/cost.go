package ir

import (
	"fmt"
	"math"
	"slices"
)

// Cost is an estimate; the package's documentation has the formulas.
type Cost struct {
	FLOP    float64 `json:"flop"`
	Bytes   float64 `json:"bytes"`             // read and written
	Peak    float64 `json:"peak,omitempty"`    // bytes held at once, of a whole program
	Unknown int     `json:"unknown,omitempty"` // operations whose FLOP are not known
}

// String is like "2.0 MFLOP, 1.2 MB moved, 0.4 MB at the peak".
func (c Cost) String() string {
	s := fmt.Sprintf("%s, %s moved", amount(c.FLOP, "FLOP"), amount(c.Bytes, "B"))
	if c.Peak > 0 {
		s += fmt.Sprintf(", %s at the peak", amount(c.Peak, "B"))
	}
	if c.Unknown > 0 {
		s += fmt.Sprintf(" (without the FLOP of %s)", count(c.Unknown, "operation"))
	}
	return s
}

func amount(x float64, unit string) string {
	for _, p := range []struct {
		size   float64
		prefix string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if x >= p.size {
			return fmt.Sprintf("%.3g %s%s", x/p.size, p.prefix, unit)
		}
	}
	return fmt.Sprintf("%.0f %s", x, unit)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// family is a kind of operation with one formula.
type family struct {
	names []string
	flop  func(in, out []Value) float64
	// view: the result is a part of the input, or the input in another form.
	view bool
	// within: the result may be written over an input.
	within bool
	needs  int // inputs that the formula reads
}

func elements(k float64) func(in, out []Value) float64 {
	return func(in, _ []Value) float64 {
		return k * float64(in[0].Size())
	}
}

func nothing(_, _ []Value) float64 { return 0 }

// last is the size of an axis, counted from the end; 1 when there is none.
func (v Value) last(k int) float64 {
	if k < 1 || len(v.Shape) < k {
		return 1
	}
	return max(1, float64(v.Shape[len(v.Shape)-k]))
}

// perMatrix is k·m³ for each of a stack of m×m matrices.
func perMatrix(k float64) func(in, _ []Value) float64 {
	return func(in, _ []Value) float64 { return k * float64(in[0].Size()) * in[0].last(1) }
}

func inner(in, out []Value) float64 { return 2 * float64(out[0].Size()) * in[0].last(1) }

var families = []family{
	{flop: func(_, out []Value) float64 { return float64(out[0].Size()) }, within: true, names: []string{
		"Abs", "Add", "ArcCos", "ArcCosh", "ArcSin", "ArcSinh", "ArcTan", "ArcTan2", "ArcTanh", "BitwiseAnd",
		"BitwiseInvert", "BitwiseOr", "BitwiseXor", "Ceil", "Conjugate", "Cos", "Cosh", "DivMod", "Divide", "Equal", "Erf",
		"ErfInv", "Exp", "Expm1", "Floor", "FloorDivide", "Greater", "GreaterEqual", "LeftShift", "Less", "LessEqual",
		"Log", "Log10", "Log1p", "Log2", "LogAddExp", "LogicalAnd", "LogicalNot", "LogicalOr", "Maximum", "Minimum",
		"Multiply", "NaNEqual", "Negative", "NotEqual", "Power", "Remainder", "RightShift", "Round", "Rsqrt", "Select",
		"Sigmoid", "Sign", "Sin", "Sinh", "Sqrt", "Square", "Subtract", "Tan", "Tanh",
	}},
	{flop: nothing, within: true, names: []string{"AsType"}},
	{flop: nothing, view: true, names: []string{
		"AsStrided", "Broadcast", "BroadcastAxes", "Copy", "Depends", "ExpandDims", "Flatten", "Imag", "NumberOfElements",
		"Real", "Reshape", "Slice", "Split", "Squeeze", "StopGradient", "Transpose", "Unflatten", "View",
	}},
	{flop: nothing, names: []string{
		"Arange", "Concatenate", "Contiguous", "DynamicSlice", "DynamicSliceUpdate", "Full", "Gather", "GatherAxis",
		"MaskedScatter", "Pad", "RandomBits", "Scatter", "ScatterAxis", "SliceUpdate",
	}},
	{flop: func(in, _ []Value) float64 { return float64(in[len(in)-1].Size()) }, needs: 1, names: []string{
		"ScatterAxisSum", "ScatterMax", "ScatterMin", "ScatterProd", "ScatterSum",
	}},
	{flop: elements(1), needs: 1, names: []string{
		"And", "ArgReduce", "CumLogAddExp", "CumMax", "CumMin", "CumProd", "CumSum", "Max", "Min", "Or", "Prod", "Sum",
	}},
	{flop: elements(3), needs: 1, names: []string{"WindowsGradient"}},
	{flop: elements(4), needs: 1, names: []string{"LogSumExp"}},
	{flop: elements(5), needs: 1, names: []string{"Softmax"}},
	{flop: elements(8), needs: 1, names: []string{"CrossEntropy", "CrossEntropyVJP", "LayerNorm", "LayerNormVJP", "RMSNorm", "RMSNormVJP", "RoPE"}},
	{flop: inner, needs: 1, names: []string{"GatherMM", "GatherQMM", "Matmul", "QuantizedMatmul", "SegmentedMM", "BlockMaskedMM"}},
	{flop: func(in, out []Value) float64 { return inner(in, out) + 2*float64(out[0].Size()) }, needs: 1, names: []string{"AddMM"}},
	{flop: func(in, out []Value) float64 {
		return 2 * float64(out[0].Size()) * float64(in[1].Size()) / in[1].last(len(in[1].Shape))
	}, needs: 2, names: []string{"Convolution"}},
	{flop: func(in, _ []Value) float64 {
		scores := float64(in[0].Size()) / in[0].last(1) * in[1].last(2)
		return 4*float64(in[0].Size())*in[1].last(2) + 5*scores
	}, needs: 2, names: []string{"ScaledDotProductAttention"}},
	{flop: func(in, _ []Value) float64 {
		n := float64(in[0].Size())
		return 5 * n * math.Log2(max(2, n))
	}, needs: 1, names: []string{"FFT"}},
	{flop: func(in, _ []Value) float64 {
		return float64(in[0].Size()) * math.Log2(max(2, in[0].last(1)))
	}, needs: 1, names: []string{"ArgPartition", "ArgSort", "Partition", "Sort"}},
	{flop: perMatrix(1. / 3), needs: 1, names: []string{"Cholesky"}},
	{flop: perMatrix(2. / 3), needs: 1, names: []string{"LUF"}},
	{flop: perMatrix(4. / 3), needs: 1, names: []string{"QRF"}},
	{flop: perMatrix(2), needs: 1, names: []string{"Inverse"}},
}

var byName = func() map[string]*family {
	m := map[string]*family{}
	for i := range families {
		for _, name := range families[i].names {
			m[name] = &families[i]
		}
	}
	return m
}()

// Heavy says whether a node multiplies matrices or the like, where most of a
// network's time goes.
func (n *Node) Heavy() bool {
	switch n.Op {
	case "Matmul", "AddMM", "GatherMM", "GatherQMM", "QuantizedMatmul", "SegmentedMM", "BlockMaskedMM", "Convolution",
		"ScaledDotProductAttention":
		return true
	}
	return false
}

// Elementwise says whether each element of a node's result depends on one
// element of each input.
func (n *Node) Elementwise() bool {
	f := byName[n.Op]
	return len(n.Body) > 0 || f != nil && f.within
}

// named says whether of a body only the names are known.
func (n *Node) named() bool { return len(n.Body) > 0 && len(n.Out) > 0 && len(n.Body[0].Out) == 0 }

func (n *Node) view() bool {
	f := byName[n.Op]
	return f != nil && f.view && len(n.In) > 0
}

// Estimate fills in all costs.
func (p *Program) Estimate() {
	values, bytes := p.Values(), p.stored()
	p.Cost = Cost{}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		n.estimate(values, bytes)
		p.Cost.FLOP += n.Cost.FLOP
		p.Cost.Bytes += n.Cost.Bytes
		p.Cost.Unknown += n.Cost.Unknown
	}
	p.Cost.Peak = float64(p.peak(bytes))
}

// stored is the memory behind each value: a view has that of what it shows.
func (p *Program) stored() map[int]int {
	bytes := map[int]int{}
	for _, v := range p.Inputs {
		bytes[v.ID] = v.Bytes()
	}
	for _, c := range p.Constants {
		bytes[c.ID] = c.Bytes()
		if c.Text != "" {
			bytes[c.ID] = c.DType.Size()
		}
	}
	p.Each(func(n *Node) {
		for _, v := range n.Out {
			bytes[v.ID] = v.Bytes()
			if n.view() {
				bytes[v.ID] = min(v.Bytes(), bytes[n.In[0]])
			}
		}
	})
	return bytes
}

func (n *Node) estimate(values map[int]Value, bytes map[int]int) {
	n.Cost = Cost{}
	var in []Value
	for _, id := range n.In {
		in = append(in, values[id])
	}
	if !n.view() {
		read := slices.Clone(n.In)
		slices.Sort(read)
		for _, id := range slices.Compact(read) {
			n.Cost.Bytes += float64(bytes[id])
		}
		for _, v := range n.Out {
			n.Cost.Bytes += float64(v.Bytes())
		}
	}
	if len(n.Body) > 0 {
		for i := range n.Body {
			b := &n.Body[i]
			if n.named() {
				b.Cost = Cost{FLOP: float64(n.Out[0].Size())}
			} else {
				b.estimate(values, bytes)
			}
			n.Cost.FLOP += b.Cost.FLOP
			n.Cost.Unknown += b.Cost.Unknown
		}
		return
	}
	f := byName[n.Op]
	if f == nil || len(n.Out) == 0 || len(in) < f.needs {
		n.Cost.Unknown = 1
		return
	}
	n.Cost.FLOP = f.flop(in, n.Out)
}
