package conformance

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/conformance/internal/sample"
	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/ops"
)

// proofs say by which behaviour each kind of case is.
var proofs = map[string][]Kind{
	"TestEveryOpPasses":                            {Eager, Layout},
	"TestBehaviour09_TransformsOfEveryCompiledOp":  {Nested},
	"TestBehaviour10_EveryCompiledOpEqualsEager":   {Compile},
	"TestBehaviour14_EveryOpWithoutSizes":          {Shapeless},
	"TestBehaviour20_WhatHasNoGradientHasAZeroOne": {Flat},
	"TestBehaviour21_EveryOpsDerivatives":          {Grad, GradCompiled, JVP, JVPCompiled, Duality, DualityCompiled, Awkward, AwkwardCompiled},
	"TestBehaviour28_EveryOpsSecondDerivatives":    {Second, SecondCompiled},
	"TestBehaviour30_EveryMappedOpEqualsALoop":     {VMap, VMapCompiled},
	"TestBehaviour32_EveryOpInAFile":               {Export},
	"TestBehaviour31_DerivativesOfEveryMappedOp":   {VMapGrad, VMapGradCompiled, GradVMap, GradVMapCompiled},
}

func TestEveryKindProvesABehaviour(t *testing.T) {
	var all []Kind
	for _, kinds := range proofs {
		all = append(all, kinds...)
	}
	assert.ElementsMatch(t, Kinds(), all)
	assert.GreaterOrEqual(t, len(Cases(true)), 2000)
}

// A quickRun is a run of all quick cases.
type quickRun struct {
	*Report
	ran       map[Kind]map[string]bool // the ops of each kind
	progress  int
	last      string // in the trail
	err, read error
}

var quick = sync.OnceValue(func() quickRun {
	q := quickRun{ran: map[Kind]map[string]bool{}}
	trail := filepath.Join(os.TempDir(), fmt.Sprintf("adjoint-trail-%d", os.Getpid()))
	defer os.Remove(trail)
	q.Report, q.err = Run(Options{Quick: true, Trail: trail, Progress: func(done, total int, c Case) {
		if done != q.progress {
			q.err = fmt.Errorf("%s is case %d, not %d", c.Name(), q.progress, done)
		}
		q.progress++
		if q.ran[c.Kind] == nil {
			q.ran[c.Kind] = map[string]bool{}
		}
		q.ran[c.Kind][c.Op] = true
	}})
	var text []byte
	text, q.read = os.ReadFile(trail)
	q.last = strings.TrimSpace(string(text))
	return q
})

// prove says whether the cases of the kinds of the running test passed, and returns
// their ops.
func prove(t *testing.T) []string {
	q := quick()
	require.NoError(t, q.err)
	kinds := proofs[t.Name()]
	ran := map[string]bool{}
	for _, k := range kinds {
		assert.NotEmpty(t, q.ran[k], k)
		maps.Copy(ran, q.ran[k])
	}
	for _, f := range q.Failures {
		if slices.ContainsFunc(kinds, func(k Kind) bool { return strings.Contains(f.Case, "/"+string(k)) }) {
			t.Errorf("%s: %s\n%s", f.Case, f.Reason, f.Rerun)
		}
	}
	return slices.Sorted(maps.Keys(ran))
}

// tabled are the names of the rows of the op table that a condition holds for.
func tabled(is func(r ops.Op) bool) []string {
	var names []string
	for _, r := range ops.Table() {
		if is(r) {
			names = append(names, r.Name)
		}
	}
	slices.Sort(names)
	return names
}

func every(ops.Op) bool { return true }

func differentiable(r ops.Op) bool { return r.Diff != "" }

func takesArrays(r ops.Op) bool {
	return slices.ContainsFunc(r.Args(), func(a ops.Arg) bool { return strings.HasPrefix(string(a.Kind), "array") })
}

func TestEveryOpPasses(t *testing.T) {
	assert.Equal(t, tabled(every), prove(t))
	q := quick()
	t.Logf("seed %d: %d cases of %d ops in %.1f s", q.Seed, q.Cases, q.Ops, q.Seconds)
	assert.Equal(t, len(ops.Table()), q.Ops)
	assert.Equal(t, q.progress, q.Cases)
	assert.Empty(t, q.Failures)
	require.NoError(t, q.read)
	cases := Cases(true)
	assert.Equal(t, cases[len(cases)-1].Name(), q.last)
}

var rewrite = flag.Bool("rewrite", false, "write docs/RULES.md anew")

