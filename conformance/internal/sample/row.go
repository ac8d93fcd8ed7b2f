package sample

import (
	"fmt"
	"strings"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/engine"
	"github.com/adjoint-go/adjoint/internal/ops"
)

// Row is a parsed row of the op table.
type Row struct {
	*ops.Op
	Number    engine.Op
	Arguments []ops.Arg
	Samples   []ops.Case
}

// Rows parses the op table.
func Rows() []*Row {
	table := ops.Table()
	out := make([]*Row, len(table))
	for i := range table {
		r := &Row{Op: &table[i], Number: engine.Op(i), Arguments: table[i].Args()}
		for _, text := range r.Cases {
			c, err := r.ParseCase(text)
			if err != nil {
				panic(err) // the table's own tests parse every sample
			}
			r.Samples = append(r.Samples, c)
		}
		out[i] = r
	}
	return out
}

// DTypesOf are those that sample i runs with: only the first where no argument
// follows the dtype under test.
func (r *Row) DTypesOf(i int) []core.DType {
	names := r.DTypes
	if len(names) == 0 {
		names = []string{"float32"}
	}
	follows := false
	for _, v := range r.Samples[i] {
		for _, s := range v.Arrays {
			follows = follows || fixedDType(s) == core.NoDType
		}
	}
	if !follows {
		names = names[:1]
	}
	out := make([]core.DType, len(names))
	for i, n := range names {
		out[i] = mustDType(n)
	}
	return out
}

// Leaf is one input array of a sample.
type Leaf struct {
	Name   string // the argument's, with ".1" for the second of a list
	Sample ops.Sample
	DType  core.DType
	Diff   bool // has a gradient in this dtype
}

// Leaves are the input arrays of sample i, where data has dtype d.
func (r *Row) Leaves(i int, d core.DType) []Leaf {
	diff := map[string]bool{}
	for _, n := range r.DiffArgs() {
		diff[n] = true
	}
	var out []Leaf
	for _, a := range r.Arguments {
		for j, s := range r.Samples[i][a.Name].Arrays {
			l := Leaf{a.Name, s, fixedDType(s), false}
			if a.Kind == ops.Arrays {
				l.Name = fmt.Sprintf("%s.%d", a.Name, j)
			}
			if l.DType == core.NoDType {
				l.DType = d
			}
			l.Diff = diff[a.Name] && l.DType.IsInexact()
			out = append(out, l)
		}
	}
	return out
}

// fixedDType is the dtype of a sample that does not follow the one under test.
func fixedDType(s ops.Sample) core.DType {
	switch d := strings.TrimRight(s.Domain, "0123456789"); {
	case s.DType != "":
		return mustDType(s.DType)
	case d == "idx", d == "perm", d == "seg":
		return core.Int32
	case d == "key", s.Domain == "u32":
		return core.Uint32
	case d == "fp", s.Domain == "e8m0":
		return core.Uint8
	case d == "bool":
		return core.Bool
	}
	return core.NoDType
}

func mustDType(name string) core.DType {
	d, err := core.ParseDType(name)
	if err != nil {
		panic(err) // the table's own tests check every name
	}
	return d
}
