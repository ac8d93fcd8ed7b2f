package main

import (
	"bytes"
	"context"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/tree"
	"github.com/adjoint-go/adjoint/transforms/compile"
)

// The matrix products are small: a second thread gains little, and where the
// machine has other work the first one waits for it.
func TestMain(m *testing.M) {
	if err := os.Setenv("OPENBLAS_NUM_THREADS", "1"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func flags(t *testing.T, args ...string) options {
	t.Helper()
	o, err := parse(args, io.Discard)
	require.NoError(t, err)
	return o
}

func TestRunLearnsAndLeavesItsResults(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	o := flags(t, "--epochs", "4", "--lr", "0.004", "--out", filepath.Join(dir, "a", "b"))
	require.NoError(t, run(context.Background(), o, &out, false))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	last := lines[len(lines)-1]
	m := regexp.MustCompile(`^digits: test accuracy (0\.\d{4}), \d+\.\d s$`).FindStringSubmatch(last)
	require.NotNil(t, m, last)
	require.Greater(t, m[1], "0.92")
	require.Equal(t, 1, strings.Count(out.String(), "digits: "))
	for _, name := range []string{"loss.png", "wrong.png"} {
		f, err := os.Open(filepath.Join(o.out, name))
		require.NoError(t, err)
		img, err := png.Decode(f)
		require.NoError(t, err)
		require.Greater(t, img.Bounds().Dx(), 600, name)
		require.NoError(t, f.Close())
	}
	files, err := os.ReadDir(o.out)
	require.NoError(t, err)
	require.Len(t, files, 4, "nothing but the results is left")
}

// Ten epochs record one trace. A last batch that is smaller is what a second is for.
func TestExplainNamesTheRaggedBatch(t *testing.T) {
	train := func(batch, epochs int) compile.Explanation {
		tr, err := newTrainer(Settings{Batch: batch, LR: 2e-3, Seed: 1}, newReporter(io.Discard, false, time.Now()))
		require.NoError(t, err)
		require.NoError(t, tr.run(context.Background(), epochs))
		return tr.step.Explain()
	}
	e := train(721, 10) // 1442 images
	require.Len(t, e.Traces, 1)
	require.Equal(t, 19, e.Traces[0].Hits)
	require.Contains(t, e.String(), "digits.step: 20 calls, 19 hits, 1 trace,")

	e = train(1000, 2)
	require.Len(t, e.Traces, 2)
	require.Equal(t, []compile.Change{{Kind: compile.ShapeChanged, Path: "argument 1 at At", Was: "(1000)", Now: "(442)"}}, e.Traces[1].Changes)
	require.Contains(t, e.Traces[1].Caller, "digits/train.go:")
	require.Contains(t, e.String(), "\n  argument 1 at At: shape (1000) -> (442)\n")
}

// A run that is interrupted and resumed ends with the numbers of one that is not.
func TestResumeContinuesExactly(t *testing.T) {
	whole, parts := t.TempDir(), t.TempDir()
	args := []string{"--epochs", "2", "--batch", "400", "--seed", "5", "--out"}
	require.NoError(t, run(context.Background(), flags(t, append(args, whole)...), io.Discard, false))

	// Interrupted once within the first epoch, and once between the two.
	for _, steps := range []int{1, 4} {
		ctx, cancel := context.WithCancel(context.Background())
		w := flags(t, append(args, parts)...)
		w.resume = steps > 1
		tr, err := newTrainer(w.Settings, newReporter(io.Discard, false, time.Now()))
		require.NoError(t, err)
		if w.resume {
			p, arrays, err := readProgress(parts)
			require.NoError(t, err)
			require.Equal(t, 400, p.Images)
			require.NoError(t, tr.resume(p, arrays))
		}
		call := tr.step.Call
		tr.step.Call = func(s State, b Batch) (State, Score) {
			if steps--; steps == 0 {
				cancel()
			}
			return call(s, b)
		}
		require.ErrorIs(t, tr.run(ctx, 2), context.Canceled)
		require.NoError(t, tr.save(parts))
	}
	require.NoError(t, run(context.Background(), flags(t, append(args, parts, "--resume")...), io.Discard, false))

	pa, a, err := readProgress(whole)
	require.NoError(t, err)
	pb, b, err := readProgress(parts)
	require.NoError(t, err)
	require.Equal(t, pa, pb)
	require.Len(t, pa.Epochs, 2)
	require.Equal(t, len(a), len(b))
	for name, x := range a {
		require.Equal(t, x.Bytes(), b[name].Bytes(), name)
	}
	// Going on further is possible, and another run is not taken for this one.
	more := flags(t, "--epochs", "3", "--resume", "--out", parts)
	require.NoError(t, run(context.Background(), more, io.Discard, false))
	other := flags(t, "--lr", "0.5", "--resume", "--out", parts)
	require.ErrorContains(t, run(context.Background(), other, io.Discard, false), "--lr 0.5: the run in")
}

func TestInterruptSaves(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o := flags(t, "--out", t.TempDir())
	err := run(ctx, o, io.Discard, true)
	require.ErrorIs(t, err, errInterrupted)
	require.ErrorContains(t, err, "go on with --resume")
	_, _, err = readProgress(o.out)
	require.NoError(t, err)
}

func TestBadFlags(t *testing.T) {
	for want, args := range map[string][]string{
		"--epochs 0: want at least 1":      {"--epochs", "0"},
		"--batch -3: want at least 1":      {"--batch=-3"},
		"--lr 0: want a positive number":   {"--lr", "0"},
		"--lr NaN: want a positive number": {"--lr", "nan"},
		"--lr +Inf":                        {"--lr", "inf"},
		"invalid value":                    {"--seed", "-1"},
		"--out is empty":                   {"--out", ""},
		`unexpected argument "x"`:          {"x"},
		"not defined":                      {"--color"},
	} {
		_, err := parse(args, io.Discard)
		require.ErrorContains(t, err, want)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	for want, args := range map[string][]string{
		"--batch 5000: want at most 1442": {"--batch", "5000", "--out", dir},
		"nothing to resume":               {"--resume", "--out", dir},
		"not a directory":                 {"--out", filepath.Join(file, "x")},
		"try a smaller --lr":              {"--lr", "1e30", "--out", dir},
	} {
		require.ErrorContains(t, run(context.Background(), flags(t, args...), io.Discard, false), want)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, checkpointFile), []byte("rubbish"), 0o644))
	require.Error(t, run(context.Background(), flags(t, "--resume", "--out", dir), io.Discard, false))
}

func TestData(t *testing.T) {
	train, test, err := load()
	require.NoError(t, err)
	require.Equal(t, 1797, train.size()+test.size())
	for digit := range classes {
		share := test.Y.EqualScalar(float64(digit)).AsType(core.Float32).Mean().Item()
		require.InDelta(t, 0.1, share, 0.01)
	}
	require.Equal(t, 1.0, train.X.Max().Item())
	// No image is in both.
	seen := map[string]bool{}
	pixels := train.X.Bytes()
	for i := range train.size() {
		seen[string(pixels[i*256:(i+1)*256])] = true
	}
	pixels = test.X.Bytes()
	for i := range test.size() {
		require.False(t, seen[string(pixels[i*256:(i+1)*256])])
	}
}

func TestNoMistakes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wrong.png")
	require.NoError(t, drawMistakes(path, nil, 10))
	require.FileExists(t, path)
}

func TestStateIsATree(t *testing.T) {
	require.Contains(t, tree.Paths(newState(1, 0.1)), "Opt.Slots.1.Conv2.weight")
}