// TestTheRulesAreFresh compares docs/RULES.md with the table of a run.
func TestTheRulesAreFresh(t *testing.T) {
	r := quick().Report
	require.NotNil(t, r)
	everyRule(t, r)
	const path = "../docs/RULES.md"
	var text bytes.Buffer
	require.NoError(t, WriteRules(&text, r))
	if *rewrite {
		require.NoError(t, os.WriteFile(path, text.Bytes(), 0o600))
		return
	}
	held, err := os.ReadFile(path)
	require.NoError(t, err)
	if !bytes.Equal(held, text.Bytes()) {
		a, b := strings.Split(string(held), "\n"), strings.Split(text.String(), "\n")
		for i := range a {
			if i >= len(b) || a[i] != b[i] {
				t.Fatalf("docs/RULES.md is stale from line %d on: run make rules\n-%s\n+%s", i+1, a[i], strings.Join(b[min(i, len(b)):min(i+1, len(b))], ""))
			}
		}
		t.Fatal("docs/RULES.md lacks lines: run make rules")
	}
}

func TestBehaviour20_WhatHasNoGradientHasAZeroOne(t *testing.T) { assert.NotEmpty(t, prove(t)) }

func TestBehaviour09_TransformsOfEveryCompiledOp(t *testing.T) { assert.NotEmpty(t, prove(t)) }

func TestBehaviour10_EveryCompiledOpEqualsEager(t *testing.T) {
	assert.Subset(t, prove(t), tabled(takesArrays))
}

func TestBehaviour14_EveryOpWithoutSizes(t *testing.T) { assert.NotEmpty(t, prove(t)) }

// ⟨w, Jv⟩ = ⟨Jᵀw, v⟩, both equal central differences, and the conventions hold.
func TestBehaviour21_EveryOpsDerivatives(t *testing.T) {
	assert.Subset(t, prove(t), tabled(differentiable))
}

func TestBehaviour28_EveryOpsSecondDerivatives(t *testing.T) { assert.NotEmpty(t, prove(t)) }

// Each combination of mapped arguments and each axis.
func TestBehaviour30_EveryMappedOpEqualsALoop(t *testing.T) {
	assert.Subset(t, prove(t), tabled(takesArrays))
}

func TestBehaviour31_DerivativesOfEveryMappedOp(t *testing.T) {
	assert.Subset(t, prove(t), tabled(differentiable))
}

func TestBehaviour32_EveryOpInAFile(t *testing.T) { assert.Equal(t, tabled(every), prove(t)) }

// Where a derivative does not exist, the documentation of the op says what it is.
func TestBehaviour21_ConventionsAreInTheDocumentation(t *testing.T) {
	// The limit says what these are.
	limits := []string{"square", "rsqrt", "reciprocal", "log", "arcsin", "arccosh", "sigmoid", "tanh", "prod", "cumprod", "where"}
	docs := map[string]string{}
	for _, r := range ops.Table() {
		for _, f := range r.Go {
			docs[r.Name] += f.Doc
		}
	}
	for _, c := range Conventions() {
		if !slices.Contains(limits, c.Op) {
			assert.Contains(t, docs[c.Op], "gradient", "%s: %s", c.Op, c.Says)
		}
	}
}

func TestNamesOfCasesAreUniqueAndRerunFindsThem(t *testing.T) {
	names := map[string]bool{}
	for _, c := range Cases(false) {
		assert.False(t, names[c.Name()], c.Name())
		names[c.Name()] = true
	}
	for _, c := range Cases(true) {
		assert.True(t, names[c.Name()], "%s is in the quick cases only", c.Name())
	}
	pattern := regexp.MustCompile(`--run '(.*)'$`).FindStringSubmatch(Rerun("linalg.qr/0/float32/eager", 1))[1]
	cases, err := choose(Options{Run: pattern})
	require.NoError(t, err)
	require.Len(t, cases, 1)
	assert.Equal(t, "linalg.qr/0/float32/eager", cases[0].Name())
	assert.Contains(t, Rerun("add/0/float32/eager", 7), " --seed 7")
}

func TestTheSameSeedGivesTheSameInputs(t *testing.T) {
	c, err := choose(Options{Run: "^matmul/0/float32/eager$"})
	require.NoError(t, err)
	one, again, other := newSubject(c[0], 1, nil), newSubject(c[0], 1, nil), newSubject(c[0], 2, nil)
	assert.Equal(t, one.inputs(0), again.inputs(0))
	assert.NotEqual(t, one.inputs(0), one.inputs(1))
	assert.NotEqual(t, one.inputs(0), other.inputs(0))
}

