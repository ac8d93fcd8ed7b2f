package main

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Two runs of Adjoint, the second disturbed: it took longer, and found a lower peak.
const results = `{"peer":"_peak","copy_gb_s":200,"product_gflop_s":400}
{"peer":"adjoint","workload":"op_exp","ms":0.5,"first_s":1,"check":[2],"bytes":1,"of_peak":40}
{"peer":"adjoint","workload":"op_exp","ms":1,"first_s":1,"check":[2],"bytes":1,"of_peak":50}
{"peer":"adjoint","workload":"sync","ms":0.001,"first_s":0}
{"peer":"mlx","workload":"op_exp","ms":5,"first_s":1,"check":[2]}
{"peer":"mlx","workload":"sync","ms":0.05,"first_s":0}
`

const jax = `{"peer":"jax","workload":"op_exp","ms":0.25,"first_s":1,"check":[2]}
`

// table runs benchmarks/table.py, which needs no package that Python does not bring.
func table(t *testing.T, lines string, env ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "results.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(lines), 0o600))
	cmd := exec.Command("python3", "-B", filepath.Join("..", "table.py"), path)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	return string(out)
}

func TestTheTableSaysWhoIsFastest(t *testing.T) {
	picture := filepath.Join(t.TempDir(), "ratios.svg")
	out := table(t, results+jax, "PLOT="+picture)
	require.Contains(t, out, `| workload | adjoint | mlx | jax | ÷ mlx | ÷ jax | ÷ best | of peak |
|---|---:|---:|---:|---:|---:|---:|---:|
| sync (µs) | 1.00 | 50.0 | – | 0.020 | – | 0.020 mlx | – |
| op_exp (ms) | 0.500 | 5.00 | 0.250 | 0.100 | 2.00 | 2.00 jax | 40 % |
`)
	require.Contains(t, out, "checks: all peers agree to 2e-4")
	b, err := os.ReadFile(picture)
	require.NoError(t, err)
	require.NoError(t, xml.Unmarshal(b, new(struct{})))
	heightOf(t, string(b), "exp (jax)")
	heightOf(t, string(b), "sync (mlx)")
}

func TestOnePeerIsTheFastest(t *testing.T) {
	require.Contains(t, table(t, results), `| workload | adjoint | mlx | ÷ mlx | of peak |
|---|---:|---:|---:|---:|
| sync (µs) | 1.00 | 50.0 | 0.020 | – |
| op_exp (ms) | 0.500 | 5.00 | 0.100 | 40 % |
`)
}
