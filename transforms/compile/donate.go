package compile

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
	"github.com/adjoint-go/adjoint/internal/walk"
)

// donation is what of one argument is given away.
type donation struct {
	arg   int
	paths []string
}

func donations(op string, paths []string, args int) []donation {
	byArg := make([][]string, args)
	for _, path := range paths {
		number, rest, _ := strings.Cut(path, ".")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n >= args {
			core.Failf(op, "compile.Donate(%q): want the number of an argument, 0 to %d, alone or before a path (\"0.Params\")", path, args-1)
		}
		byArg[n] = append(byArg[n], rest)
	}
	var out []donation
	for i, paths := range byArg {
		if len(paths) > 0 {
			out = append(out, donation{i, paths})
		}
	}
	return out
}

// chosen says which slots of an argument are given away.
func (d donation) chosen(op string, plan argtree.Plan, v reflect.Value) []bool {
	c, err := plan.Select(walk.Pointer(v), d.paths...)
	if err != nil {
		core.Fail(op, nil, fmt.Errorf("compile.Donate, argument %d: %w", d.arg, err))
	}
	return c
}

// donatedSlots numbers the slots of a request that are given away.
func (p *program) donatedSlots(r *request) []int {
	var out []int
	for _, d := range p.donates {
		before := 0
		for _, part := range r.parts[:d.arg] {
			before += part.slots
		}
		for i, given := range d.chosen(p.op, p.params[d.arg], r.args[d.arg]) {
			if given {
				out = append(out, before+i)
			}
		}
	}
	return out
}

// donate frees what a call was given, after it has read it.
func (p *program) donate(e *entry, r *request) {
	if len(e.donated) == 0 {
		return
	}
	given := map[*core.Array]bool{}
	for _, slot := range e.donated {
		given[r.leaves[slot]] = true
	}
	next := 0
	for slot, a := range r.leaves {
		if next < len(e.donated) && e.donated[next] == slot {
			next++
		} else if a != nil && given[a] {
			core.Failf(p.op, "an array that is donated is also %s, which is not: give a copy, or donate both", e.place(r, slot))
		}
	}
	free(given)
}

// place names a slot of a request that holds an array.
func (e *entry) place(r *request, slot int) string {
	n := 0
	for _, a := range r.leaves[:slot] {
		if a != nil {
			n++
		}
	}
	return e.inputs[n].path
}

// donateInline frees what a call was given that ran the function as it is, but
// for what the function returned.
func (p *program) donateInline(args, results []reflect.Value) {
	if len(p.donates) == 0 {
		return
	}
	given := map[*core.Array]bool{}
	for _, d := range p.donates {
		plan, v := p.params[d.arg], args[d.arg]
		s := argtree.Read(p.op, plan, walk.Pointer(v))
		for i, yes := range d.chosen(p.op, plan, v) {
			if yes {
				given[s.Arrays[i]] = true
			}
		}
	}
	for i, v := range results {
		for _, a := range argtree.Read(p.op, p.results[i], walk.Pointer(v)).Arrays {
			delete(given, a)
		}
	}
	free(given)
}

func free(arrays map[*core.Array]bool) {
	list := make([]*core.Array, 0, len(arrays))
	for a := range arrays {
		list = append(list, a)
	}
	core.Donate(list)
}
