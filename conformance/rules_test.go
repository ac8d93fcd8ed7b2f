package conformance

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
)

// Where MLX lacks rules, or has wrong ones, of these ops there must be cases that pass.
var mustHave = []struct {
	kinds []Kind
	ops   string
}{
	{[]Kind{Grad, JVP, Duality, Second, VMap, VMapGrad, GradVMap, Shapeless},
		`linalg.inv linalg.tri_inv linalg.solve linalg.solve_triangular linalg.cholesky linalg.cholesky_inv linalg.qr linalg.svd
		linalg.svdvals linalg.eigh linalg.eigvalsh linalg.eig linalg.eigvals linalg.lu linalg.lu_factor linalg.det linalg.slogdet linalg.pinv
		linalg.norm linalg.norm_matrix linalg.norm_l2
		conv1d conv2d conv3d conv_general conv_transpose1d conv_transpose2d conv_transpose3d
		scatter scatter_add scatter_prod scatter_max scatter_min scatter_add_axis put_along_axis masked_scatter
		slice_update slice_update_add slice_update_prod slice_update_max slice_update_min slice_update_dynamic
		cumsum cumprod cummax cummin logcumsumexp divmod as_strided
		gather_mm segmented_mm block_masked_mm quant.quantized_matmul quant.gather_qmm`},
	{[]Kind{VMap, VMapCompiled, Shapeless}, `searchsorted sort argsort random.bits random.uniform random.normal random.randint random.bernoulli
		random.gumbel random.laplace random.categorical random.truncated_normal random.permutation random.multivariate_normal`},
}

// everyRule fails where the report of a run does not have what mustHave names.
func everyRule(t *testing.T, r *Report) {
	t.Helper()
	for _, m := range mustHave {
		for _, op := range strings.Fields(m.ops) {
			for _, k := range m.kinds {
				assert.Positive(t, r.of(op).passed(k), "%s: %s", op, k)
				assert.Zero(t, r.of(op)[k].Refused, "%s: %s", op, k)
			}
		}
	}
}

func TestTheTableSaysWhatCasesDid(t *testing.T) {
	r, err := Run(Options{Run: `^(linalg\.qr|unstack|view|floor|exp)/0/float32/`})
	require.NoError(t, err)
	require.Empty(t, r.Failures)
	line := func() map[string]string {
		var b bytes.Buffer
		require.NoError(t, WriteRules(&b, r))
		out := map[string]string{}
		for _, l := range strings.Split(b.String(), "\n") {
			if name, rest, ok := strings.Cut(strings.TrimPrefix(l, "| "), " | "); ok {
				if point, _, _ := strings.Cut(rest, " | "); out[name] != "" {
					name += " " + point
				}
				out[name] = rest
			}
		}
		return out
	}
	lines := line()
	assert.Regexp(t, `^a \| ours: QRF · 2 \| ours: QRF · 4 \| ours: QRF · 2 \| – \| ours: QRF · \d+ \| ours · 4 \|`, lines["linalg.qr"])
	assert.Regexp(t, `^a \| MLX · 2 \| MLX · 4 \| MLX · 2 \| – \| MLX · \d+ \| MLX · 4 \|`, lines["exp"])
	assert.Contains(t, lines["unstack"], "no: the number of results is a size")
	assert.Contains(t, lines["view"], "| a: zero · ")
	assert.Contains(t, lines["QRF"], "vjp, jvp, vmap | linalg.qr")
	assert.Equal(t, "at-0 | [0] | [0] | the slope is 0 |", lines["square at-0"])

	// An entry without a passed case is no entry.
	r.Rows = nil
	assert.Regexp(t, `^a \| – \| – \| – \| – \| – \| – \| 0 \|`, line()["linalg.qr"])
}

func TestDerivativesThatAreNotZeroAreFound(t *testing.T) {
	identity := func(string, core.FlatFunc) core.FlatFunc {
		return func(in []*core.Array) []*core.Array { return in[:1] }
	}
	r, err := Run(Options{Run: "^stop_gradient/0/float32/flat:a$", wrap: identity})
	require.NoError(t, err)
	require.Len(t, r.Failures, 1)
	assert.Contains(t, r.Failures[0].Reason, "the gradient is ")
	assert.Contains(t, r.Failures[0].Reason, "not zero, and the row does not say that there is one")
}

func TestRefusalsThatNoRowDeclaresAreFailures(t *testing.T) {
	r, err := Run(Options{Run: "^exp/0/float32/shapeless$", wrap: func(_ string, f core.FlatFunc) core.FlatFunc {
		return changed(func(_, y *core.Array) *core.Array { return y.Unstack(0)[0] })(f)
	}})
	require.NoError(t, err)
	require.Len(t, r.Failures, 1)
	assert.Contains(t, r.Failures[0].Reason, "unstack differs at other sizes of the arguments; leave out compile.Shapeless, which records a program for each size")
}
