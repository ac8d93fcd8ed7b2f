package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// reporter shows progress: a bar per epoch on a terminal, and lines.
type reporter struct {
	out   io.Writer
	tty   bool
	start time.Time
	bar   *progressbar.ProgressBar
	early *bool // the first lines within an epoch were printed
}

func newReporter(out io.Writer, tty bool, start time.Time) reporter {
	return reporter{out: out, tty: tty, start: start, early: new(bool)}
}

func (r *reporter) begin(p Progress, epochs, images int) {
	if !r.tty {
		return
	}
	r.bar = progressbar.NewOptions(images,
		progressbar.OptionSetWriter(r.out), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(), progressbar.OptionSetItsString("images"), progressbar.OptionShowIts(),
		progressbar.OptionThrottle(50*time.Millisecond),
		progressbar.OptionSetDescription(fmt.Sprintf("epoch %d/%d", len(p.Epochs)+1, epochs)))
	_ = r.bar.Add(p.Images)
}

// step shows a step of n images. Of the first epoch it prints a few, so that
// there is something to see at once.
func (r *reporter) step(p Progress, n int) {
	if r.bar != nil {
		_ = r.bar.Add(n)
		return
	}
	if *r.early || len(p.Epochs) > 0 {
		return
	}
	if step := (p.Images + n - 1) / n; step == 1 || step == 10 {
		fmt.Fprintf(r.out, "step %3d       loss %.4f  accuracy %.3f                              %5.1f s\n",
			step, p.Loss/float64(p.Images), float64(p.Right)/float64(p.Images), time.Since(r.start).Seconds())
		*r.early = step == 10
	}
}

func (r *reporter) end(epoch, epochs int, e Epoch) {
	r.stop()
	fmt.Fprintf(r.out, "epoch %2d/%-2d    loss %.4f  accuracy %.3f   test loss %.4f  accuracy %.4f  %5.1f s\n",
		epoch, epochs, e.Loss, e.Accuracy, e.TestLoss, e.TestAccuracy, time.Since(r.start).Seconds())
}

// stop takes the bar away.
func (r *reporter) stop() {
	if r.bar != nil {
		_ = r.bar.Finish()
		r.bar = nil
	}
}
