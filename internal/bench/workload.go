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
	// Work is what a step of one operation cannot do without; other workloads have none.
	Work Work
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
	// Work is the workload's, and OfPeak the percentage of the machine's peak that
	// it was done at, which [Peak.Of] tells.
	Work
	OfPeak float64 `json:"of_peak,omitempty"`
}

// Workloads lists what is measured unless something is named, in the order in
// which it is reported: whole computations, and the cost of a call.
var Workloads = []Workload{
	{Name: "gelu", Does: "GELU of 1024x1024 floats, compiled", prepare: gelu},
	{Name: "gelu_eager", Does: "GELU of 1024x1024 floats, one operation after the other", prepare: geluEager},
	{Name: "gelu_vag", Does: "sum of GELU and its gradient, compiled", prepare: geluGrad},
	{Name: "softmax_ln", Does: "softmax of the layer norm of 1024x1024 floats, compiled", prepare: softmaxNorm},
	{Name: "mlp_s", Does: "training step of a 64-32-10 network, batch 32, SGD", prepare: mlpSmall},
	{Name: "mlp_m", Does: "training step of a 784-256-256-10 network, batch 128, Adam", prepare: mlpMedium},
	{Name: "mlp_l", Does: "training step of a 784-1024-1024-10 network, batch 256, Adam", prepare: mlpLarge},
	{Name: "cnn", Does: "training step of a network of two convolutions on 28x28 images, batch 64, Adam", prepare: cnn},
	{Name: "lm", Does: "training step of a decoder-only transformer of two layers, 16x128 tokens, AdamW", prepare: lm},
	{Name: "lstm", Does: "training step of an LSTM of 128 units over 64 steps, batch 32, Adam", prepare: lstm},
	{Name: "perex", Does: "gradients of mlp_m's network for each of 128 examples, compiled", prepare: perExample},
	{Name: "hess", Does: "second derivatives of a network's loss in 161 parameters, batch 64, compiled", prepare: hessian},
	{Name: "svd3", Does: "three steps of subspace iteration on a 512x256 matrix", prepare: subspace},
	{Name: "dispatch", Does: "adding two 4x4 arrays, not evaluated, inside Tidy", prepare: dispatchTidy},
	{Name: "dispatch_gc", Does: "the same, left to Go's collector, whose work is counted", prepare: dispatchCollected},
	{Name: "sync", Does: "adding two 4x4 arrays, evaluated", prepare: evaluated},
}

// group is the name that stands for all of [Ops].
const group = "ops"

// Select returns the workloads with the given names, where ops stands for all of
// [Ops]; it returns [Workloads] without any. Errors: a name is none, or is given
// twice.
func Select(names ...string) ([]Workload, error) {
	if len(names) == 0 {
		return Workloads, nil
	}
	var out []Workload
	seen := map[string]bool{}
	for _, name := range names {
		found := named(name)
		if found == nil {
			return nil, fmt.Errorf("there is no workload %q; there are: %s; and %s: %s", name,
				strings.Join(namesOf(Workloads), ", "), group, strings.Join(namesOf(Ops), ", "))
		}
		for _, w := range found {
			if seen[w.Name] {
				return nil, fmt.Errorf("the workload %q is named twice", w.Name)
			}
			seen[w.Name] = true
		}
		out = append(out, found...)
	}
	return out, nil
}

// named returns what a name stands for, nil if it is none.
func named(name string) []Workload {
	if name == group {
		return Ops
	}
	for _, all := range [][]Workload{Workloads, Ops} {
		for i, w := range all {
			if w.Name == name {
				return all[i : i+1]
			}
		}
	}
	return nil
}

func namesOf(all []Workload) []string {
	var out []string
	for _, w := range all {
		out = append(out, w.Name)
	}
	return out
}

var errNoInputs = errors.New("bench: the inputs are nil: pass bench.Seeded()")

// Run measures the workload. Errors: the engine is missing, or an input of a
// folder is.
func (w Workload) Run(in *Inputs, t Timing) (r Result, err error) {
	defer core.Catch(&err)
	if in == nil {
		return r, errNoInputs
	}
	r = w.prepare(in).measure(t.withDefaults())
	r.Peer, r.Workload, r.Work = "adjoint", w.Name, w.Work
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
