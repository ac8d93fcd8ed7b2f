package walk

import (
	"fmt"
	"strings"
	"unsafe"
)

// Select reports for each slot of v whether one of paths names it or something
// above it. A path that names nothing in v is an error. A nil pointer or an
// empty slice is something, though it has no slot.
func (p Plan[L]) Select(v unsafe.Pointer, paths ...string) ([]bool, error) {
	var chosen []bool
	var all []string
	known := make([]bool, len(paths))
	s := scan{c: p.c, want: wantPlaces}
	s.visit = func(at place) bool {
		in := false
		for i, path := range paths {
			if Under(at.path, path) {
				known[i], in = true, true
			}
		}
		if at.kind == slotPlace {
			chosen = append(chosen, in)
			all = append(all, at.path)
		}
		return true
	}
	if err := s.run(p.n, v); err != nil {
		return nil, err
	}
	for i, path := range paths {
		if !known[i] {
			return nil, &Error{Path: path, Reason: "no such path; " + listing(all)}
		}
	}
	return chosen, nil
}

// listing names the paths that there are, a few of them.
func listing(paths []string) string {
	const few = 8
	switch {
	case len(paths) == 0:
		return "the tree has no leaves"
	case len(paths) > few:
		return fmt.Sprintf("the tree has %s, … (%d leaves)", strings.Join(paths[:few], ", "), len(paths))
	}
	return "the tree has " + strings.Join(paths, ", ")
}
