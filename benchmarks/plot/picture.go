package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// row is one workload.
type row struct {
	Name  string  `json:"name"`
	Ratio float64 `json:"ratio"` // Adjoint's time over the peer's
	Peer  string  `json:"peer"`  // the fastest
}

var (
	faster = color.RGBA{R: 31, G: 119, B: 180, A: 255}
	slower = color.RGBA{R: 255, G: 127, B: 14, A: 255}
)

func init() {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	plotter.DefaultFont = plot.DefaultFont
}

// picture returns a picture of the type that a file's extension stands for. The
// bars start at 1 and are sorted, with the slowest on top.
func picture(rows []row, extension string) ([]byte, error) {
	if len(rows) == 0 {
		return nil, errors.New("there are no ratios: Adjoint and another peer are needed")
	}
	if extension != ".svg" && extension != ".png" {
		return nil, fmt.Errorf("a file of type %q cannot be written; .svg and .png can", extension)
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.Ratio, b.Ratio) })
	p := plot.New()
	p.Title.Text = "Adjoint's time over the fastest peer's"
	p.Title.Padding = vg.Points(8)
	p.X.Label.Text = "ratio of times (left of 1 Adjoint is faster)"
	p.X.Tick.Marker = plot.TickerFunc(ticks)
	// A bar's length is the logarithm, since a logarithmic axis has no zero to start from.
	lengths := make(plotter.Values, len(rows))
	names := make([]string, len(rows))
	for i, r := range rows {
		lengths[i] = math.Log10(r.Ratio)
		if math.IsNaN(lengths[i]) || math.IsInf(lengths[i], 0) {
			return nil, fmt.Errorf("the ratio of %q is %v; it must be positive and finite", r.Name, r.Ratio)
		}
		names[i] = fmt.Sprintf("%s (%s)", strings.TrimPrefix(r.Name, "op_"), r.Peer)
	}
	p.NominalY(names...)
	for _, s := range []side{
		{faster, func(length float64) bool { return length <= 0 }, text.XRight, vg.Points(-4)},
		{slower, func(length float64) bool { return length > 0 }, text.XLeft, vg.Points(4)},
	} {
		if err := s.add(p, rows, lengths); err != nil {
			return nil, err
		}
	}
	const room = 0.15 // for the numbers
	p.X.Min, p.X.Max = min(slices.Min(lengths), 0)-room, max(slices.Max(lengths), 0)+room
	line, err := plotter.NewLine(plotter.XYs{{X: 0, Y: -0.6}, {X: 0, Y: float64(len(rows)) - 0.4}})
	if err != nil {
		return nil, err
	}
	line.Width = vg.Points(1)
	p.Add(line)
	return encode(p, vg.Points(90)+vg.Length(len(rows))*vg.Points(19), extension[1:])
}

// side are the bars on one side of 1.
type side struct {
	color color.Color
	has   func(length float64) bool
	align text.XAlignment
	apart vg.Length // from the bar's end to the number
}

func (s side) add(p *plot.Plot, rows []row, lengths plotter.Values) error {
	mine := make(plotter.Values, len(lengths)) // bars of the other side have no length here
	var numbers plotter.XYLabels
	for i, length := range lengths {
		if s.has(length) {
			mine[i] = length
			numbers.XYs = append(numbers.XYs, plotter.XY{X: length, Y: float64(i)})
			numbers.Labels = append(numbers.Labels, number(rows[i].Ratio))
		}
	}
	if len(numbers.Labels) == 0 {
		return nil
	}
	bars, err := plotter.NewBarChart(mine, vg.Points(12))
	if err != nil {
		return err
	}
	bars.Horizontal, bars.Color, bars.LineStyle.Width = true, s.color, 0
	labels, err := plotter.NewLabels(numbers)
	if err != nil {
		return err
	}
	for i := range labels.TextStyle {
		labels.TextStyle[i].XAlign, labels.TextStyle[i].YAlign = s.align, text.YCenter
	}
	labels.Offset.X = s.apart
	p.Add(bars, labels)
	return nil
}

// number has two digits at least.
func number(ratio float64) string {
	if ratio >= 10 {
		return fmt.Sprintf("%.0f", ratio)
	}
	return fmt.Sprintf("%.2g", ratio)
}

// ticks are at 1, 2 and 5 times the powers of ten.
func ticks(lo, hi float64) []plot.Tick {
	var out []plot.Tick
	for power := math.Floor(lo); power <= hi; power++ {
		for _, digit := range []float64{1, 2, 5} {
			if at := power + math.Log10(digit); at >= lo && at <= hi {
				out = append(out, plot.Tick{Value: at, Label: fmt.Sprintf("%.4g", digit*math.Pow(10, power))})
			}
		}
	}
	return out
}

func encode(p *plot.Plot, height vg.Length, format string) ([]byte, error) {
	canvas, err := draw.NewFormattedCanvas(8*vg.Inch, height, format)
	if err != nil {
		return nil, err
	}
	const margin = 6
	page := draw.New(canvas)
	page.SetColor(p.BackgroundColor)
	page.Fill(page.Rectangle.Path())
	p.Draw(draw.Crop(page, margin, -margin, margin, -margin))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
