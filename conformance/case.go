package conformance

import (
	"fmt"
	"strings"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/engine"
	"github.com/adjoint-go/adjoint/internal/ops"
)

// Case is one check of one op on one sample of its row.
type Case struct {
	Op    string     // the op's name in the table
	Index int        // which of the row's samples
	DType core.DType // of the arguments that carry data
	Kind  Kind
	Arg   string // the argument, the mapping or the point that the kind is about

	row *row
}

// Name is like "add/2/float16/grad:a": op, sample, dtype, kind and argument.
func (c Case) Name() string {
	n := fmt.Sprintf("%s/%d/%v/%s", c.Op, c.Index, c.DType, c.Kind)
	if c.Arg != "" {
		n += ":" + c.Arg
	}
	return n
}

// row is a parsed row of the op table.
type row struct {
	*ops.Op
	number  engine.Op
	args    []ops.Arg
	samples []ops.Case
}

// rows parses the op table.
func rows() []*row {
	table := ops.Table()
	out := make([]*row, len(table))
	for i := range table {
		r := &row{Op: &table[i], number: engine.Op(i), args: table[i].Args()}
		for _, text := range r.Cases {
			c, err := r.ParseCase(text)
			if err != nil {
				panic(err) // the table's own tests parse every sample
			}
			r.samples = append(r.samples, c)
		}
		out[i] = r
	}
	return out
}

// Cases returns every case, in the order of the op table. quick leaves out all
// dtypes of an op but its first, and of vmap most axes and arguments.
func Cases(quick bool) []Case {
	var out []Case
	for _, r := range rows() {
		for i := range r.samples {
			for j, d := range r.dtypes(i) {
				if quick && j > 0 {
					break
				}
				out = append(out, r.cases(i, d, j == 0, quick)...)
			}
		}
	}
	return out
}

// dtypes are those that sample i runs with: only the first where no argument
// follows the dtype under test.
func (r *row) dtypes(i int) []core.DType {
	names := r.DTypes
	if len(names) == 0 {
		names = []string{"float32"}
	}
	follows := false
	for _, v := range r.samples[i] {
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

// cases are those of sample i with dtype d; first says that it is the op's first.
func (r *row) cases(i int, d core.DType, first, quick bool) []Case {
	var out []Case
	add := func(arg string, kinds ...Kind) {
		for _, k := range kinds {
			out = append(out, Case{r.Name, i, d, k, arg, r})
		}
	}
	add("", Eager)
	leaves := r.leaves(i, d)
	strided := false
	for _, l := range leaves {
		strided = strided || len(l.sample.Shape) > 0
	}
	if strided {
		add("", Layout)
	}
	add("", Compile, Export)
	if strided && first {
		add("", Shapeless)
	}
	exact := d == core.Float32 || d == core.Complex64
	found := false
	for _, l := range leaves {
		if !l.diff {
			if first && l.dtype.IsInexact() {
				add(l.name, Flat)
			}
			continue
		}
		found = true
		add(l.name, Grad, JVP)
		if exact {
			add(l.name, GradCompiled, JVPCompiled, Duality, DualityCompiled, Second, SecondCompiled)
			add(l.name, VMapGrad, VMapGradCompiled, GradVMap, GradVMapCompiled)
		}
	}
	if strided && first && found {
		add("grad", Shapeless)
		add("jvp", Shapeless)
	}
	if strided && first {
		add("vmap", Shapeless)
	}
	if found && exact {
		if n := len(leaves); n > 1 {
			add("", Duality, DualityCompiled)
		}
		add("", Nested)
	}
	if i == 0 && first {
		for _, c := range conventions {
			if c.Op == r.Name {
				add(c.Name, Awkward, AwkwardCompiled)
			}
		}
	}
	if len(leaves) == 0 {
		return out
	}
	for _, m := range mappings(leaves, first, quick) {
		add(m, VMap)
		if first {
			add(m, VMapCompiled)
		}
	}
	return out
}

// leaf is one input array of a sample.
type leaf struct {
	name   string // the argument's, with ".1" for the second of a list
	sample ops.Sample
	dtype  core.DType
	diff   bool // has a gradient in this dtype
}

func (r *row) leaves(i int, d core.DType) []leaf {
	diff := map[string]bool{}
	for _, n := range r.DiffArgs() {
		diff[n] = true
	}
	var out []leaf
	for _, a := range r.args {
		for j, s := range r.samples[i][a.Name].Arrays {
			l := leaf{a.Name, s, fixedDType(s), false}
			if a.Kind == ops.Arrays {
				l.name = fmt.Sprintf("%s.%d", a.Name, j)
			}
			if l.dtype == core.NoDType {
				l.dtype = d
			}
			l.diff = diff[a.Name] && l.dtype.IsInexact()
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
