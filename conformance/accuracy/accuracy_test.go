package accuracy

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/measured.json and docs/ACCURACY.md anew")

const (
	// lane names the ops that TestErrorsAreBounded measures on every float32, "exp,log", or all.
	lane = "ADJOINT_ULP"
	// span narrows these to a range of bit patterns, "3f000000-3f800000"; nothing is rewritten.
	span = "ADJOINT_ULP_RANGE"
	// step has one of so many numbers measured.
	step = "ADJOINT_ULP_STEP"
	// peer marks a process that computes for another one.
	peer = "ADJOINT_ULP_PEER"

	measured = "testdata/measured.json"
	page     = "../../docs/ACCURACY.md"

	seed = 1
	// How many arguments are tried of one and of two float32, and in the lane of two.
	sampled, paired, manyPairs = 1 << 17, 1 << 17, 1 << 24
)

func TestMain(m *testing.M) {
	if os.Getenv(peer) != "" {
		if err := Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// The tests say themselves which kernels compute.
	for _, name := range []string{"ADJOINT_CPU", "ADJOINT_VECTORS"} {
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// peers starts a process for each kind of kernel that the processor has but the first
// one, which this process has. names are those of all.
func peers(t *testing.T) (names []string, all []*Peer) {
	t.Helper()
	for _, name := range []string{Widest, Wide, Narrow} {
		p := begin(t, "ADJOINT_VECTORS="+name)
		if err := p.Probe(); err != nil {
			require.Contains(t, err.Error(), p.Setting+": ")
			continue
		}
		if names = append(names, name); len(names) == 1 {
			require.NoError(t, p.Close())
			continue
		}
		all = append(all, p)
	}
	if len(names) == 0 {
		names = []string{Widest} // there is one kind only
	}
	names, all = append(names, Stock), append(all, begin(t, stockSetting))
	t.Cleanup(func() {
		for _, p := range all {
			assert.NoError(t, p.Close())
		}
	})
	return names, all
}

func begin(t *testing.T, setting string) *Peer {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p, err := Start(self, peer+"=1", setting)
	require.NoError(t, err)
	return p
}

func TestVectorsAreChosen(t *testing.T) {
	for setting, why := range map[string]string{
		"ADJOINT_VECTORS=64": "128, 256 or 512", "ADJOINT_VECTORS=x": "128, 256 or 512", "ADJOINT_VECTORS=0128": "128, 256 or 512",
	} {
		err := begin(t, setting).Probe()
		require.ErrorContains(t, err, setting+": ")
		if runtime.GOARCH == "amd64" && runtime.GOOS == "linux" {
			require.ErrorContains(t, err, why)
		}
	}
	names, others := peers(t)
	var log *Op
	for _, o := range Ops() {
		if o.Name == "log" {
			log = o
		}
	}
	r, err := Measure(log, core.Float32, domain(log, core.Float32, false), others, nil)
	require.NoError(t, err)
	if i := slices.Index(names, Narrow); i > 0 {
		assert.Positive(t, r.Contrasts[i-1].Differ, "log is computed by the same kernel for vectors of 128 bits, which has no fused multiply-add")
	}
}

// domain is what of an op is tried, and whether that is the whole lane.
func domain(o *Op, d core.DType, whole bool) Domain {
	switch {
	case o.Arity() == 1 && (whole || d.Size() == 2):
		return Every(d)
	case o.Arity() == 1:
		return Domain{Seed: seed, Len: sampled}
	case whole:
		return Domain{Seed: seed, Len: manyPairs}
	}
	return Domain{Seed: seed, Len: paired}
}

// chosen is what of the lane is asked for; without ops the tests take samples.
type chosen struct {
	ops   []string
	every uint32
	part  Domain
}

func choose(t *testing.T) chosen {
	t.Helper()
	c := chosen{every: 1}
	if text := os.Getenv(lane); text != "" {
		c.ops = strings.Split(text, ",")
	}
	for _, name := range c.ops {
		known := slices.ContainsFunc(Ops(), func(o *Op) bool { return o.Name == name })
		require.True(t, known || name == "all" || name == "astype", "%s: there is no op %q", lane, name)
	}
	if text := os.Getenv(step); text != "" {
		n, err := strconv.ParseUint(text, 10, 16)
		require.NoError(t, err, step)
		c.every = max(1, uint32(n))
	}
	if text := os.Getenv(span); text != "" {
		var last uint32
		_, err := fmt.Sscanf(text, "%x-%x", &c.part.First, &last)
		require.NoError(t, err, span)
		require.Less(t, c.part.First, last, span)
		c.part.All, c.part.Len = true, int(last-c.part.First)
	}
	return c
}

func (c chosen) has(name string) bool {
	return slices.Contains(c.ops, name) || slices.Contains(c.ops, "all")
}

// narrow is what is asked for of a domain.
func (c chosen) narrow(m Domain, d core.DType) Domain {
	switch {
	case !m.All || d != core.Float32:
		return m
	case c.part.All:
		return c.part
	case c.every > 1:
		m.Seed, m.Step, m.Len = seed, c.every, m.Len/int(c.every)
	}
	return m
}

func TestErrorsAreBounded(t *testing.T) {
	c := choose(t)
	whole := len(c.ops) > 0
	names, others := peers(t)
	rows := stored(t)
	for _, d := range DTypes {
		for _, o := range Ops() {
			if whole && !c.has(o.Name) {
				continue
			}
			m := c.narrow(domain(o, d, whole), d)
			start, told := time.Now(), time.Now()
			r, err := Measure(o, d, m, others, func(done int) {
				if whole && time.Since(told) > 10*time.Second {
					told = time.Now()
					fmt.Fprintf(os.Stderr, "%s %v: %.1f %% after %v\n", o.Name, d, 100*float64(done)/float64(m.Len), time.Since(start).Round(time.Second))
				}
			})
			require.NoError(t, err)
			row := r.Keep(m, names)
			if whole {
				fmt.Fprintf(os.Stderr, "%s %v: %v, at %s: %s, exactly %s (%v)\n", o.Name, d, row.Figures, row.At, row.Got, row.Want, time.Since(start).Round(time.Second))
			}
			for _, problem := range r.Problems(names) {
				t.Errorf("%s %v: %s", o.Name, d, problem)
			}
			if *rewrite && whole && !c.part.All {
				rows = Put(rows, row)
				data, err := WriteRows(rows)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(measured, data, 0o600))
			}
		}
	}
}

func stored(t *testing.T) []Row {
	t.Helper()
	data, err := os.ReadFile(measured)
	if os.IsNotExist(err) && *rewrite {
		return nil
	}
	require.NoError(t, err)
	rows, err := ReadRows(data)
	require.NoError(t, err)
	return rows
}

// TestThePageIsFresh compares docs/ACCURACY.md with the stored figures and the bounds,
// which must hold for them.
func TestThePageIsFresh(t *testing.T) {
	rows := stored(t)
	var text bytes.Buffer
	require.NoError(t, WritePage(&text, rows))
	if *rewrite {
		require.NoError(t, os.WriteFile(page, text.Bytes(), 0o600))
	}
	held, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(held, text.Bytes()), "docs/ACCURACY.md is stale: go test ./conformance/accuracy -run TestThePageIsFresh -rewrite")
	bounds := map[string]*Op{}
	for _, o := range Ops() {
		bounds[o.Name] = o
	}
	for _, r := range rows {
		for name, f := range r.Figures {
			if o := bounds[r.Op]; name != Stock {
				assert.LessOrEqual(t, f.Worst, o.Bound(r.DType), "%s %v, vectors of %s bits", r.Op, r.DType, name)
			}
		}
	}
}
