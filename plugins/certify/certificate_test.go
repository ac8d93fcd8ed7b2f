package certify

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins/manifest"
	"github.com/adjoint-go/adjoint/plugins/store"
)

// written is a certificate of a plugin with a failure, an error and a kernel that was
// not checked.
func written() *Certificate {
	return &Certificate{
		Format: Format, ID: "acme/sq", Version: "1.0.0", Program: strings.Repeat("ab", 32),
		Adjoint: "v0.1.0", MLX: "0.32.4", Go: "go1.26.0", System: "linux_amd64", Time: time.Date(2026, 3, 2, 9, 5, 0, 0, time.UTC),
		Seconds: 12.5, Seed: 1, Kernels: []string{"square", "cube", "other"},
		Checks: []Check{
			{Kernel: "square", Name: "run", Verdict: Passed, Reason: "6 samples found", Seconds: 0.01},
			{Kernel: "square", Name: "vjp", Verdict: NotApplicable, Reason: "it declares no VJP"},
			{Kernel: "cube", Name: "run", Verdict: Passed, Seconds: 75},
			{Kernel: "cube", Name: "leak", Verdict: Error, Reason: "the system does not say", Seconds: 0.3},
			{Kernel: "cube", Name: "vjp", Verdict: Failed, Reason: "the gradient is <wrong>", Input: "x float32[1] = [2]"},
		},
	}
}

func TestCertificateIsReadAsItWasWritten(t *testing.T) {
	c := written()
	text, err := c.Encode()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "certificate.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	again, err := Read(path)
	require.NoError(t, err)
	assert.Equal(t, c, again)
	assert.Equal(t, "acme/sq 1.0.0: 2 checks passed, 1 failed, 1 error, 1 not applicable", again.Summary())
	assert.Equal(t, []string{"square", "cube"}, again.Checked())
	assert.False(t, again.Passed())
	again.Checks = again.Checks[:4]
	assert.False(t, again.Passed(), "an error is no pass")
	again.Checks = again.Checks[:3]
	assert.True(t, again.Passed())

	_, err = Read(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestDecodingIsStrict(t *testing.T) {
	text, err := written().Encode()
	require.NoError(t, err)
	for want, change := range map[string]func(string) string{
		`"seed" stands there twice`:                        func(s string) string { return strings.Replace(s, `"seed"`, `"seed": 2, "seed"`, 1) },
		"its format is 2; this version of Adjoint reads 1": func(s string) string { return strings.Replace(s, `"format": 1`, `"format": 2`, 1) },
		`"signed" is not known`:                            func(s string) string { return strings.Replace(s, `"seed"`, `"signed": true, "seed"`, 1) },
		"invalid character '{' after top-level value":      func(s string) string { return s + "{}" },
		"unexpected end of JSON input":                     func(s string) string { return s[:100] },
		"its digests are no SHA-256 in hex":                func(s string) string { return strings.Replace(s, "abab", "ABAB", 1) },
		`"../sq" "1.0.0" is no plugin's name`:              func(s string) string { return strings.Replace(s, "acme/sq", "../sq", 1) },
		`there is no check "swim"`:                         func(s string) string { return strings.Replace(s, `"leak"`, `"swim"`, 1) },
		`has the verdict "fine"`:                           func(s string) string { return strings.Replace(s, `"failed"`, `"fine"`, 1) },
		"check leak of kernel cube does not say why":       func(s string) string { return strings.Replace(s, "the system does not say", "", 1) },
		"check vjp of kernel cube is there twice":          func(s string) string { return strings.Replace(s, `"leak"`, `"vjp"`, 1) },
		"a reason of several lines":                        func(s string) string { return strings.Replace(s, "no VJP", `no\nVJP`, 1) },
		`a kernel "cube" that the plugin does not have`:    func(s string) string { return strings.Replace(s, "\"cube\",\n    \"other\"", `"other"`, 1) },
	} {
		bad := change(string(text))
		require.NotEqual(t, string(text), bad, want)
		_, err := Decode([]byte(bad))
		assert.ErrorContains(t, err, want)
	}
	_, err = Decode(make([]byte, MaxBytes+1))
	require.ErrorContains(t, err, "at most 8388608")
}

func FuzzDecode(f *testing.F) {
	text, err := written().Encode()
	require.NoError(f, err)
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Decode(text)
		if err != nil {
			return
		}
		again, err := c.Encode()
		require.NoError(t, err)
		_, err = Decode(again)
		require.NoError(t, err)
		require.NoError(t, c.WriteHTML(new(bytes.Buffer)))
	})
}

func TestCertificateIsBoundToItsProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(path, []byte("one"), 0o600))
	c := written()
	var err error
	c.Program, err = hashFile(path)
	require.NoError(t, err)
	require.NoError(t, c.MatchesProgram(path))
	require.NoError(t, os.WriteFile(path, []byte("two"), 0o600))
	var mismatch *MismatchError
	err = c.MatchesProgram(path)
	require.ErrorAs(t, err, &mismatch)
	require.ErrorIs(t, err, ErrOther)
	assert.ErrorContains(t, err, "the certificate is of something else: of program sha256:7692c3ad3540bb80…, and this one is sha256:3fc4ccfe745870e2…; certify it again")
	require.ErrorIs(t, c.MatchesProgram(path+"x"), os.ErrNotExist)
}

func TestCertificateIsBoundToItsPackage(t *testing.T) {
	c, p := written(), &store.Package{Text: []byte("{}")}
	assert.EqualError(t, c.Matches(p), "the certificate is of something else: of a program by itself, and here plugin.json is sha256:44136fa355b3678a…; certify the package")
	c.Manifest = manifest.Digest(p.Text)
	require.NoError(t, c.Matches(p))
	p.Text = []byte("{ }")
	require.ErrorIs(t, c.Matches(p), ErrOther)
	assert.ErrorContains(t, c.Matches(p), "of plugin.json sha256:44136fa355b3678a…, and this one is sha256:")
}

func TestPage(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, written().WriteHTML(&b))
	page := b.String()
	for _, want := range []string{
		"<title>acme/sq 1.0.0: 1 check failed</title>", `<div class="banner bad">`, "the gradient is &lt;wrong&gt;", "<code>x float32[1] = [2]</code>",
		"Not checked: <code>other</code>.", "sha256:" + strings.Repeat("ab", 32), "2 March 2026, 09:05 UTC, in 12.5 s", "<td>1m15s</td>", "Metal sources not run",
	} {
		assert.Contains(t, page, want)
	}
	assert.Less(t, strings.Index(page, "cube · vjp"), strings.Index(page, "cube · leak"), "failures come before errors")
	assert.Less(t, strings.Index(page, "<h3>cube</h3>"), strings.Index(page, "<h3>square</h3>"), "and kernels with failures before others")
	for _, outside := range []string{"http://", "https://", "<script", "src="} {
		assert.NotContains(t, page, outside, "the page is by itself")
	}

	good := written()
	good.Checks = good.Checks[:3]
	b.Reset()
	require.NoError(t, good.WriteHTML(&b))
	assert.Contains(t, b.String(), "<strong>All 2 checks passed</strong>")
	assert.NotContains(t, b.String(), "What is wrong")
}
