package bench

import (
	"runtime"
	"sync"
	"time"

	"github.com/adjoint-go/adjoint/core"
)

// Work is what a step cannot do without: the bytes of its inputs and results, each
// read or written once, and the floating-point operations of its products, two
// for each multiplication with its addition. Other arithmetic is not counted.
type Work struct {
	Bytes int `json:"bytes,omitempty"`
	FLOP  int `json:"flop,omitempty"`
}

// Peak is what the machine can do with all of its processors: copying, in 10⁹ bytes
// read and written a second, and float32 matrix products, in 10⁹ operations a
// second.
type Peak struct {
	CopyGBs       float64 `json:"copy_gb_s"`
	ProductGFLOPs float64 `json:"product_gflop_s"`
}

// MeasurePeak takes the best rates of several batches: of Go's copy between two
// arrays of 4 MiB, which is the size of most operations' arrays and may fit the
// processor's last cache, and of Adjoint's product of two 1024x1024 matrices.
// Errors: the engine is missing, or an input of a folder is.
func MeasurePeak(in *Inputs, t Timing) (p Peak, err error) {
	defer core.Catch(&err)
	if in == nil {
		return p, errNoInputs
	}
	t = t.withDefaults()
	x, y := in.get("x1024"), in.get("y1024")
	product := pure(func() []*core.Array { return []*core.Array{x.MatMul(y)} }, nothing)
	copied := Result{Steps: 100}
	copied.summarize(t, func() time.Duration { return copies(copied.Steps) })
	p.CopyGBs = round(2*matrix/(copied.MS*1e6), 4)
	p.ProductGFLOPs = round(2*side*side*side/(product.measure(t).MS*1e6), 4)
	return p, nil
}

func nothing([]*core.Array) []float64 { return nil }

// copies is the time of n copies of an array, of which each processor does a part.
func copies(n int) time.Duration {
	// A longer copy would go around the caches.
	const most = 256 << 10
	from, to := make([]byte, matrix), make([]byte, matrix)
	for i := range from { // memory that nobody has written to has no pages yet
		from[i], to[i] = byte(i), 1
	}
	parts := runtime.GOMAXPROCS(0)
	var wait sync.WaitGroup
	start := time.Now()
	for k := range parts {
		wait.Go(func() {
			lo, hi := matrix*k/parts, matrix*(k+1)/parts
			for range n {
				for at := lo; at < hi; at += most {
					end := min(at+most, hi)
					copy(to[at:end], from[at:end])
				}
			}
		})
	}
	wait.Wait()
	return time.Since(start)
}

// Of is the percentage of the peak at which work was done in the given time: the
// time that the machine needs at least, for the bytes or for the operations,
// whichever takes longer, over ms.
func (p Peak) Of(w Work, ms float64) float64 {
	least := max(float64(w.Bytes)/p.CopyGBs, float64(w.FLOP)/p.ProductGFLOPs) * 1e-6
	return round(100*least/ms, 3)
}
