package walk

import (
	"sync"
	"unsafe"
)

// pointers is a set of addresses, open addressed: a model of a few hundred
// blocks is checked on every call of a transform.
type pointers struct {
	table []unsafe.Pointer // a power of two long, at most half full
	n     int
}

var pointerPool = sync.Pool{New: func() any { return &pointers{table: make([]unsafe.Pointer, 64)} }}

func getPointers() *pointers { return pointerPool.Get().(*pointers) }

// release empties the set, so that it keeps nothing alive, and gives it back.
func (s *pointers) release() {
	if len(s.table) > 1<<14 {
		return
	}
	clear(s.table)
	s.n = 0
	pointerPool.Put(s)
}

// add reports whether p is new.
func (s *pointers) add(p unsafe.Pointer) bool {
	if 2*s.n >= len(s.table) {
		old := s.table
		s.table, s.n = make([]unsafe.Pointer, 2*len(old)), 0
		for _, q := range old {
			if q != nil {
				s.add(q)
			}
		}
	}
	mask := uint64(len(s.table) - 1)
	// Fibonacci hashing: the high half of the product mixes all bits of the address.
	for i := uint64(uintptr(p)) * 0x9E3779B97F4A7C15 >> 32; ; i++ {
		switch s.table[i&mask] {
		case p:
			return false
		case nil:
			s.table[i&mask] = p
			s.n++
			return true
		}
	}
}
