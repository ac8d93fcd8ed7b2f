package bench_test

import (
	"crypto/md5"
	"encoding/hex"
	"testing"
	"encoding/json"

	"os"
	"time"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/internal/bench"
)

func TestScratch(t *testing.T) {
	_ = md5.New
	_ = hex.EncodeToString
	_ = core.CPU
	in := bench.Seeded()
	if d := os.Getenv("D"); d != "" {
		var err error
		in, err = bench.Load(d)
		require.NoError(t, err)
	}
	for _, w := range bench.Workloads {
		t0 := time.Now()
		r, err := w.Run(in, bench.Timing{Batch: 50*time.Millisecond, Batches: 3})
		require.NoError(t, err)
		b, _ := json.Marshal(r)
		t.Log(time.Since(t0), string(b))
	}
}