func TestBadOptions(t *testing.T) {
	_, err := Run(Options{Run: "add("})
	assert.ErrorContains(t, err, `the pattern "add(" is no regular expression`)
	_, err = Run(Options{Run: "^nothing$"})
	assert.ErrorContains(t, err, `no case matches "^nothing$"`)
	_, err = Run(Options{Run: "^exp/0/float32/eager$", Trail: filepath.Join(t.TempDir(), "missing", "trail")})
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestReport(t *testing.T) {
	r, err := Run(Options{Run: "^exp/0/float32/grad:a$", Seed: 5, wrap: func(string, core.FlatFunc) core.FlatFunc {
		return func([]*core.Array) []*core.Array { panic("two\nlines") }
	}})
	require.NoError(t, err)
	var text, doc bytes.Buffer
	require.NoError(t, r.Write(&text))
	assert.Regexp(t, `^1 cases of 1 ops on cpu:0 in \d+ s, seed 5: 1 failed, 0 refused with a typed error\n`, text.String())
	assert.Contains(t, text.String(), "FAIL exp/0/float32/grad:a: panic: two lines\n     adjoint conformance --run '^exp/0/float32/grad:a$' --seed 5\n")
	require.NoError(t, json.NewEncoder(&doc).Encode(r))
	var back Report
	require.NoError(t, json.Unmarshal(doc.Bytes(), &back))
	assert.Equal(t, r.Failures, back.Failures)
	assert.Equal(t, r.Kinds, back.Kinds)
}

// TestDomains holds every sample of the table to what its domain promises.
func TestDomains(t *testing.T) {
	bounds := map[string][2]float64{
		"": {-3, 3}, "pos": {0.5, 3}, "neg": {-3, -0.5}, "unit": {0, 1}, "open": {-1, 1}, "gt1": {1, 3}, "bool": {0, 1}, "e8m0": {124, 130},
	}
	for _, c := range Cases(false) {
		if c.Kind != Eager {
			continue
		}
		s := newSubject(c, 1, nil)
		for i, v := range s.inputs(0) {
			l := s.leaves[i]
			domain := strings.TrimRight(l.Sample.Domain, "0123456789")
			where := c.Name() + " " + l.Name
			seen := map[complex128]bool{}
			for k := range v.Len() {
				x := v.At(k)
				require.True(t, finite(x), where)
				if b, ok := bounds[l.Sample.Domain]; ok {
					require.GreaterOrEqual(t, real(x), b[0]-0.01, where)
					require.LessOrEqual(t, real(x), b[1]+0.01, where)
				}
				switch {
				case domain == "distinct" && l.DType != core.Bool:
					require.False(t, seen[x], where)
				case l.Sample.Domain == "fp8":
					require.NotEqual(t, 127, int(real(x))&127, where)
				}
				seen[x] = true
			}
		}
	}
}

func TestValuesOfEveryDTypeComeBack(t *testing.T) {
	for d := core.Bool; d.Valid(); d++ {
		v := sample.New(core.Spec{DType: d, Shape: []int{3}}, []complex128{0, 1, 1})
		got := sample.Read([]*core.Array{v.Array()})
		require.NoError(t, sample.SameBits(got, []sample.Value{v}), d)
		for i, want := range []complex128{0, 1, 1} {
			assert.Equal(t, want, v.At(i), d)
		}
	}
}

func TestStackAndPart(t *testing.T) {
	spec := core.Spec{DType: core.Int32, Shape: []int{2, 3}}
	a := sample.New(spec, []complex128{1, 2, 3, 4, 5, 6})
	b := sample.New(spec, []complex128{7, 8, 9, 10, 11, 12})
	for axis := range 3 {
		s := sample.Stack([]sample.Value{a, b}, axis)
		assert.Equal(t, a, s.Part(axis, 0))
		assert.Equal(t, b, s.Part(axis, 1))
	}
	assert.Equal(t, []int{2, 3, 2}, sample.Stack([]sample.Value{a, b}, 2).Shape)
	assert.Equal(t, complex(7, 0), sample.Stack([]sample.Value{a, b}, 2).At(1))
}

func TestStridedHoldsTheSameElements(t *testing.T) {
	for _, shape := range [][]int{{}, {5}, {2, 3}, {2, 3, 4}, {0, 3}, {3, 0}, {0}} {
		l := sample.Leaf{Sample: ops.Sample{Shape: shape}, DType: core.Float32}
		v := l.Make(sample.Source(1, "strided"))
		assert.NoError(t, sample.SameBits(sample.Read([]*core.Array{strided(v)}), []sample.Value{v}), shape)
	}
}
