package accuracy

import (
	"bufio"
	"encoding/binary"
	"math"
	"math/big"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

// An exactly is a result to 30 digits, from testdata/make.py.
type exactly struct {
	args   []float64
	result *big.Float
}

func (e exactly) single() bool {
	for _, x := range e.args {
		if float64(float32(x)) != x {
			return false
		}
	}
	return true
}

// ulps is how far got is from the result in the last places of a number of some digits.
func (e exactly) ulps(got float64, digits int) float64 {
	d := new(big.Float).SetPrec(200).SetFloat64(got)
	d.Sub(d, e.result)
	_, exp := math.Frexp(truncated(e.result))
	f, _ := d.SetMantExp(d, digits-exp).Float64()
	return math.Abs(f)
}

func truncated(x *big.Float) float64 {
	f, _ := new(big.Float).SetMode(big.ToZero).SetPrec(53).Set(x).Float64()
	return f
}

func exactResults(t *testing.T) map[string][]exactly {
	t.Helper()
	f, err := os.Open("testdata/exact.txt")
	require.NoError(t, err)
	defer f.Close()
	all := map[string][]exactly{}
	for s := bufio.NewScanner(f); s.Scan(); {
		words := strings.Fields(s.Text())
		var e exactly
		for _, w := range words[1 : len(words)-1] {
			x, err := strconv.ParseFloat(w, 64)
			require.NoError(t, err)
			e.args = append(e.args, x)
		}
		e.result, _, err = big.ParseFloat(words[len(words)-1], 10, 200, big.ToNearestEven)
		require.NoError(t, err)
		all[words[0]] = append(all[words[0]], e)
	}
	return all
}

// TestOracles compares the oracles with results to 30 digits: for arguments of float32 they
// must be right to a ten-thousandth of its last place.
func TestOracles(t *testing.T) {
	all := exactResults(t)
	for _, o := range Ops() {
		if o.Bounds[0] < 0.5 || o.halves != nil || strings.Contains("add subtract multiply divide remainder reciprocal square", o.Name) {
			continue
		}
		require.Greater(t, len(all[o.Name]), 50, o.Name)
		for _, e := range all[o.Name] {
			if !e.single() {
				continue
			}
			args := append(e.args[:len(e.args):len(e.args)], 0)
			want := o.want(core.Float32, args[0], args[1])
			assert.Less(t, e.ulps(want, 24), 1e-4, "%s of %v: %v, exactly %v", o.Name, e.args, want, e.result)
		}
	}
}

// doubles are the bounds in float64, in ulps, that are not 4. MLX's erfinv is one of
// float32, and so is ours.
var doubles = map[string]float64{"sqrt": 0.5, "rsqrt": 1.5, "degrees": 1, "radians": 1, "erfinv": 4 * (1 << 29)}

// TestFloat64 compares float64 results with ones to 30 digits, and those of special
// numbers with what Go's functions make of them.
func TestFloat64(t *testing.T) {
	_, others := peers(t)
	all := exactResults(t)
	special := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 5e-324, -5e-324, 1, -1, 0.5, -0.5, 2, -3, 1e300, -1e300}
	for _, o := range Ops() {
		list := all[o.Name]
		exact := len(list)
		if exact == 0 {
			continue
		}
		for _, x := range special {
			if o.Arity() == 1 {
				list = append(list, exactly{args: []float64{x, 0}})
				continue
			}
			for _, y := range special {
				list = append(list, exactly{args: []float64{x, y}})
			}
		}
		mem := make([][]byte, o.Arity())
		for _, e := range list {
			for k := range mem {
				mem[k] = binary.NativeEndian.AppendUint64(mem[k], math.Float64bits(e.args[k]))
			}
		}
		bound := doubles[o.Name]
		if bound == 0 {
			bound = 4
		}
		check := func(setting string, out []byte) {
			for i, e := range list {
				y := math.Float64frombits(binary.NativeEndian.Uint64(out[i*8:]))
				if i < exact {
					assert.LessOrEqual(t, e.ulps(y, 53), bound, "%s of %v with %s: %v, exactly %v", o.Name, e.args, setting, y, e.result)
				} else if want := o.want(core.Float64, e.args[0], e.args[1]); o.Name != "erfinv" {
					assert.Equal(t, classOf(want), classOf(y), "%s of %v with %s: %v, in Go %v", o.Name, e.args, setting, y, want)
				}
			}
		}
		check("the widest vectors", o.compute(core.Float64, mem))
		for _, p := range others {
			if p.Setting == stockSetting {
				continue
			}
			require.NoError(t, p.ask.Encode(request{Op: o.Name, DType: core.Float64, Args: mem}))
			out, err := p.answer(len(mem[0]))
			require.NoError(t, err)
			check(p.Setting, out)
		}
	}
}
