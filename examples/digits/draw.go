package main

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/adjoint-go/adjoint/core"
)

var (
	blue   = color.RGBA{R: 31, G: 119, B: 180, A: 255}
	orange = color.RGBA{R: 255, G: 127, B: 14, A: 255}
)

// drawCurves draws loss and accuracy over the epochs.
func drawCurves(path string, epochs []Epoch) error {
	left, err := curves("Loss", "cross-entropy", epochs, func(e Epoch) (train, test float64) { return e.Loss, e.TestLoss })
	if err != nil {
		return err
	}
	right, err := curves("Accuracy", "digits read right, %", epochs, func(e Epoch) (train, test float64) { return 100 * e.Accuracy, 100 * e.TestAccuracy })
	if err != nil {
		return err
	}
	left.Y.Min = 0
	right.Legend.Top, right.Y.Max = false, 100
	return drawTitled(path, "", 10*vg.Inch, 4*vg.Inch, [][]*plot.Plot{{left, right}})
}

func curves(title, what string, epochs []Epoch, of func(Epoch) (train, test float64)) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = title
	p.Title.TextStyle.Font.Size = vg.Points(14)
	p.Title.Padding = vg.Points(4)
	p.Y.Label.Padding = vg.Points(4)
	p.X.Label.Text, p.Y.Label.Text = "epoch", what
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks{12, 1}, ticks{7, 0}
	p.X.Min, p.X.Max = 1, float64(max(len(epochs), 2))
	p.Legend.Top = true
	p.Legend.Padding = vg.Points(2)
	p.Add(plotter.NewGrid())
	train, test := make(plotter.XYs, len(epochs)), make(plotter.XYs, len(epochs))
	for i, e := range epochs {
		train[i].X, test[i].X = float64(i+1), float64(i+1)
		train[i].Y, test[i].Y = of(e)
	}
	for _, c := range []struct {
		name  string
		xys   plotter.XYs
		color color.Color
	}{{"training", train, blue}, {"test", test, orange}} {
		line, points, err := plotter.NewLinePoints(c.xys)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = c.color, vg.Points(1.5)
		points.Color, points.Shape, points.Radius = c.color, draw.CircleGlyph{}, vg.Points(2)
		p.Add(line, points)
		p.Legend.Add(c.name, line, points)
	}
	return p, nil
}

// ticks puts at most most of them at round numbers, least apart or more.
type ticks struct {
	most  int
	least float64
}

func (t ticks) Ticks(lo, hi float64) []plot.Tick {
	apart := math.Pow(10, math.Floor(math.Log10((hi-lo)/float64(t.most))))
	for _, factor := range []float64{1, 2, 2.5, 2} { // 1, 2, 5, 10
		if apart *= factor; (hi-lo)/apart <= float64(t.most) {
			break
		}
	}
	apart = max(apart, t.least)
	var out []plot.Tick
	for v := math.Ceil(lo/apart) * apart; v <= hi; v += apart {
		v = math.Round(v/apart) * apart
		out = append(out, plot.Tick{Value: v, Label: fmt.Sprintf("%.4g", v)})
	}
	return out
}

// mistake is an image that was read wrongly.
type mistake struct {
	pixels           []float32
	label, predicted int
	certainty        float32 // the probability of what was predicted
}

func mistakes(s Set, probabilities *core.Array) []mistake {
	pixels, labels, p := core.Data[float32](s.X), core.Data[int32](s.Y), core.Data[float32](probabilities)
	var wrong []mistake
	for i, label := range labels {
		best := 0
		row := p[i*classes : (i+1)*classes]
		for j, v := range row {
			if v > row[best] {
				best = j
			}
		}
		if best != int(label) {
			wrong = append(wrong, mistake{pixels[i*side*side : (i+1)*side*side], int(label), best, row[best]})
		}
	}
	return wrong
}

// drawMistakes draws the first of the mistakes in a grid.
func drawMistakes(path string, wrong []mistake, of int) error {
	const columns, most = 4, 12
	shown := wrong[:min(len(wrong), most)]
	rows := max(1, (len(shown)+columns-1)/columns)
	grid := make([][]*plot.Plot, rows)
	for r := range grid {
		grid[r] = make([]*plot.Plot, columns)
		for c := range grid[r] {
			if i := r*columns + c; i < len(shown) {
				grid[r][c] = cell(shown[i])
			}
		}
	}
	title := fmt.Sprintf("%d of %d test digits read wrongly", len(wrong), of)
	if len(shown) < len(wrong) {
		title += fmt.Sprintf(", the first %d", len(shown))
	}
	return drawTitled(path, title, columns*1.6*vg.Inch, vg.Length(rows)*1.9*vg.Inch, grid)
}

func cell(m mistake) *plot.Plot {
	p := plot.New()
	p.HideAxes()
	p.Title.Text = fmt.Sprintf("is %d\nread as %d (%.0f %%)", m.label, m.predicted, 100*m.certainty)
	p.Title.TextStyle.Font.Size = vg.Points(10)
	// Each pixel is drawn as a block, so that the picture stays sharp.
	const block = 24
	img := image.NewGray(image.Rect(0, 0, side*block, side*block))
	for y := range side * block {
		for x := range side * block {
			shade := uint8(255 - 255*m.pixels[y/block*side+x/block])
			if x == 0 || y == 0 || x == side*block-1 || y == side*block-1 {
				shade = 160 // a frame, since the paper is white
			}
			img.SetGray(x, y, color.Gray{Y: shade})
		}
	}
	p.Add(plotter.NewImage(img, 0, 0, 1, 1))
	return p
}

// drawTitled draws plots in a grid, below a title if there is one.
func drawTitled(path, title string, w, h vg.Length, plots [][]*plot.Plot) error {
	head := vg.Length(0)
	if title != "" {
		head = 0.4 * vg.Inch
	}
	img := vgimg.NewWith(vgimg.UseWH(w, h+head), vgimg.UseDPI(150))
	canvas := draw.New(img)
	if title != "" {
		style := plot.New().Title.TextStyle
		style.Font.Size = vg.Points(13)
		canvas.FillText(style, vg.Point{X: w / 2, Y: h + head - vg.Points(8)}, title)
	}
	tiles := draw.Tiles{
		Rows: len(plots), Cols: len(plots[0]), PadX: 0.2 * vg.Inch, PadY: 0.1 * vg.Inch,
		PadTop: head + 0.1*vg.Inch, PadBottom: 0.1 * vg.Inch, PadLeft: 0.15 * vg.Inch, PadRight: 0.15 * vg.Inch,
	}
	for r, row := range plots {
		for c, p := range row {
			if p != nil {
				p.Draw(tiles.At(canvas, c, r))
			}
		}
	}
	return writePNG(path, img)
}

// writePNG writes the whole picture or nothing.
func writePNG(path string, img *vgimg.Canvas) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := (vgimg.PngCanvas{Canvas: img}).WriteTo(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
