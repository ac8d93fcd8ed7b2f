package bench

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/adjoint-go/adjoint/core"
)

// Workload is one thing that is measured.
type Workload struct {
	Name string
	// Does says in a line what one step computes.
	Does string
	// prepare makes the workload ready to run; it panics with a *core.Error.
	prepare func(in *Inputs) job
}

// Result is what one workload took. Times of a step are in milliseconds, of the
// first call in seconds.
type Result struct {
	Peer     string  `json:"peer"`
	Workload string  `json:"workload"`
	MS       float64 `json:"ms"`
	FirstS   float64 `json:"first_s"`
	MedianMS float64 `json:"med_ms"`
	Steps    int     `json:"n"`
	Batches  int     `json:"reps"`
	// Check and Check3 are the check values after the first and the third step.
	Check  []float64 `json:"check,omitempty"`
	Check3 []float64 `json:"check3,omitempty"`
}

// Workloads lists all workloads in the order in which they are reported.
var Workloads = []Workload{
	{"gelu", "GELU of 1024x1024 floats, compiled", gelu},
	{"gelu_eager", "GELU of 1024x1024 floats, one operation after the other", geluEager},
	{"gelu_vag", "sum of GELU and its gradient, compiled", geluGrad},
	{"softmax_ln", "softmax of the layer norm of 1024x1024 floats, compiled", softmaxNorm},
	{"mlp_s", "training step of a 64-32-10 network, batch 32, SGD", mlpSmall},
	{"mlp_m", "training step of a 784-256-256-10 network, batch 128, Adam", mlpMedium},
	{"mlp_l", "training step of a 784-1024-1024-10 network, batch 256, Adam", mlpLarge},
	{"cnn", "training step of a network of two convolutions on 28x28 images, batch 64, Adam", cnn},
	{"lm", "training step of a decoder-only transformer of two layers, 16x128 tokens, AdamW", lm},
	{"lstm", "training step of an LSTM of 128 units over 64 steps, batch 32, Adam", lstm},
	{"perex", "gradients of mlp_m's network for each of 128 examples, compiled", perExample},
	{"hess", "second derivatives of a network's loss in 161 parameters, batch 64, compiled", hessian},
	{"svd3", "three steps of subspace iteration on a 512x256 matrix", subspace},
	{"dispatch", "adding two 4x4 arrays, not evaluated, inside Tidy", dispatchTidy},
	{"dispatch_gc", "the same, left to Go's collector, whose work is counted", dispatchCollected},
	{"sync", "adding two 4x4 arrays, evaluated", evaluated},
}

// Select returns the workloads with the given names, all of them without any.
// Errors: a name is none, or is given twice.
func Select(names ...string) ([]Workload, error) {
	if len(names) == 0 {
		return Workloads, nil
	}
	var out []Workload
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			return nil, fmt.Errorf("the workload %q is named twice", name)
		}
		seen[name] = true
		found := false
		for _, w := range Workloads {
			if w.Name == name {
				out, found = append(out, w), true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no workload %q; there are: %s", name, strings.Join(Names(), ", "))
		}
	}
	return out, nil
}

// Names returns the names of all workloads.
func Names() []string {
	var out []string
	for _, w := range Workloads {
		out = append(out, w.Name)
	}
	return out
}

// Run measures the workload. Errors: the engine is missing, or an input of a
// folder is.
func (w Workload) Run(in *Inputs, t Timing) (r Result, err error) {
	defer core.Catch(&err)
	if in == nil {
		return r, errors.New("bench: the inputs are nil: pass bench.Seeded()")
	}
	r = w.prepare(in).measure(t.withDefaults())
	r.Peer, r.Workload = "adjoint", w.Name
	r.MS, r.FirstS, r.MedianMS = round(r.MS, 6), round(r.FirstS, 6), round(r.MedianMS, 6)
	for _, check := range [][]float64{r.Check, r.Check3} {
		for i, v := range check {
			check[i] = round(v, 7)
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return r, fmt.Errorf("bench: the workload %s computed %v", w.Name, v)
			}
		}
	}
	return r, nil
}

// Check runs the workload's first three steps and returns its check values after
// the first and the third; there are none for a workload that only counts calls.
func (w Workload) Check(in *Inputs) (first, third []float64, err error) {
	r, err := w.Run(in, Timing{Batch: time.Nanosecond, Batches: 1})
	return r.Check, r.Check3, err
}

// round keeps n significant digits.
func round(v float64, n int) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return v
	}
	p := math.Pow(10, float64(n)-1-math.Floor(math.Log10(math.Abs(v))))
	if math.IsInf(p, 0) || p == 0 {
		return v
	}
	return math.Round(v*p) / p
}
