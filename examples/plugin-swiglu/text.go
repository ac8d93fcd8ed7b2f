package main

import (
	_ "embed"
	"math/rand/v2"
	"slices"

	"github.com/adjoint-go/adjoint/core"
)

// source is the text that the model learns: its own.
//
//go:embed model.go
var source string

// alphabet returns the letters of source in order.
func alphabet() []byte {
	letters := []byte(source)
	slices.Sort(letters)
	return slices.Compact(letters)
}

// texts returns the batch of a step, parts of source that begin anywhere.
func texts(step int) Texts {
	letters := alphabet()
	r := rand.New(rand.NewPCG(uint64(step), 0))
	x, y := make([]int32, 0, batch*length), make([]int32, 0, batch*length)
	for range batch {
		first := r.IntN(len(source) - length - 1)
		for i := first; i < first+length; i++ {
			at, _ := slices.BinarySearch(letters, source[i])
			next, _ := slices.BinarySearch(letters, source[i+1])
			x, y = append(x, int32(at)), append(y, int32(next))
		}
	}
	return Texts{core.From(x, batch, length), core.From(y, batch, length)}
}
