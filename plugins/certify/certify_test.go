package certify

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins"
)

// verdicts are the checks with a verdict, as "kernel.check".
func verdicts(c *Certificate, v Verdict) (out []string) {
	for _, x := range c.Checks {
		if x.Verdict == v {
			out = append(out, x.Kernel+"."+x.Name)
		}
	}
	return out
}

func find(t *testing.T, c *Certificate, kernel, name string) Check {
	t.Helper()
	for _, x := range c.Checks {
		if x.Kernel == kernel && x.Name == name {
			return x
		}
	}
	t.Fatalf("no check %s of %s", name, kernel)
	return Check{}
}

func log(t *testing.T, c *Certificate) {
	t.Helper()
	for _, x := range c.Checks {
		t.Logf("%-10s %-14s %-14s %5.2fs %s | %s", x.Kernel, x.Name, x.Verdict, x.Seconds, x.Reason, x.Input)
	}
	t.Log(c.Summary())
}

func TestGoodPlugin(t *testing.T) {
	done := 0
	c, err := Run(t.Context(), loader(t, "good"), Options{EmulateMetal: true, Seed: 7, Progress: func(n, total int, _, _ string) {
		assert.Equal(t, done, n)
		assert.Equal(t, 14*len(kinds), total)
		done++
	}})
	require.NoError(t, err)
	log(t, c)
	assert.True(t, c.Passed(), c.Summary())
	assert.Equal(t, c.Kernels, c.Checked())
	assert.Len(t, c.Checks, done)
	for _, passed := range []string{
		"k.duality", "k.vmap(grad)", "k.metal", "add.vmap", "matmul.empty", "matmul.vjp", "matmul.compile(grad)", "matmul_vjp.run",
		"relu.empty", "relu.metal", "relu.vjp", "copy.dtypes", "copy.vjp", "root.run", "root.shapeless", "constant.compile",
	} {
		assert.Contains(t, verdicts(c, Passed), passed)
	}
	assert.Contains(t, find(t, c, "noise", "vmap").Reason, "declares no batch rule")
	assert.Equal(t, "equal inputs give different results", find(t, c, "noise", "compile").Reason)
	assert.Contains(t, find(t, c, "noise", "deterministic").Reason, "it does not say that it is; results differ by up to")
	assert.Equal(t, "3 samples declared", find(t, c, "matmul", "run").Reason)
	assert.Contains(t, find(t, c, "copy", "dtypes").Reason, "float32, float64, bool, bfloat16")
}

// Each plugin is wrong in one way, and one check finds it. Another is allowed only
// where the same mistake is in reach of it.
func TestWrongPlugins(t *testing.T) {
	for role, want := range map[string]struct{ check, reason, input string }{
		"vjp":           {"k.vjp", "the gradient for x at [0] is ", "x float32[1] = ["},
		"jvp":           {"k.jvp", "the derivative of output 0 at [0] for x at [0] is ", "x float32[1] = ["},
		"duality":       {"k.duality", "⟨w, Jv⟩ is ", "x float32[1] = ["},
		"vmap":          {"k.vmap", "mapped over axes [0], output 0 is ", "x float32[5, 1]"},
		"shape":         {"k.run", "panicked: runtime error: index out of range [1] with length 1", "x float32[3] = ["},
		"promise":       {"k.vmap", "output 0 of a batch is float32[5], not float32[5, 1] as the declared batch rule says", "x float32[5, 1]"},
		"gradient":      {"k.vjp", "the gradient of input 0 is float32[24] where the input is float32[2, 3, 4]", "x float32[2, 3, 4]"},
		"deterministic": {"k.deterministic", "it says that it is, but in run 2 output 0 is ", "x float32[1] = ["},
		"inputs":        {"k.inputs", "it wrote to its input 0; inputs can only be read", "x float32["},
		"memory":        {"k.leak", "calls made its memory grow by ", ""},
		"goroutines":    {"k.leak", "calls made its memory grow by ", ""},
		"files":         {"k.leak", " open files in place of ", ""},
		"processes":     {"k.leak", " processes in place of ", "x float32[2, 3, 4]"},
		"cancel":        {"k.cancel", "it did not stop when asked and was killed", "x float32["},
		"concurrent":    {"k.concurrent", "while 7 other calls run, output 0 is ", "x float32[2, 3, 4]"},
		"empty":         {"k.empty", "panicked: runtime error: index out of range [0] with length 0", "x float32[0]"},
		"scalar":        {"k.scalar", "which arrays of one element give", "x float32[] = ["},
		"dtypes":        {"k.dtypes", "in bfloat16 output 0 is ", "x bfloat16["},
		"crash":         {"k.run", "the process ended during the call (exit status 3)", "x float32[2, 3] = ["},
		"hang":          {"k.run", "no result after 2", "x float32[1] = ["},
		"metal":         {"k.metal", "the Metal source: output 0 is ", "x float32[1] = ["},
		"bounds":        {"k.metal", "the Metal source: line 1: out of bounds: ", "x float32[1] = ["},
		"lying dtype":   {"k.run", "bad reply: output 0 is int32[1] where the kernel's rules say float32[1]", "x float32[1] = ["},
		"lying shape":   {"k.run", "bad reply: output 0 is float32[1, 1] where the kernel's rules say float32[1]", "x float32[1] = ["},
		"refuses":       {"k.refuses", "it accepted int32 as x", "x int32[1] = ["},
		"picky":         {"k.run", "no inputs were found that it takes; declare some with Sample. The first refusal: ", ""},
	} {
		t.Run(role, func(t *testing.T) {
			o := Options{Quick: true, EmulateMetal: role == "metal" || role == "bounds", Kernels: []string{"k"}}
			if role == "hang" {
				o.Timeout = 2 * time.Second
			}
			c, err := Run(t.Context(), loader(t, role), o)
			require.NoError(t, err)
			log(t, c)
			assert.Equal(t, []string{want.check}, verdicts(c, Failed))
			assert.Empty(t, verdicts(c, Error))
			assert.False(t, c.Passed())
			for _, x := range c.Checks {
				if x.Verdict == Failed {
					assert.Contains(t, x.Reason, want.reason)
					assert.Contains(t, x.Input, want.input)
				}
			}
		})
	}
}

func TestSameSeedSameCertificate(t *testing.T) {
	load := loader(t, "vjp")
	run := func(seed uint64) *Certificate {
		c, err := Run(t.Context(), load, Options{Quick: true, Kernels: []string{"k"}, Seed: seed})
		require.NoError(t, err)
		return c
	}
	a, b, other := run(3), run(3), run(4)
	assert.Equal(t, find(t, a, "k", "vjp").Input, find(t, b, "k", "vjp").Input)
	assert.NotEqual(t, find(t, a, "k", "vjp").Input, find(t, other, "k", "vjp").Input)
}

func TestNoCertificate(t *testing.T) {
	t.Run("kernel that does not exist", func(t *testing.T) {
		var unknown *plugins.UnknownKernelError
		_, err := Run(t.Context(), loader(t, "good"), Options{Kernels: []string{"none"}})
		require.ErrorAs(t, err, &unknown)
	})
	t.Run("program that does not start", func(t *testing.T) {
		var start *plugins.StartError
		_, err := Run(t.Context(), loader(t, "mute"), Options{})
		require.ErrorAs(t, err, &start)
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Run(ctx, loader(t, "good"), Options{Progress: func(done, _ int, _, _ string) {
			if done == 7 {
				cancel()
			}
		}})
		require.ErrorIs(t, err, context.Canceled)
	})
}
