package main

import (
	"bytes"
	"fmt"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const ratios = `[{"name": "op_exp", "ratio": 0.25, "peer": "jax"},
	{"name": "op_take", "ratio": 256, "peer": "torch-eager"},
	{"name": "sync", "ratio": 1, "peer": "mlx"}]`

// drawn is the file of a type that the ratios give.
func drawn(t *testing.T, extension string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ratios"+extension)
	require.NoError(t, run([]string{path}, strings.NewReader(ratios)))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

// heightOf finds a text of an SVG file and how far down it stands.
func heightOf(t *testing.T, svg, text string) float64 {
	t.Helper()
	m := regexp.MustCompile(`<text x="[^"]*" y="([^"]*)"[^>]*>` + regexp.QuoteMeta(text) + `</text>`).FindStringSubmatch(svg)
	require.NotNil(t, m, text)
	y, err := strconv.ParseFloat(m[1], 64)
	require.NoError(t, err)
	return y
}

func TestBarsAreNamedAndSorted(t *testing.T) {
	svg := string(drawn(t, ".svg"))
	slow, even, fast := heightOf(t, svg, "take (torch-eager)"), heightOf(t, svg, "sync (mlx)"), heightOf(t, svg, "exp (jax)")
	require.Negative(t, (slow-even)*(fast-even), "the bars stand in the order of their ratios")
	require.InDelta(t, slow-even, even-fast, 0.1)
	for _, text := range []string{"256", "0.25", "0.2", "0.5", "1", "2", "5", "10", "20", "50", "100", "200"} {
		heightOf(t, svg, text)
	}
}

// Bars go from 1 to the ratio, by its logarithm: 256 is four times as far from
// 1 as 1/4 is on the other side.
func TestBarsStartAtOne(t *testing.T) {
	img, err := png.Decode(bytes.NewReader(drawn(t, ".png")))
	require.NoError(t, err)
	widest := func(c color.Color) (n int) {
		r, g, b, _ := c.RGBA()
		for y := range img.Bounds().Dy() {
			in := 0
			for x := range img.Bounds().Dx() {
				if pr, pg, pb, _ := img.At(x, y).RGBA(); pr == r && pg == g && pb == b {
					in++
				}
			}
			n = max(n, in)
		}
		return n
	}
	left, right := widest(faster), widest(slower)
	require.Greater(t, left, 50)
	require.InDelta(t, 4*left, right, 8)
}

func TestBadInputGivesOneLine(t *testing.T) {
	svg := filepath.Join(t.TempDir(), "a.svg")
	for name, c := range map[string]struct {
		args []string
		in   string
		says string
	}{
		"no file":   {nil, ratios, "one file to write is wanted"},
		"type":      {[]string{"a.gif"}, ratios, `a file of type ".gif" cannot be written; .svg and .png can`},
		"malformed": {[]string{svg}, `[{`, "the ratios are malformed"},
		"none":      {[]string{svg}, `[]`, "there are no ratios: Adjoint and another peer are needed"},
		"zero":      {[]string{svg}, `[{"name": "sync", "ratio": 0}]`, `the ratio of "sync" is 0; it must be positive and finite`},
		"negative":  {[]string{svg}, `[{"name": "sync", "ratio": -2}]`, `the ratio of "sync" is -2`},
		"folder":    {[]string{filepath.Join(svg, "a.svg")}, ratios, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(c.args, strings.NewReader(c.in))
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, fmt.Sprint(err), "\n")
			require.NoFileExists(t, svg)
		})
	}
}
