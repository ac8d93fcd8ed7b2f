package accuracy

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/adjoint-go/adjoint/core"
)

// Row is what is kept of a [Result].
type Row struct {
	Op    string
	DType core.DType
	Domain
	// At, Got and Want are the arguments with the largest error of any of our kernels, as
	// text, the result and the exact one.
	At, Got, Want string
	// Figures are by setting.
	Figures map[string]Figures
}

// Figures are the numbers of one setting.
type Figures struct {
	Worst      float64 // largest error in ulps, to four digits
	Misrounded int
	Differ     int `json:",omitempty"` // results with other bits than with the widest vectors
	Other      int `json:",omitempty"` // those that differ in more than rounding
}

// The settings of a row: kernels for vectors of so many bits, and MLX's.
const (
	Widest = "512"
	Wide   = "256"
	Narrow = "128"
	Stock  = "stock"
)

// Keep makes a row of a result. names are those of the settings of r.Errors.
func (r *Result) Keep(m Domain, names []string) Row {
	row := Row{Op: r.Op.Name, DType: r.DType, Domain: m, Figures: map[string]Figures{}}
	worst := -1.0
	for k, name := range names {
		e := r.Errors[k]
		f := Figures{Misrounded: e.Misrounded}
		f.Worst, _ = strconv.ParseFloat(strconv.FormatFloat(e.Worst, 'g', 4, 64), 64)
		if k > 0 {
			f.Differ, f.Other = r.Contrasts[k-1].Differ, r.Contrasts[k-1].Other
		}
		row.Figures[name] = f
		if name == Stock || e.Worst <= worst || e.Misrounded == 0 {
			continue
		}
		worst = e.Worst
		row.At = short(r.DType, e.At[0])
		if r.Op.Arity() == 2 {
			row.At += ", " + short(r.DType, e.At[1])
		}
		row.Got, row.Want = short(r.DType, e.Got), strconv.FormatFloat(e.Want, 'g', 12, 64)
	}
	return row
}

// short is the shortest text that a number of dtype d is read back from.
func short(d core.DType, x float64) string {
	if d == core.Float32 {
		return strconv.FormatFloat(x, 'g', -1, 32)
	}
	for digits := 1; ; digits++ {
		s := strconv.FormatFloat(x, 'g', digits, 64)
		if y, _ := strconv.ParseFloat(s, 64); digits == 17 || decode(d, encode(d, y)) == x {
			return s
		}
	}
}

// ReadRows reads what WriteRows wrote.
func ReadRows(data []byte) ([]Row, error) {
	var rows []Row
	err := json.Unmarshal(data, &rows)
	return rows, err
}

// WriteRows writes rows as JSON, one a line.
func WriteRows(rows []Row) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("[\n")
	for i, r := range rows {
		line, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		b.Write(line)
		if i < len(rows)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("]\n")
	return b.Bytes(), nil
}

// Put puts row in the place of that of the same op and dtype, or where it belongs.
func Put(rows []Row, row Row) []Row {
	order := func(r Row) int {
		return slices.Index(DTypes, r.DType)<<16 | slices.IndexFunc(Ops(), func(o *Op) bool { return o.Name == r.Op })
	}
	at, found := slices.BinarySearchFunc(rows, row, func(a, b Row) int { return order(a) - order(b) })
	if found {
		rows[at] = row
		return rows
	}
	return slices.Insert(rows, at, row)
}

//go:embed page.md
var pageText string

// WritePage writes docs/ACCURACY.md from the rows of all ops.
func WritePage(w io.Writer, rows []Row) error {
	find := func(o *Op, d core.DType) (Row, error) {
		for _, r := range rows {
			if r.Op == o.Name && r.DType == d {
				return r, nil
			}
		}
		return Row{}, fmt.Errorf("accuracy: there are no figures of %s %v; run make ulp OPS=%s", o.Name, d, o.Name)
	}
	var p struct {
		Exact, Rounded, Differ, Differences, Pairs, Sampled, Float32, Halves, Notes string
	}
	var exact, once, differ []string
	sampled := map[int][]string{}
	var single, halves, notes, differences strings.Builder
	single.WriteString("| op | bound | 512 bits | 256 | 128 | MLX's | at | result | exact | not nearest |\n|---|---|---|---|---|---|---|---|---|---|\n")
	halves.WriteString("| op | float16: bound | ours | MLX's | bfloat16: bound | ours | MLX's |\n|---|---|---|---|---|---|---|\n")
	for _, o := range Ops() {
		var of [3]Row
		for i, d := range DTypes {
			var err error
			if of[i], err = find(o, d); err != nil {
				return err
			}
		}
		r := of[0]
		if o.Differs != "" {
			fmt.Fprintf(&differences, "- `%s`: %s.\n", o.Name, o.Differs)
		}
		if o.Arity() == 2 {
			p.Pairs = strconv.Itoa(r.Len)
		} else if r.Len < 1<<32 {
			sampled[r.Len] = append(sampled[r.Len], "`"+o.Name+"`")
		}
		switch o.Bounds {
		case [3]float64{}:
			exact = append(exact, "`"+o.Name+"`")
			continue
		case rounded:
			once = append(once, "`"+o.Name+"`")
			continue
		}
		if r.Figures[Wide].Differ+r.Figures[Narrow].Differ > 0 {
			differ = append(differ, "`"+o.Name+"`")
		}
		mark := ""
		if o.Note != "" {
			mark = "¹"
			fmt.Fprintf(&notes, "¹ `%s`: %s.\n", o.Name, o.Note)
		}
		fmt.Fprintf(&single, "| %s%s | %s | %s | %s | %s | %s | %s | %s | %s | %.3g |\n", o.Name, mark, ulpText(o.Bounds[0]),
			r.worst(Widest), r.worst(Wide), r.worst(Narrow), r.worst(Stock), r.At, r.Got, r.Want, 1e6*float64(r.Figures[Widest].Misrounded)/float64(r.Len))
		fmt.Fprintf(&halves, "| %s%s", o.Name, mark)
		for i := range DTypes[1:] {
			fmt.Fprintf(&halves, " | %s | %s | %s", ulpText(o.Bounds[i+1]), of[i+1].worst(Widest, Wide, Narrow), of[i+1].worst(Stock))
		}
		halves.WriteString(" |\n")
	}
	p.Exact, p.Rounded, p.Differ = strings.Join(exact, ", "), strings.Join(once, ", "), strings.Join(differ, ", ")
	for _, n := range slices.Backward(slices.Sorted(maps.Keys(sampled))) {
		p.Sampled += fmt.Sprintf("Of %s %d numbers were measured. ", strings.Join(sampled[n], ", "), n)
	}
	p.Float32, p.Halves, p.Notes, p.Differences = single.String(), halves.String(), notes.String(), differences.String()
	return template.Must(template.New("page").Parse(pageText)).Execute(w, p)
}

// worst is the largest error of some settings.
func (r Row) worst(settings ...string) string {
	worst := 0.0
	for _, s := range settings {
		f, ok := r.Figures[s]
		if !ok {
			return "–"
		}
		if worst = max(worst, f.Worst); f.Misrounded == 0 {
			worst = max(worst, 0.5)
		}
	}
	return ulpText(worst)
}

func ulpText(u float64) string {
	if u >= 1e4 {
		return strconv.FormatFloat(u, 'g', 2, 64)
	}
	return strconv.FormatFloat(u, 'g', 4, 64)
}
