package walk

import (
	"fmt"
	"reflect"
	"strings"
)

// field is what a struct field means to a tree.
type field struct {
	reflect.StructField
	name    string // path segment, empty when the fields below are promoted
	state   bool
	skipped bool // tree:"-", or blank
}

// readField reads the tag of a field. The error is about the tag alone.
func (c *compiler) readField(f reflect.StructField) (field, *Error) {
	out := field{StructField: f, name: f.Name}
	tag, tagged := f.Tag.Lookup("tree")
	if tag == "-" {
		out.skipped = true
		return out, nil
	}
	name, options, _ := strings.Cut(tag, ",")
	if c.promotes(f) && name == "" {
		out.name = ""
	}
	if !tagged {
		return out, nil
	}
	if strings.ContainsAny(name, `.\`) || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' }) {
		return out, &Error{Path: f.Name, Type: f.Type,
			Reason: fmt.Sprintf("tag name %q holds a dot, a backslash or a space; use a plain name", name)}
	}
	if name != "" {
		out.name = name
	}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "":
		case "state":
			out.state = true
		default:
			return out, &Error{Path: f.Name, Type: f.Type,
				Reason: fmt.Sprintf("unknown tag option %q; the only option is state", option)}
		}
	}
	return out, nil
}

// promotes reports whether the fields below an embedded field appear at its
// parent's level: for structs and pointers to structs, exported or not. A
// registered type has no fields.
func (c *compiler) promotes(f reflect.StructField) bool {
	if !f.Anonymous {
		return false
	}
	t := f.Type
	_, registered := c.views[t]
	if t.Kind() == reflect.Pointer && !registered {
		t = t.Elem()
		_, registered = c.views[t]
	}
	return t.Kind() == reflect.Struct && !registered
}

// checkNames refuses a struct with two fields of one name: their leaves would share a path.
func (c *compiler) checkNames(t reflect.Type) *Error {
	return c.collectNames(t, "", map[string]string{}, map[reflect.Type]bool{})
}

func (c *compiler) collectNames(t reflect.Type, via string, owners map[string]string, open map[reflect.Type]bool) *Error {
	if open[t] {
		return &Error{Path: via, Type: t, Reason: "a type embedded in itself; give the field a tag name"}
	}
	open[t] = true
	defer delete(open, t)
	for i := range t.NumField() {
		f, err := c.readField(t.Field(i))
		if err != nil {
			return err.within(via)
		}
		if f.skipped || !c.canHold(f.Type) {
			continue
		}
		place := join(via, f.Name)
		if f.name == "" && !c.isLeaf(f.Type) {
			under := f.Type
			if under.Kind() == reflect.Pointer {
				under = under.Elem()
			}
			if err := c.collectNames(under, place, owners, open); err != nil {
				return err
			}
			continue
		}
		name := f.name
		if name == "" {
			name = f.Name
		}
		if other, taken := owners[name]; taken {
			return &Error{Path: place, Type: f.Type,
				Reason: fmt.Sprintf("the path %s is taken by field %s; give one a tag, as in `tree:\"other\"`", name, other)}
		}
		owners[name] = place
	}
	return nil
}
