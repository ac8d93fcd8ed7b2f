package compile

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/argtree"
	"github.com/adjoint-go/adjoint/internal/walk"
)

// What of a key a [Change] is about.
const (
	ShapeChanged     = "shape"
	RankChanged      = "rank"
	DTypeChanged     = "dtype"
	StaticChanged    = "static value"
	StructureChanged = "structure" // of a tree: lengths, types, keys, which arrays are absent
	StreamChanged    = "stream"
	ModeChanged      = "mode" // of passes, or whether the trace is shapeless
)

// Change is one difference between the keys of two traces.
type Change struct {
	Kind string `json:"kind"`
	Path string `json:"path"` // "argument 1 at X"; empty for a stream or mode
	Was  string `json:"was"`
	Now  string `json:"now"`
}

// String is like "argument 1 at X: shape (128,784) -> (96,784)".
func (c Change) String() string {
	if c.Path == "" {
		return fmt.Sprintf("%s %s -> %s", c.Kind, c.Was, c.Now)
	}
	return fmt.Sprintf("%s: %s %s -> %s", c.Path, c.Kind, c.Was, c.Now)
}

// signature is the key of a call in a form that can be compared part by part.
type signature struct {
	parts  []signed
	stream string
	mode   string
}

// signed is one argument or captured variable.
type signed struct {
	name       string
	key, shape []byte
	leaves     []leaf
}

type leaf struct {
	path string
	spec core.Spec // the zero Spec where absent
}

// at is the place of a leaf in words.
func at(whole, path string) string {
	if path == "" {
		return whole
	}
	return whole + " at " + path
}

func (p *program) sign(r *request) signature {
	s := signature{stream: core.CurrentStream(), mode: p.modeName()}
	captured := map[any]bool{}
	for i, part := range r.parts {
		name := fmt.Sprintf("argument %d", i)
		if k := i - len(p.params); k >= 0 {
			name = fmt.Sprintf("captured %d", k)
			captured[p.in[k].ptr] = true
		}
		s.parts = append(s.parts, signTree(p.op, name, part.plan, part.at))
	}
	for i, out := range p.out {
		if !captured[out.ptr] {
			s.parts = append(s.parts, signTree(p.op, fmt.Sprintf("output %d", i), out.plan, out.v.UnsafePointer()))
			s.parts[len(s.parts)-1].leaves = nil // they are written, not read
		}
	}
	return s
}

func signTree(op, name string, plan argtree.Plan, at unsafe.Pointer) signed {
	s := signed{name: name}
	var err error
	s.key, err = plan.Key(nil, at)
	argtree.Check(op, err)
	s.shape, err = plan.Shape(nil, at)
	argtree.Check(op, err)
	argtree.Check(op, plan.Slots(at, func(slot walk.Slot[core.Array]) bool {
		l := leaf{path: slot.Path}
		if slot.Leaf != nil {
			l.spec = slot.Leaf.Spec()
		}
		s.leaves = append(s.leaves, l)
		return true
	}))
	return s
}

// changes lists what differs from an earlier signature of the same function.
func (s signature) changes(was signature) []Change {
	var out []Change
	if s.stream != was.stream {
		out = append(out, Change{Kind: StreamChanged, Was: was.stream, Now: s.stream})
	}
	if s.mode != was.mode {
		out = append(out, Change{Kind: ModeChanged, Was: was.mode, Now: s.mode})
	}
	for i, now := range s.parts {
		out = append(out, now.changes(was.parts[i])...)
	}
	return out
}

func (s signed) changes(was signed) []Change {
	change, _, err := argtree.Walker.Diff(was.key, s.key)
	if err != nil {
		return []Change{{StructureChanged, s.name, "unknown", err.Error()}}
	}
	if change != nil {
		kind := StructureChanged
		if shape, _, err := argtree.Walker.DiffShapes(was.shape, s.shape); err == nil && shape == nil && !s.absence(was) {
			kind = StaticChanged
		}
		return []Change{{kind, at(s.name, change.Path), change.Was, change.Now}}
	}
	var out []Change
	for i, l := range s.leaves {
		out = append(out, l.changes(was.leaves[i], s.name)...)
	}
	return out
}

// absence says whether other arrays are absent.
func (s signed) absence(was signed) bool {
	for i, l := range s.leaves {
		if (l.spec.DType == core.NoDType) != (was.leaves[i].spec.DType == core.NoDType) {
			return true
		}
	}
	return false
}

func (l leaf) changes(was leaf, name string) []Change {
	var out []Change
	path := at(name, l.path)
	if l.spec.DType != was.spec.DType {
		out = append(out, Change{DTypeChanged, path, was.spec.DType.String(), l.spec.DType.String()})
	}
	before, now := sizes(was.spec.Shape), sizes(l.spec.Shape)
	switch {
	case len(l.spec.Shape) != len(was.spec.Shape):
		out = append(out, Change{RankChanged, path,
			fmt.Sprintf("%d %s", len(was.spec.Shape), before), fmt.Sprintf("%d %s", len(l.spec.Shape), now)})
	case before != now:
		out = append(out, Change{ShapeChanged, path, before, now})
	}
	return out
}

// sizes is like "(128,784)".
func sizes(shape []int) string {
	return "(" + strings.ReplaceAll(strings.Trim(fmt.Sprint(shape), "[]"), " ", ",") + ")"
}

// nearest returns the record that s differs least from, the latest of several,
// and how.
func nearest(records []*record, s signature) (*record, []Change) {
	var best *record
	var least []Change
	for i := len(records) - 1; i >= 0; i-- {
		if c := s.changes(records[i].signature); best == nil || len(c) < len(least) {
			best, least = records[i], c
		}
	}
	return best, least
}

// summary names the first of changes and counts the others.
func summary(changes []Change) string {
	switch len(changes) {
	case 0:
		return "a key that was there before"
	case 1:
		return changes[0].String()
	}
	return fmt.Sprintf("%s, and %d more", changes[0], len(changes)-1)
}

func (p *program) modeName() string {
	if p.isShapeless() {
		return p.passes().String() + ", shapeless"
	}
	return p.passes().String()
}
