package linalg_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/linalg"
)

type stored map[string][]struct {
	Shape []int
	Data  []float32
}

func load(t *testing.T) (stored, []*core.Array) {
	raw, err := os.ReadFile("testdata/linalg.json")
	require.NoError(t, err)
	s := stored{}
	require.NoError(t, json.Unmarshal(raw, &s))
	var in []*core.Array
	for _, a := range s["inputs"] {
		in = append(in, core.From(a.Data, a.Shape...))
	}
	return s, in
}

// TestEqualsNumPy compares with what testdata/linalg.py stored.
func TestEqualsNumPy(t *testing.T) {
	want, in := load(t)
	a, batch, tall, spd, b := in[0], in[1], in[2], in[3], in[4]
	column := tall.At(core.All, core.I(0))
	sign, logdet := linalg.SlogDet(batch)
	for name, got := range map[string][]*core.Array{
		"Inv":              {linalg.Inv(a)},
		"InvBatch":         {linalg.Inv(batch)},
		"Pinv":             {linalg.Pinv(tall)},
		"Solve":            {linalg.Solve(a, b)},
		"SolveTriangular":  {linalg.SolveTriangular(a.Triu(0), b, true), linalg.SolveTriangular(a.Tril(0), b, false)},
		"Cholesky":         {linalg.Cholesky(spd), linalg.CholeskyUpper(spd)},
		"CholeskyInv":      {linalg.CholeskyInv(linalg.Cholesky(spd), false)},
		"Det":              {linalg.Det(a), linalg.Det(batch)},
		"SlogDet":          {sign, logdet},
		"SVDVals":          {linalg.SVDVals(tall)},
		"EigValsh":         {linalg.EigValsh(spd)},
		"EigVals":          {linalg.EigVals(a.Add(a.T())).Real().Sort(0)},
		"Cross":            {linalg.Cross(batch.Index(0), batch.Index(1), -1)},
		"TriInv":           {linalg.TriInv(a.Tril(0), false), linalg.TriInv(a.Triu(0), true)},
		"Norm":             {linalg.Norm(a), linalg.Norm(a, 1), linalg.NormKeep(a, 1)},
		"NormOrd 1":        {linalg.NormOrd(column, 1), linalg.NormOrd(tall, 1, 0)},
		"NormOrd 2":        {linalg.NormOrd(column, 2), linalg.NormOrd(tall, 2, 0)},
		"NormOrd 3":        {linalg.NormOrd(column, 3), linalg.NormOrd(tall, 3, 0)},
		"NormOrd 0.5":      {linalg.NormOrd(column, 0.5), linalg.NormOrd(tall, 0.5, 0)},
		"NormOrd inf":      {linalg.NormOrd(column, math.Inf(1)), linalg.NormOrd(tall, math.Inf(1), 0)},
		"NormOrd -inf":     {linalg.NormOrd(column, math.Inf(-1)), linalg.NormOrd(tall, math.Inf(-1), 0)},
		"NormOrd 0":        {linalg.NormOrd(column, 0), linalg.NormOrd(tall, 0, 0)},
		"NormMatrix fro":   {linalg.NormMatrix(tall, "fro"), linalg.NormMatrix(batch, "fro", 1, 2)},
		"NormMatrix nuc":   {linalg.NormMatrix(tall, "nuc"), linalg.NormMatrix(batch, "nuc", 1, 2)},
		"NormMatrixOrd 1":  {linalg.NormOrd(tall, 1, 0, 1)},
		"NormMatrixOrd -1": {linalg.NormOrd(tall, -1, 0, 1)},
		"NormMatrixOrd 2":  {linalg.NormOrd(tall, 2, 0, 1)},
		"NormMatrixOrd -2": {linalg.NormOrd(tall, -2, 0, 1)},
		"NormMatrixOrd inf": {
			linalg.NormOrd(tall, math.Inf(1), 0, 1),
		},
	} {
		require.Len(t, want[name], len(got), name)
		for i, w := range want[name] {
			require.Equal(t, w.Shape, append([]int{}, got[i].Shape()...), "%s %d", name, i)
			require.InDeltaSlice(t, w.Data, core.Data[float32](got[i]), 2e-3, "%s %d", name, i)
		}
		delete(want, name)
	}
	delete(want, "inputs")
	require.Empty(t, want, "stored but not compared")
}

func near(t *testing.T, want, got *core.Array, name string) {
	t.Helper()
	require.Equal(t, want.Shape(), got.Shape(), name)
	require.InDeltaSlice(t, core.Data[float32](want), core.Data[float32](got), 1e-4, name)
}

// TestFactorsMultiplyBack checks factorisations whose signs are free.
func TestFactorsMultiplyBack(t *testing.T) {
	_, in := load(t)
	a, tall, spd := in[0], in[2], in[3]
	q, r := linalg.QR(tall)
	near(t, tall, q.MatMul(r), "QR")
	near(t, core.Identity(core.Float32, 3), q.T().MatMul(q), "Q is orthogonal")
	u, s, vt := linalg.SVD(a)
	near(t, a, u.Mul(s).MatMul(vt), "SVD")
	p, l, up := linalg.LU(a)
	near(t, a, l.MatMul(up).Take(p, 0), "LU")
	values, vectors := linalg.Eigh(spd)
	near(t, spd, vectors.Mul(values).MatMul(vectors.T()), "Eigh")
	values, vectors = linalg.EighUpper(spd)
	near(t, spd, vectors.Mul(values).MatMul(vectors.T()), "EighUpper")
	near(t, values, linalg.EigValshUpper(spd), "EigValshUpper")
	ev, evec := linalg.Eig(spd)
	near(t, spd.MatMul(evec.Real()), evec.Mul(ev).Real(), "Eig")
}

