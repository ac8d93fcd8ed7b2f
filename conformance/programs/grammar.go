package programs

import (
	"strings"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
)

// grammar is what programs are made of.
type grammar struct {
	rows   map[string]*sample.Row
	choice []*sample.Row // each as often as it is to be chosen
	note   func(string)  // where a step under way is told; nil: nowhere
}

// weights say how often rows are chosen, by the package of their Go function or
// by name; 4 where nothing is said.
var rowWeights = map[string]int{
	"quant": 1, "random": 2, "fft": 2, "linalg": 3, "conv": 1,
	"add": 20, "subtract": 12, "multiply": 20, "divide": 10, "matmul": 12, "sum": 12, "mean": 8, "where": 10,
	"exp": 8, "tanh": 8, "sigmoid": 8, "log": 6, "sqrt": 6, "square": 6, "sin": 6, "negative": 6,
	"reshape": 8, "transpose": 8, "transpose_axes": 8, "broadcast_to": 8, "slice": 8, "concatenate": 8, "expand_dims": 6,
	"take": 8, "gather": 6, "scatter_add": 6, "softmax": 8, "cumsum": 6, "astype": 8, "stop_gradient": 1,
	"arange": 1, "linspace": 1, "eye": 1, "identity": 1, "tri": 1, "bartlett": 1, "blackman": 1, "hamming": 1, "hanning": 1,
	"fft.fftfreq": 1, "fft.rfftfreq": 1, "zeros": 1, "ones": 1, "random.key": 0, "random.permutation_arange": 1,
}

func newGrammar() *grammar {
	g := &grammar{rows: map[string]*sample.Row{}}
	for _, r := range sample.Rows() {
		g.rows[r.Name] = r
		n, ok := rowWeights[r.Name]
		if !ok {
			n, ok = rowWeights[r.Pkg]
		}
		if !ok && strings.HasPrefix(r.Name, "conv_") {
			n, ok = rowWeights["conv"]
		}
		if !ok {
			n = 4
		}
		if r.GPU {
			n = 0
		}
		for range n {
			g.choice = append(g.choice, r)
		}
	}
	return g
}
