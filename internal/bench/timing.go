package bench

import (
	"slices"
	"time"
)

// Timing says how long a workload is measured. The zero value stands for the
// rule that all peers follow.
type Timing struct {
	Batch   time.Duration // aimed-at length of a batch; 0 stands for 120 ms
	Batches int           // at most; 0 stands for 7
	Total   time.Duration // no batch is started later, but there are two; 0 stands for 3 s
}

func (t Timing) withDefaults() Timing {
	if t.Batch <= 0 {
		t.Batch = 120 * time.Millisecond
	}
	if t.Batches <= 0 {
		t.Batches = 7
	}
	if t.Total <= 0 {
		t.Total = 3 * time.Second
	}
	return t
}

// maxSteps bounds a batch, since what it starts piles up until it waits.
const maxSteps = 2000

// job is a workload that is ready to run.
type job interface {
	measure(t Timing) Result
}

// steps is a workload of steps that may run while the next are started.
type steps struct {
	step  func()           // starts one step
	wait  func()           // waits for all that were started
	value func() []float64 // check values of the last step, which has been waited for
}

func (s steps) timed(n int) time.Duration {
	start := time.Now()
	for range n {
		s.step()
	}
	s.wait()
	return time.Since(start)
}

func (s steps) measure(t Timing) Result {
	first := s.timed(1)
	r := Result{FirstS: first.Seconds(), Check: s.value()}
	once := min(s.timed(1), s.timed(1))
	r.Check3 = s.value()
	r.Steps = min(maxSteps, max(1, int(t.Batch/max(once, 1))))
	r.summarize(t, func() time.Duration { return s.timed(r.Steps) })
	return r
}

// calls is a workload of n calls that times itself.
type calls struct {
	n   int
	run func(n int) time.Duration
}

func (c calls) measure(t Timing) Result {
	c.run(100)
	r := Result{Steps: c.n}
	r.summarize(t, func() time.Duration { return c.run(c.n) })
	return r
}

// summarize runs batches and keeps the shortest and the median time of a step.
func (r *Result) summarize(t Timing, batch func() time.Duration) {
	var took []time.Duration
	start := time.Now()
	for len(took) < t.Batches && (len(took) < 2 || time.Since(start) < t.Total) {
		took = append(took, batch())
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return d.Seconds() * 1e3 / float64(r.Steps) }
	r.MS, r.MedianMS, r.Batches = ms(took[0]), ms(took[len(took)/2]), len(took)
}
