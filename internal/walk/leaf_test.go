package walk_test

import (
	"reflect"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/internal/walk"
)

// Leaf stands for an array. It has an unexported field, as core.Array has.
type Leaf struct{ id int }

func leaf(id int) *Leaf { return &Leaf{id} }

var trees = walk.For[Leaf]()

func plan[T any](t testing.TB) walk.Plan[Leaf] {
	t.Helper()
	p, err := trees.Compile(reflect.TypeFor[T]())
	require.NoError(t, err)
	return p
}

func flatten[T any](t testing.TB, v T) []*Leaf {
	t.Helper()
	leaves, err := plan[T](t).Flatten(nil, unsafe.Pointer(&v))
	require.NoError(t, err)
	return leaves
}

func key[T any](t testing.TB, v T) string {
	t.Helper()
	k, err := plan[T](t).Key(nil, unsafe.Pointer(&v))
	require.NoError(t, err)
	return string(k)
}

func replace[T any](t testing.TB, v T, leaves []*Leaf) T {
	t.Helper()
	require.NoError(t, plan[T](t).Replace(unsafe.Pointer(&v), leaves))
	return v
}

func paths[T any](t testing.TB, v T) []string {
	t.Helper()
	var out []string
	require.NoError(t, plan[T](t).Slots(unsafe.Pointer(&v), func(s walk.Slot[Leaf]) bool {
		require.Equal(t, len(out), s.Index)
		out = append(out, s.Path)
		return true
	}))
	return out
}
