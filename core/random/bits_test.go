package random_test

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// threefry is Threefry 2×32 with 20 rounds of Salmon et al. 2011.
func threefry(key [2]uint32, x, y uint32) (a, b uint32) {
	keys := [3]uint32{key[0], key[1], key[0] ^ key[1] ^ 0x1BD11BDA}
	rotations := [8]int{13, 15, 26, 6, 17, 29, 16, 24}
	x, y = x+keys[0], y+keys[1]
	for r := range uint32(20) {
		x += y
		y = bits.RotateLeft32(y, rotations[r%8]) ^ x
		if r%4 == 3 {
			n := r/4 + 1
			x, y = x+keys[n%3], y+keys[(n+1)%3]+n
		}
	}
	return x, y
}

// words are n words of a key: first words of counters, one more when n is odd, second words.
func words(key [2]uint32, n int) []byte {
	half, odd := n/2, n%2
	out := make([]byte, 4*n)
	for i := range half {
		x, y := threefry(key, uint32(i), uint32(half+odd+i))
		binary.LittleEndian.PutUint32(out[4*i:], x)
		binary.LittleEndian.PutUint32(out[4*(half+odd+i):], y)
	}
	if odd == 1 {
		x, _ := threefry(key, uint32(half), 0)
		binary.LittleEndian.PutUint32(out[4*half:], x)
	}
	return out
}

// TestThreefry holds the test's own function against the known answers of the paper's library.
func TestThreefry(t *testing.T) {
	x, y := threefry([2]uint32{}, 0, 0)
	require.Equal(t, [2]uint32{0x6b200159, 0x99ba4efe}, [2]uint32{x, y})
	x, y = threefry([2]uint32{0x13198a2e, 0x03707344}, 0x243f6a88, 0x85a308d3)
	require.Equal(t, [2]uint32{0xc4923a9c, 0x483df7a0}, [2]uint32{x, y})
}

// TestBitsOfEverySize compares bits of every width with those of the function above, for one key, for many, and for
// keys that do not lie behind each other.
func TestBitsOfEverySize(t *testing.T) {
	keys := [][2]uint32{{0, 7}, {1 << 31, 3}, {12345, 678910}}
	flat := []uint32{}
	for _, k := range keys {
		flat = append(flat, k[:]...)
	}
	all := core.From(flat, 3, 2)
	turned := core.From([]uint32{flat[0], flat[2], flat[4], flat[1], flat[3], flat[5]}, 2, 3).T()
	for _, width := range []int{1, 2, 4} {
		for _, n := range []int{1, 2, 3, 4, 5, 7, 8, 100, 1001, 65_537, 100_000} {
			at := fmt.Sprint(n, " of ", width, " bytes")
			var want []byte
			for _, k := range keys {
				mine := words(k, (n*width+3)/4)[:n*width]
				got := random.Bits(core.From(k[:]), width, n)
				require.Equal(t, mine, got.Bytes(), at)
				want = append(want, mine...)
			}
			for _, k := range []*core.Array{all, turned} {
				got := vmap.Of(func(key *core.Array) *core.Array { return random.Bits(key, width, n) })(k)
				require.Equal(t, want, got.Bytes(), at)
			}
		}
	}
}
