package certify

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
)

//go:embed certificate.html
var page string

var pageTemplate = template.Must(template.New("certificate").Funcs(template.FuncMap{
	"class":   func(v Verdict) string { return strings.ReplaceAll(string(v), " ", "-") },
	"seconds": seconds,
	"upper":   func(v Verdict) string { return strings.ToUpper(string(v[:1])) + string(v[1:]) },
	"plural":  plural,
}).Parse(page))

func seconds(s float64) string {
	switch {
	case s >= 60:
		return (time.Duration(s * float64(time.Second))).Round(time.Second).String()
	case s >= 0.05:
		return fmt.Sprintf("%.1f s", s)
	}
	return fmt.Sprintf("%.0f ms", s*1000)
}

// view is what the page shows.
type view struct {
	*Certificate
	Title, Headline string
	OK              bool
	Counts          []count
	Bad             []Check // failures, then what could not be checked
	Rows            []row
	Names           []string // of the checks, for the table's head
	Meanings        []meaning
	Skipped         []string // kernels that were not checked
}

type count struct {
	Verdict Verdict
	N       int
}

type row struct {
	Kernel string
	Checks []Check
	Bad    bool
}

type meaning struct{ Name, Meaning string }

// WriteHTML writes the certificate as a page by itself, for people: what failed
// first, then every check of every kernel.
func (c *Certificate) WriteHTML(w io.Writer) error {
	if err := c.validate(); err != nil {
		return err
	}
	names, meanings := Names()
	v := view{Certificate: c, Title: c.ID + " " + c.Version, OK: c.Passed(), Names: names}
	for i := range names {
		v.Meanings = append(v.Meanings, meaning{names[i], meanings[i]})
	}
	for _, verdict := range []Verdict{Passed, Failed, Error, NotApplicable} {
		v.Counts = append(v.Counts, count{verdict, c.Count(verdict)})
	}
	for _, verdict := range []Verdict{Failed, Error} {
		for _, x := range c.Checks {
			if x.Verdict == verdict {
				v.Bad = append(v.Bad, x)
			}
		}
	}
	checked := c.Checked()
	for _, k := range c.Kernels {
		if !slices.Contains(checked, k) {
			v.Skipped = append(v.Skipped, k)
			continue
		}
		r := row{Kernel: k}
		for _, x := range c.Checks {
			if x.Kernel == k {
				r.Checks = append(r.Checks, x)
				r.Bad = r.Bad || x.Verdict == Failed || x.Verdict == Error
			}
		}
		v.Rows = append(v.Rows, r)
	}
	slices.SortStableFunc(v.Rows, func(a, b row) int {
		switch {
		case a.Bad == b.Bad:
			return 0
		case a.Bad:
			return -1
		}
		return 1
	})
	switch failed, unmade := c.Count(Failed), c.Count(Error); {
	case failed > 0:
		v.Headline = fmt.Sprintf("%s failed", plural(failed, "check"))
	case unmade > 0:
		v.Headline = fmt.Sprintf("%s could not be made", plural(unmade, "check"))
	default:
		v.Headline = fmt.Sprintf("All %s passed", plural(c.Count(Passed), "check"))
	}
	return pageTemplate.Execute(w, v)
}
