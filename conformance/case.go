package conformance

import (
	"fmt"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
)

// Case is one check of one op on one sample of its row.
type Case struct {
	Op    string     // the op's name in the table
	Index int        // which of the row's samples
	DType core.DType // of the arguments that carry data
	Kind  Kind
	Arg   string // the argument, the mapping or the point that the kind is about

	row *sample.Row
}

// Name is like "add/2/float16/grad:a": op, sample, dtype, kind and argument.
func (c Case) Name() string {
	n := fmt.Sprintf("%s/%d/%v/%s", c.Op, c.Index, c.DType, c.Kind)
	if c.Arg != "" {
		n += ":" + c.Arg
	}
	return n
}

// Cases returns every case, in the order of the op table. quick leaves out all
// dtypes of an op but its first, and of vmap most axes and arguments.
func Cases(quick bool) []Case {
	var out []Case
	for _, r := range sample.Rows() {
		for i := range r.Samples {
			for j, d := range r.DTypesOf(i) {
				if quick && j > 0 {
					break
				}
				out = append(out, casesOf(r, i, d, j == 0, quick)...)
			}
		}
	}
	return out
}

// casesOf are those of sample i of r with dtype d; first says that it is the op's first.
func casesOf(r *sample.Row, i int, d core.DType, first, quick bool) []Case {
	var out []Case
	add := func(arg string, kinds ...Kind) {
		for _, k := range kinds {
			out = append(out, Case{r.Name, i, d, k, arg, r})
		}
	}
	add("", Eager)
	leaves := r.Leaves(i, d)
	strided := false
	for _, l := range leaves {
		strided = strided || len(l.Sample.Shape) > 0
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
		if !l.Diff {
			if first && l.DType.IsInexact() {
				add(l.Name, Flat)
			}
			continue
		}
		found = true
		add(l.Name, Grad, JVP)
		if exact {
			add(l.Name, GradCompiled, JVPCompiled, Duality, DualityCompiled, Second, SecondCompiled)
			add(l.Name, VMapGrad, VMapGradCompiled, GradVMap, GradVMapCompiled)
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
