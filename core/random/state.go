package random

import "github.com/adjoint-go/adjoint/core"

// State hands out keys. One goroutine may use it at a time.
//
// A Next inside of core.Tidy replaces Key by an array that the end of Tidy frees:
// return Key with the results, or draw the keys outside.
type State struct {
	Key *core.Array
}

// NewState returns the state that belongs to seed.
func NewState(seed uint64) *State { return &State{Key(seed)} }

// Next returns a key that was not handed out before. Errors: the state is nil or
// zero, or its key was freed.
func (s *State) Next() *core.Array {
	s.check("random.State.Next")
	var key *core.Array
	s.Key, key = Split(s.Key)
	return key
}

// NextN returns n keys, one per row. Errors: those of Next, or n is negative.
func (s *State) NextN(n int) *core.Array {
	key := s.Next()
	if n < 0 {
		core.Failf("random.State.NextN", "%d keys are asked for", n)
	}
	return SplitN(key, n)
}

func (s *State) check(op string) {
	if s == nil || s.Key == nil {
		core.Failf(op, "the state has no key (%w): make it with NewState", core.ErrNil)
	}
}
