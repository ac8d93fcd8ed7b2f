package accuracy

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

// TestEncodeRoundsOnce looks at every number of half precision, and at the places beside
// and in the middle between it and the next one.
func TestEncodeRoundsOnce(t *testing.T) {
	for _, d := range DTypes[1:] {
		inf := encode(d, math.Inf(1))
		for b := uint32(0); b < inf; b++ {
			x, next := decode(d, b), decode(d, b+1)
			if b+1 == inf {
				next = math.Ldexp(1, formatOf(d).max+1)
			}
			middle, even := x+(next-x)/2, b+b&1
			for y, want := range map[float64]uint32{
				x: b, middle: even, math.Nextafter(middle, 0): b, math.Nextafter(middle, next): b + 1, math.Nextafter(next, 0): b + 1,
			} {
				require.Equal(t, want, encode(d, y), "%v of %v", d, y)
				sign := uint32(1) << 15
				require.Equal(t, want|sign, encode(d, -y), "%v of %v", d, -y)
			}
		}
		assert.True(t, math.IsNaN(decode(d, encode(d, math.NaN()))))
	}
}

func TestDistancesAreInUlps(t *testing.T) {
	f := formatOf(core.Float32)
	for _, c := range []struct{ got, want, ulps float64 }{
		{1, 1, 0}, {1 + 0x1p-23, 1, 1}, {1, 1 - 0x1p-24, 1}, {1 - 0x1p-24, 1, 0.5}, {-2, -2 - 0x1p-22, 1},
		{0, 0x1p-149, 1}, {0, 0x1p-126, 1 << 23}, {0x1p-149, 0, 1},
		{math.Inf(1), 1e300, 0}, {math.Inf(1), f.largest(), 1}, {f.largest(), math.Inf(1), 1}, {math.Inf(-1), f.largest(), 0x1p25 - 1},
	} {
		assert.Equal(t, c.ulps, f.distance(c.got, c.want, c.want), "%v for %v", c.got, c.want)
	}
}

// TestWhatIsNotAsPromisedIsFound has oracles that are wrong.
func TestWhatIsNotAsPromisedIsFound(t *testing.T) {
	ops := map[string]*Op{}
	for _, o := range Ops() {
		ops[o.Name] = o
	}
	for _, c := range []struct {
		op      string
		one     func(float64) float64
		problem string
	}{
		{"sqrt", func(x float64) float64 { return math.Sqrt(x) * (1 + 0x1p-7) }, "512: an error of "},
		{"exp", func(x float64) float64 { return math.Exp(x) * (1 + 0x1p-7) }, "512: an error of "},
		{"negative", func(x float64) float64 { return -math.Ceil(x) }, "512: an error of "},
		{"sin", func(x float64) float64 { return math.Sin(x) + 0 }, "results are no numbers, infinities or zeros where they should not be, of [-0 0]: -0, exactly 0"},
		{"log", func(x float64) float64 { return math.Log(math.Abs(x)) }, "results are no numbers, infinities or zeros"},
	} {
		o := *ops[c.op]
		o.one = c.one
		for _, d := range DTypes {
			r, err := Measure(&o, d, domain(&o, d, false), nil, nil)
			require.NoError(t, err)
			problems := r.Problems([]string{Widest})
			if assert.NotEmpty(t, problems, "%s %v", c.op, d) {
				assert.Contains(t, problems[0], c.problem)
			}
		}
	}
}
