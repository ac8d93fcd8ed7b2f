package walk

import (
	"cmp"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unsafe"
)

// entries is a map laid out for walking: keys and values side by side, which
// gives values an address and costs two allocations in place of two for each.
type entries struct {
	keys, values reflect.Value // slices
	order        []int         // of the keys
}

// entriesOf reads a map that may lead to leaves, whose keys have an order.
func entriesOf(o *op, m reflect.Value) (*entries, *Error) {
	n := m.Len()
	e := &entries{
		keys:   reflect.MakeSlice(reflect.SliceOf(o.key.typ), n, n),
		values: reflect.MakeSlice(reflect.SliceOf(o.elem.typ), n, n),
		order:  make([]int, n),
	}
	it := m.MapRange()
	for i := range n {
		it.Next()
		e.keys.Index(i).SetIterKey(it)
		e.values.Index(i).SetIterValue(it)
		e.order[i] = i
	}
	switch k := o.key.typ.Kind(); {
	case k == reflect.String:
		keys := unsafe.Slice((*string)(e.keys.UnsafePointer()), n)
		slices.SortFunc(e.order, func(a, b int) int { return strings.Compare(keys[a], keys[b]) })
	case k == reflect.Bool:
		if !e.keys.Index(n - 1).Bool() { // false, the smaller one, came last or alone
			slices.Reverse(e.order)
		}
	case k == reflect.Float32 || k == reflect.Float64:
		for i := range n {
			if math.IsNaN(e.keys.Index(i).Float()) {
				return nil, &Error{Type: m.Type(), Reason: "a NaN map key, which can never be looked up; remove it"}
			}
		}
		slices.SortFunc(e.order, func(a, b int) int { return cmp.Compare(e.keys.Index(a).Float(), e.keys.Index(b).Float()) })
	case k <= reflect.Int64:
		slices.SortFunc(e.order, func(a, b int) int { return cmp.Compare(e.keys.Index(a).Int(), e.keys.Index(b).Int()) })
	default:
		slices.SortFunc(e.order, func(a, b int) int { return cmp.Compare(e.keys.Index(a).Uint(), e.keys.Index(b).Uint()) })
	}
	return e, nil
}

// segment is the path segment of a map key.
func segment(k reflect.Value) string {
	switch kind := k.Kind(); {
	case kind == reflect.String:
		return escape(k.String())
	case kind == reflect.Bool:
		return strconv.FormatBool(k.Bool())
	case kind == reflect.Float32 || kind == reflect.Float64:
		return escape(strconv.FormatFloat(k.Float(), 'g', -1, k.Type().Bits()))
	case kind <= reflect.Int64:
		return strconv.FormatInt(k.Int(), 10)
	}
	return strconv.FormatUint(k.Uint(), 10)
}

// sortedMap walks a map that may lead to leaves, in the order of its keys.
func (s *scan) sortedMap(o *op, q unsafe.Pointer, state bool) *Error {
	m := reflect.NewAt(o.typ, q).Elem()
	s.length(!m.IsNil(), m.Len())
	if m.Len() == 0 {
		s.empty(q)
		return nil
	}
	e, err := entriesOf(o, m)
	if err != nil {
		return err
	}
	keys, values := e.keys.UnsafePointer(), e.values.UnsafePointer()
	mark := len(s.path)
	for _, i := range e.order {
		if s.want&(wantKey|wantShape) != 0 {
			if err := s.mapKey(o.key, unsafe.Add(keys, uintptr(i)*o.key.size)); err != nil {
				return err
			}
		}
		if s.want&wantPlaces != 0 {
			s.push(segment(e.keys.Index(i)))
		}
		if err := s.node(o.elem, unsafe.Add(values, uintptr(i)*o.elem.size), state); err != nil {
			return err.within(segment(e.keys.Index(i)))
		}
		s.path = s.path[:mark]
	}
	return nil
}

// mapKey writes a map key as a static, also where only the structure is asked for.
func (s *scan) mapKey(n *node, k unsafe.Pointer) *Error {
	if n.typ.Kind() == reflect.String {
		s.text(*(*string)(k))
		return nil
	}
	sub := scan{c: s.c, want: wantKey, key: s.key}
	err := sub.node(n, k, false)
	s.key = sub.key
	return err
}

// staticMap writes the entries in the order of their bytes, since a static key
// may be of a type that has no other.
func (s *scan) staticMap(o *op, q unsafe.Pointer) *Error {
	m := reflect.NewAt(o.typ, q).Elem()
	s.length(!m.IsNil(), m.Len())
	start := len(s.key)
	written := make([]string, 0, m.Len())
	for it := m.MapRange(); it.Next(); {
		if err := s.node(o.key, Pointer(it.Key()), false); err != nil {
			return err
		}
		if err := s.node(o.elem, Pointer(it.Value()), false); err != nil {
			return err
		}
		written = append(written, string(s.key[start:]))
		s.key = s.key[:start]
	}
	slices.Sort(written)
	for _, e := range written {
		s.key = append(s.key, e...)
	}
	return nil
}