// TestComplexFactorsMultiplyBack covers dtypes whose vectors have arbitrary phases.
func TestComplexFactorsMultiplyBack(t *testing.T) {
	a := core.From([]complex64{1 + 2i, -1i, 0.5, 2, 3 - 1i, 1i, 0.3 + 0.1i, -1, 2i}, 3, 3)
	h := func(x *core.Array) *core.Array { return x.Conjugate().T() }
	zero := func(x *core.Array, name string) {
		t.Helper()
		require.InDelta(t, 0, x.Abs().Max().Item(), 1e-5, name)
	}
	values, vectors := linalg.Eig(a)
	zero(a.MatMul(vectors).Sub(vectors.Mul(values)), "Eig")
	zero(linalg.EigVals(a).Sub(values), "EigVals")
	u, s, vt := linalg.SVD(a)
	zero(a.Sub(u.Mul(s).MatMul(vt)), "SVD")
	zero(linalg.SVDVals(a).Sub(s), "SVDVals")
	sum := a.Add(h(a))
	values, vectors = linalg.Eigh(sum)
	zero(sum.Sub(vectors.Mul(values).MatMul(h(vectors))), "Eigh")
}

func TestDeterminantInFloat64(t *testing.T) {
	core.Using(core.CPU, func() {
		// Triangular but for a swap of rows, so the determinant is known to the last digit.
		a := core.From([]float64{0, 3, 1, 2, 1.1, 5, 7, 1, 0, 0, 0.7, 1, 0, 0, 0, 1.3}, 4, 4)
		want := -1.1 * 3 * 0.7 * 1.3
		require.InDelta(t, want, linalg.Det(a).Item(), 1e-14)
		sign, logdet := linalg.SlogDet(core.Stack(0, a, a.Neg(), core.Zeros(core.Float64, 4, 4)))
		require.Equal(t, []float64{-1, -1, 0}, core.Data[float64](sign))
		logs := core.Data[float64](logdet)
		require.InDelta(t, math.Log(-want), logs[0], 1e-6)
		require.Equal(t, logs[0], logs[1])
		require.True(t, math.IsInf(logs[2], -1))
		require.Equal(t, 1.0, linalg.Det(core.Zeros(core.Float64, 0, 0)).Item())
	})
}

func TestBadArguments(t *testing.T) {
	m := core.Zeros(core.Float32, 2, 3)
	v := core.Zeros(core.Float32, 3)
	for name, f := range map[string]func() *core.Array{
		"Inv of a rectangle":      func() *core.Array { return linalg.Inv(m) },
		"Inv of a vector":         func() *core.Array { return linalg.Inv(v) },
		"Inv of integers":         func() *core.Array { return linalg.Inv(core.Zeros(core.Int32, 2, 2)) },
		"Inv of nil":              func() *core.Array { return linalg.Inv(nil) },
		"Inv of a singular":       func() *core.Array { return linalg.Inv(core.Zeros(core.Float32, 2, 2)) },
		"Cholesky of a rectangle": func() *core.Array { return linalg.Cholesky(m) },
		"Solve of other sizes":    func() *core.Array { return linalg.Solve(core.Identity(core.Float32, 2), v) },
		"Det of a rectangle":      func() *core.Array { return linalg.Det(m) },
		"Cross of four":           func() *core.Array { return linalg.Cross(core.Zeros(core.Float32, 4), core.Zeros(core.Float32, 4), 0) },
		"Norm axis":               func() *core.Array { return linalg.Norm(v, 1) },
		"Norm of three axes":      func() *core.Array { return linalg.NormOrd(core.Zeros(core.Float32, 2, 2, 2), 2, 0, 1, 2) },
		"Norm name":               func() *core.Array { return linalg.NormMatrix(m, "max") },
		"SVD of a vector":         func() *core.Array { return linalg.SVDVals(v) },
		"QR of a scalar":          func() *core.Array { q, _ := linalg.QR(core.Scalar(float32(1))); return q },
		"Eigh of a rectangle":     func() *core.Array { return linalg.EigValsh(m) },
	} {
		y, err := core.Try(f)
		var e *core.Error
		if assert.ErrorAs(t, err, &e, "%s gave %v", name, y) {
			assert.NotContains(t, err.Error(), "\n")
		}
	}
}

func TestCholeskyOfIndefiniteIsNotANumber(t *testing.T) {
	y, err := core.Try(func() *core.Array { return linalg.Cholesky(core.From([]float32{-1, 0, 0, -1}, 2, 2)) })
	if err == nil {
		assert.Equal(t, 1.0, y.IsNaN().Any().Item())
	}
}
