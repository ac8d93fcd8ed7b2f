package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"image/color"
	"io"
	"strconv"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
)

// drawPNG paints what graphviz has laid out, which its JSON form describes as
// pen strokes in points with the origin at the lower left. Graphviz compiled to
// WebAssembly has no painter of its own.
func drawPNG(w io.Writer, layout []byte, dpi int) error {
	var page struct {
		drawn
		Box     string  `json:"bb"`
		Objects []drawn `json:"objects"`
		Edges   []drawn `json:"edges"`
	}
	if err := json.Unmarshal(layout, &page); err != nil {
		return fmt.Errorf("reading the layout: %w", err)
	}
	var left, low, right, high float64
	if _, err := fmt.Sscanf(page.Box, "%g,%g,%g,%g", &left, &low, &right, &high); err != nil {
		return fmt.Errorf("reading the layout's size %q: %w", page.Box, err)
	}
	const margin = 8
	width, height := vg.Length(right-left+2*margin), vg.Length(high-low+2*margin)
	const most = 20000 // pixels a side; what is larger is drawn coarser
	for dpi > 24 && max(width.Dots(float64(dpi)), height.Dots(float64(dpi))) > most {
		dpi = dpi * 3 / 4
	}
	if max(width.Dots(float64(dpi)), height.Dots(float64(dpi))) > 2*most {
		return errors.New("the picture is too large for a PNG file; write .svg or .dot")
	}
	canvas := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(color.White))
	canvas.Translate(vg.Point{X: margin - vg.Length(left), Y: margin - vg.Length(low)})
	p := pen{to: canvas, fonts: font.NewCache(liberation.Collection())}
	p.draw(page.drawn)
	for _, o := range page.Objects { // boxes around others come first
		p.draw(o)
	}
	for _, e := range page.Edges {
		p.draw(e)
	}
	_, err := vgimg.PngCanvas{Canvas: canvas}.WriteTo(w)
	return err
}

// drawn are the strokes of one part of the picture.
type drawn struct {
	Shape []stroke `json:"_draw_"`
	Label []stroke `json:"_ldraw_"`
	Head  []stroke `json:"_hdraw_"`
}

// stroke is one step of graphviz' drawing: a colour, a font, a style, a line, an
// area or a text.
type stroke struct {
	Op     string       `json:"op"`
	Color  string       `json:"color"`
	Points [][2]float64 `json:"points"`
	Size   float64      `json:"size"`
	Style  string       `json:"style"`
	At     [2]float64   `json:"pt"`
	Align  string       `json:"align"`
	Width  float64      `json:"width"`
	Text   string       `json:"text"`
}

// pen draws strokes one after the other.
type pen struct {
	to         vg.Canvas
	fonts      *font.Cache
	line, fill color.Color // fill is nil for none
	width      float64
	size       float64
}

func (p *pen) draw(d drawn) {
	for _, part := range [][]stroke{d.Shape, d.Label, d.Head} {
		p.line, p.fill, p.width, p.size = color.Black, nil, 1, 12
		for _, s := range part {
			p.stroke(s)
		}
	}
}

func (p *pen) stroke(s stroke) {
	switch s.Op {
	case "c":
		p.line = parseColor(s.Color)
	case "C":
		p.fill = parseColor(s.Color)
	case "S":
		if w, err := strconv.ParseFloat(lastOf(s.Style), 64); err == nil {
			p.width = w
		}
	case "F":
		p.size = s.Size
	case "P", "p":
		p.path(polygon(s.Points), s.Op == "P")
	case "b", "B":
		// Some releases of graphviz take filled for open curves and the other way
		// round, but only what is filled has a colour to fill with.
		p.path(curve(s.Points), p.fill != nil)
	case "L":
		path := polygon(s.Points)
		p.path(path[:len(path)-1], false)
	case "T":
		p.text(s)
	}
}

func (p *pen) path(path vg.Path, fill bool) {
	if fill && p.fill != nil {
		p.to.SetColor(p.fill)
		p.to.Fill(path)
	}
	p.to.SetColor(p.line)
	p.to.SetLineWidth(vg.Length(p.width))
	p.to.Stroke(path)
}

func (p *pen) text(s stroke) {
	face := p.fonts.Lookup(font.Font{Typeface: "Liberation", Variant: "Sans"}, vg.Length(p.size))
	x := vg.Length(s.At[0])
	switch width := face.Width(s.Text); s.Align {
	case "c":
		x -= width / 2
	case "r":
		x -= width
	}
	p.to.SetColor(p.line)
	p.to.FillString(face, vg.Point{X: x, Y: vg.Length(s.At[1])}, s.Text)
}

func point(at [2]float64) vg.Point { return vg.Point{X: vg.Length(at[0]), Y: vg.Length(at[1])} }

func polygon(points [][2]float64) vg.Path {
	var path vg.Path
	for i, at := range points {
		if i == 0 {
			path.Move(point(at))
		} else {
			path.Line(point(at))
		}
	}
	path.Close()
	return path
}

// curve is a chain of cubic Bézier curves.
func curve(points [][2]float64) vg.Path {
	var path vg.Path
	path.Move(point(points[0]))
	for i := 1; i+2 < len(points); i += 3 {
		path.CubeTo(point(points[i]), point(points[i+1]), point(points[i+2]))
	}
	return path
}

// parseColor reads "#rrggbb" and "#rrggbbaa"; another colour is black.
func parseColor(text string) color.Color {
	c := color.NRGBA{A: 255}
	if n, _ := fmt.Sscanf(text, "#%02x%02x%02x%02x", &c.R, &c.G, &c.B, &c.A); n < 3 {
		return color.Black
	}
	return c
}

// lastOf is the number in "setlinewidth(2)".
func lastOf(style string) string {
	if len(style) > 14 && style[:13] == "setlinewidth(" {
		return style[13 : len(style)-1]
	}
	return ""
}
