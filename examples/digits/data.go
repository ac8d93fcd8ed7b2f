package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/adjoint-go/adjoint/core"
)

// The images are those of Alpaydin and Kaynak, CC BY 4.0: see data/README.md.
//
//go:embed data/digits.csv.gz
var compressed []byte

const (
	side    = 8  // pixels along an edge of an image
	classes = 10 // digits
	ink     = 16 // the darkest pixel
)

// Set is a set of images with what they show.
type Set struct {
	X *core.Array // (n, 8, 8, 1), 0 for blank to 1 for ink
	Y *core.Array // (n), the digits, int32
}

func (s Set) size() int { return s.Y.Dim(0) }

// load returns a fifth of each digit's images for testing, and the rest.
func load() (train, test Set, err error) {
	z, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return train, test, fmt.Errorf("data/digits.csv.gz: %w", err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		return train, test, fmt.Errorf("data/digits.csv.gz: %w", err)
	}
	byDigit := make([][][]float32, classes)
	for line, row := range rows {
		values := make([]float32, len(row))
		for i, text := range row {
			v, err := strconv.Atoi(text)
			if err != nil || len(row) != side*side+1 {
				return train, test, fmt.Errorf("data/digits.csv.gz: line %d is no image", line+1)
			}
			values[i] = float32(v)
		}
		digit := int(values[side*side])
		byDigit[digit] = append(byDigit[digit], values)
	}
	// The split is the same for every --seed, so that runs compare.
	r := rand.New(rand.NewPCG(1797, 64))
	var trainRows, testRows [][]float32
	for _, images := range byDigit {
		r.Shuffle(len(images), func(i, j int) { images[i], images[j] = images[j], images[i] })
		n := len(images) / 5
		testRows, trainRows = append(testRows, images[:n]...), append(trainRows, images[n:]...)
	}
	return newSet(trainRows), newSet(testRows), nil
}

func newSet(rows [][]float32) Set {
	var pixels []float32
	digits := make([]int32, len(rows))
	for i, row := range rows {
		for _, v := range row[:side*side] {
			pixels = append(pixels, v/ink)
		}
		digits[i] = int32(row[side*side])
	}
	return Set{core.From(pixels, len(rows), side, side, 1), core.From(digits)}
}

// order is the order of n images in an epoch.
func order(n int, seed uint64, epoch int) []int32 {
	at := make([]int32, n)
	for i := range at {
		at[i] = int32(i)
	}
	r := rand.New(rand.NewPCG(seed, uint64(epoch)))
	r.Shuffle(n, func(i, j int) { at[i], at[j] = at[j], at[i] })
	return at
}
