package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

// Settings are what a run is determined by.
type Settings struct {
	Batch int     `json:"batch"`
	LR    float64 `json:"lr"`
	Seed  uint64  `json:"seed"`
}

// Epoch is a point of the curves.
type Epoch struct {
	Loss         float64 `json:"loss"`
	Accuracy     float64 `json:"accuracy"`
	TestLoss     float64 `json:"test_loss"`
	TestAccuracy float64 `json:"test_accuracy"`
}

// Progress is where a run stands.
type Progress struct {
	Settings Settings `json:"settings"`
	Epochs   []Epoch  `json:"epochs"` // those that are complete
	// Of the epoch that is not complete:
	Images int     `json:"images"` // seen
	Loss   float64 `json:"loss"`   // summed over them
	Right  int     `json:"right"`  // predicted
}

// trainer trains a network.
type trainer struct {
	train, test Set
	state       State
	Progress
	step     *compile.Func[func(State, Batch) (State, Score)]
	evaluate *compile.Func[func(Net, Set) (Score, *core.Array)]
	report   reporter
}

func newTrainer(s Settings, r reporter) (*trainer, error) {
	train, test, err := load()
	if err != nil {
		return nil, err
	}
	if s.Batch > train.size() {
		return nil, fmt.Errorf("--batch %d: want at most %d, the number of images to train on", s.Batch, train.size())
	}
	return &trainer{
		train: train, test: test, state: newState(s.Seed, s.LR), Progress: Progress{Settings: s},
		step: compile.Of(step), evaluate: compile.Of(evaluate), report: r,
	}, nil
}

// run trains until epochs are complete, or ctx ends, which is an error.
func (t *trainer) run(ctx context.Context, epochs int) error {
	for len(t.Epochs) < epochs {
		t.report.begin(t.Progress, epochs, t.train.size())
		if err := t.epoch(ctx); err != nil {
			return err
		}
		e := t.close()
		t.report.end(len(t.Epochs), epochs, e)
	}
	return nil
}

// epoch goes through the images that are left of the current epoch.
func (t *trainer) epoch(ctx context.Context) error {
	at := order(t.train.size(), t.Settings.Seed, len(t.Epochs))
	for t.Images < len(at) {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(t.Settings.Batch, len(at)-t.Images)
		next, sc := t.step.Call(t.state, t.batch(at[t.Images:t.Images+n]))
		core.Eval(next, sc)
		core.Free(t.state)
		t.state = next
		loss := sc.Loss.Item()
		if math.IsNaN(loss) {
			return fmt.Errorf("the loss is no number after %d epochs: try a smaller --lr", len(t.Epochs))
		}
		t.Images += n
		t.Loss += loss * float64(n)
		t.Right += int(sc.Right.Item())
		t.report.step(t.Progress, n)
		core.Free(sc)
	}
	return nil
}

// batch is the part of the training set at the given places. The key depends on
// how many images were seen, so that a resumed run draws what the other would.
func (t *trainer) batch(at []int32) Batch {
	seen := uint64(len(t.Epochs)*t.train.size() + t.Images)
	return Batch{t.train, core.From(at), random.Key(t.Settings.Seed*0x9e3779b97f4a7c15 + seen)}
}

// close completes an epoch.
func (t *trainer) close() Epoch {
	sc, p := t.evaluate.Call(t.state.Net, t.test)
	e := Epoch{
		Loss: t.Loss / float64(t.Images), Accuracy: float64(t.Right) / float64(t.Images),
		TestLoss: sc.Loss.Item(), TestAccuracy: sc.Right.Item() / float64(t.test.size()),
	}
	core.Free(sc, p)
	t.Epochs = append(t.Epochs, e)
	t.Images, t.Loss, t.Right = 0, 0, 0
	return e
}

// stepTimes measures a step as it is and compiled, without training.
func (t *trainer) stepTimes() (eager, compiled time.Duration) {
	const calls = 15
	b := t.batch(order(t.train.size(), t.Settings.Seed, 0)[:t.Settings.Batch])
	median := func(f func(State, Batch) (State, Score)) time.Duration {
		var all []time.Duration
		for i := range calls + 2 {
			start := time.Now()
			core.TidyDo(func() { s, sc := f(t.state, b); core.Eval(s, sc) })
			if i >= 2 {
				all = append(all, time.Since(start))
			}
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return median(step), median(t.step.Call)
}
