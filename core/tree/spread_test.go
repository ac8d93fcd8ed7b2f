package tree_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/adjoint-go/adjoint/core/tree"
)

func TestSpreadTakesTheLongestPathAbove(t *testing.T) {
	m := sample()
	for _, c := range []struct {
		by   map[string]int
		want map[string]int
	}{
		{nil, map[string]int{}},
		{map[string]int{"Steps": 1}, map[string]int{}},
		{map[string]int{"Head": 1, "Named.b": 2}, map[string]int{"Head.W": 1, "Named.b": 2}},
		{map[string]int{"Blocks": 1, "Blocks.1": 2, "Blocks.1.Mean": 3},
			map[string]int{"Blocks.0.W": 1, "Blocks.0.B": 1, "Blocks.1.W": 2, "Blocks.1.Mean": 3}},
		{map[string]int{"": 7, `Named.a\.x`: 8}, map[string]int{
			"Blocks.0.W": 7, "Blocks.0.B": 7, "Blocks.1.W": 7, "Blocks.1.Mean": 7,
			"Head.W": 7, `Named.a\.x`: 8, "Named.b": 7, "Extra.0.B": 7}},
	} {
		assert.Equal(t, c.want, tree.Spread(c.by, m))
	}
	assert.Equal(t, map[string]string{"": "one"}, tree.Spread(map[string]string{"": "one"}, blank()), "an array is a tree")
	all := tree.Spread(map[string]bool{"": true}, m)
	assert.Equal(t, slices.Sorted(slices.Values(samplePaths)), slices.Sorted(maps.Keys(all)))

	err := caught(func() { tree.Spread(map[string]int{"Blocks.1": 1, "Haed": 2}, m) })
	assert.ErrorContains(t, err, "tree.Spread: at Haed: no such path; the tree has Blocks.0.W")
	var why *tree.Error
	assert.ErrorAs(t, err, &why)
	assert.Equal(t, "Haed", why.Path)
}
