package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

const metal = "uint i = thread_position_in_grid.x; y[i] = x[i] * x[i]; // a < b && c"

func about() *spec.Plugin {
	f := []spec.DType{spec.Float32}
	return &spec.Plugin{ID: "acme/sq", Version: "1.0.0", Build: "b1", Kernels: []spec.Kernel{
		{
			Name: "square", Inputs: []spec.Input{{Name: "x", DTypes: f}}, Outputs: []spec.Output{{Name: "y", Shape: "shape(x)", DType: "dtype(x)"}},
			VJP: "slope", Sources: []spec.Source{{Backend: spec.Metal, Code: metal, Grid: []string{"size(x)"}, Threads: 64}},
		},
		{Name: "slope", Inputs: []spec.Input{{Name: "x", DTypes: f}, {Name: "d", DTypes: f}}, Outputs: []spec.Output{{Name: "y", Shape: "shape(x)", DType: "dtype(x)"}}},
	}}
}

func good() *Manifest {
	digest := strings.Repeat("0123456789abcdef", 4)
	m := start(about(), 1)
	m.Executables["linux_amd64"] = File{"linux_amd64/sq", 10, digest}
	m.Executables["darwin_arm64"] = File{"darwin_arm64/sq", 11, digest}
	m.Files = []File{{"share/table.bin", 0, digest}}
	return m
}

func TestRoundTrip(t *testing.T) {
	text, err := good().Encode()
	require.NoError(t, err)
	back, err := Decode(text)
	require.NoError(t, err)
	assert.Equal(t, good(), back)
	again, err := back.Encode()
	require.NoError(t, err)
	assert.Equal(t, text, again)
	assert.Equal(t, "linux_amd64/sq", back.For("linux_amd64")[0].Path)
	assert.Len(t, back.For("linux_amd64"), 2)
	assert.Nil(t, back.For("plan9_arm"))
	assert.NoError(t, back.Differs(about()))
}

func TestSamplesRoundTrip(t *testing.T) {
	m := good()
	m.Kernels[0].Attrs = []spec.Attr{spec.AttrOf("n", 1)}
	m.Kernels[1].Attrs = m.Kernels[0].Attrs
	m.Kernels[0].Inputs[0].Values = "0..1"
	m.Kernels[0].Samples = []spec.Sample{{Shapes: [][]int{{2, 3}}, Attrs: map[string]string{"n": "2"}}, {Shapes: [][]int{{}}}}
	text, err := m.Encode()
	require.NoError(t, err)
	back, err := Decode(text)
	require.NoError(t, err)
	assert.Equal(t, m, back)
	assert.ErrorContains(t, back.Differs(about()), "kernels[0].inputs[0].values")
}

// Each change of a good manifest's JSON is found, and the error says where.
func TestDecodeIsStrict(t *testing.T) {
	text, err := good().Encode()
	require.NoError(t, err)
	whole := string(text)
	for _, c := range []struct{ from, to, path, reason string }{
		{"", "", "", ""},
		{`"id": "acme/sq"`, `"ID": "acme/sq"`, "", `"ID" is not known; known are format, id,`},
		{`"id": "acme/sq"`, `"id": "acme/sq", "extra": 1`, "", `"extra" is not known`},
		{`"id": "acme/sq"`, `"id": "acme/sq", "id": "acme/other"`, "", `"id" stands there twice`},
		{`"id": "acme/sq",`, ``, "", `"id" is missing`},
		{`"id": "acme/sq"`, `"id": null`, "id", "must be a string, is null"},
		{`"id": "acme/sq"`, `"id": ["acme/sq"]`, "id", "must be a string, is a list"},
		{`"id": "acme/sq"`, `"id": "acme/../sq"`, "id", "not of the form org/name"},
		{`"version": "1.0.0"`, `"version": "1.0"`, "version", "not of the form 1.2.3"},
		{`"build": "b1"`, `"build": "` + strings.Repeat("b", 200) + `"`, "build", "200 bytes"},
		{`"format": 1`, `"format": 2`, "format", "is 2; this version reads 1"},
		{`"format": 1`, `"format": 1.0`, "format", "must be an integer of 64 bits, is the number 1.0"},
		{`"format": 1`, `"format": 99999999999999999999`, "format", "is the number 99999999999999999999"},
		{`"format": 1`, `"format": true`, "format", "is true"},
		{`"format": 1`, `"format": {}`, "format", "is an object"},
		{`"path": "linux_amd64/sq"`, `"path": "../sq"`, "executables.linux_amd64.path", `"../sq" holds ".."`},
		{`"path": "linux_amd64/sq"`, `"path": "a/../../sq"`, "executables.linux_amd64.path", `holds ".."`},
		{`"path": "linux_amd64/sq"`, `"path": "/bin/sh"`, "executables.linux_amd64.path", "is absolute"},
		{`"path": "linux_amd64/sq"`, `"path": "a//sq"`, "executables.linux_amd64.path", "not in its shortest form"},
		{`"path": "linux_amd64/sq"`, `"path": "."`, "executables.linux_amd64.path", "not in its shortest form"},
		{`"path": "linux_amd64/sq"`, `"path": ""`, "executables.linux_amd64.path", "has 0 bytes"},
		{`"path": "linux_amd64/sq"`, `"path": "` + strings.Repeat("a/", 130) + `"`, "executables.linux_amd64.path", "has 260 bytes"},
		{`"path": "linux_amd64/sq"`, `"path": "a\\b"`, "executables.linux_amd64.path", `the character '\\'`},
		{`"path": "linux_amd64/sq"`, `"path": "a\u001b[2J"`, "executables.linux_amd64.path", `the character '\x1b'`},
		{`"path": "linux_amd64/sq"`, `"path": "plugin.json"`, "executables.linux_amd64.path", "is also the manifest"},
		{`"path": "linux_amd64/sq"`, `"path": "Plugin.json.SIG"`, "executables.linux_amd64.path", "is also its signature"},
		{`"path": "linux_amd64/sq"`, `"path": "darwin_arm64/SQ"`, "executables.linux_amd64.path", "is also executables.darwin_arm64"},
		{`"path": "linux_amd64/sq"`, `"path": "share"`, "executables.linux_amd64.path", "it is a folder of files[0] too"},
		{`"size": 10`, `"size": -1`, "executables.linux_amd64.size", "is -1"},
		{`"size": 10`, `"size": 1073741814`, "executables.linux_amd64.size", "at most 1073741824 bytes together"},
		{`"size": 10`, `"size": 9223372036854775807`, "executables.linux_amd64.size", "at most 1073741824 bytes together"},
		{`"size": 10`, `"size": "10"`, "executables.linux_amd64.size", "must be an integer of 64 bits, is a string"},
		{`"sha256": "0123`, `"sha256": "012`, "executables.darwin_arm64.sha256", "no SHA-256"},
		{`"sha256": "0123456789abc`, `"sha256": "0123456789ABC`, "executables.darwin_arm64.sha256", "no SHA-256"},
		{`"linux_amd64": {`, `"linux/amd64": {`, "executables", `"linux/amd64" is not of the form os_arch`},
		{`"linux_amd64": {`, `"darwin_arm64": {`, "executables", `"darwin_arm64" stands there twice`},
		{`"linux_amd64": {`, `"linux amd64": 5, "x": {`, `executables["linux amd64"]`, "must be an object, is the number 5"},
		{`"name": "slope"`, `"name": "square"`, "kernels[1]", "square: declared twice"},
		{`"name": "slope"`, `"name": "sl ope"`, "kernels[1]", `"sl ope": the name must be letters`},
		{`"name": "slope"`, `"name": "sl\nope"`, "kernels[1]", `"sl\nope": the name must be letters`},
		{`"dtypes": [`, `"dtypes": [1,`, "kernels[0].inputs[0].dtypes[0]", "must be a string, is the number 1"},
		{`"shape": "shape(x)"`, `"shape": "shape(q)"`, "kernels[0]", "the shape of output y"},
		{`"vjp": "slope"`, `"vjp": "none"`, "kernels[0]", `vjp kernel "none" does not exist`},
		{`"threads": 64`, `"threads": 2000`, "kernels[0]", "a metal threadgroup of 2000 threads"},
		{`"backend": "metal",`, `"backend": "metal", "x": 1,`, "kernels[0].sources[0]", `"x" is not known`},
		{`x[i] * x[i]`, `x[i] + x[i]`, "sources[0]", "is not what the kernels say, kernel square, metal, "},
		{`"protocols": [`, `"protocols": [0,`, "protocols[0]", "is 0"},
		{`"protocols": [`, `"protocols": [1,`, "protocols[1]", "is 1; versions begin at 1 and are in order"},
		{"}\n", "}\n{}", "", "there is text after the end, at byte "},
		{`"format": 1,`, `"format": 1`, "", "it is no JSON at byte"},
		{`"format"`, "\"\xff\"", "", "not UTF-8"},
	} {
		changed := strings.Replace(whole, c.from, c.to, 1)
		if c.reason == "" {
			changed = whole[:len(whole)/2]
			c.reason = "the text ends too early"
		}
		if c.from == "}\n" {
			changed = whole + "{}"
		}
		_, err := Decode([]byte(changed))
		var bad *Error
		require.ErrorAs(t, err, &bad, "%s -> %s", c.from, c.to)
		if c.reason != "the text ends too early" {
			assert.Equal(t, c.path, bad.Path, "%s -> %s", c.from, c.to)
		}
		assert.ErrorContains(t, err, c.reason)
		assert.True(t, strings.HasPrefix(err.Error(), "plugin.json: "), err)
		assert.NotContains(t, err.Error(), "\n")
		assert.Less(t, len(err.Error()), 400)
	}
}

func TestHostileTextsAreBounded(t *testing.T) {
	for want, text := range map[string]string{
		"at most 8388608 are allowed":  strings.Repeat(" ", MaxBytes+1),
		"more than 262144 values":      `{"kernels":[` + strings.Repeat(`{"name":"","outputs":[]},`, 100000) + `{}]}`,
		"must be a string, is a list":  `{"id":` + strings.Repeat("[", 1<<20),
		"must be an object, is a list": `{"kernels":` + strings.Repeat("[", 1<<20),
		"it has 1500 kernels":          manyKernels(t, 1500),
	} {
		_, err := Decode([]byte(text))
		assert.ErrorContains(t, err, want)
	}
	m := good()
	for i := range MaxFiles {
		m.Files = append(m.Files, File{fmt.Sprintf("f%d", i), 0, m.Files[0].SHA256})
	}
	assert.ErrorContains(t, m.Validate(), "at most 1024 are allowed")
	m = good()
	m.Protocols = nil
	assert.ErrorContains(t, m.Validate(), "0 versions; it needs 1 to 16")
	m = good()
	clear(m.Executables)
	assert.ErrorContains(t, m.Validate(), "executables: 0 platforms")
	_, err := m.Encode()
	assert.Error(t, err)
}

func manyKernels(t *testing.T, n int) string {
	m := good()
	k := m.Kernels[1]
	for i := range n - len(m.Kernels) {
		k.Name = fmt.Sprintf("k%d", i)
		m.Kernels = append(m.Kernels, k)
	}
	text, err := json.Marshal(m)
	require.NoError(t, err)
	return string(text)
}

func TestDiffers(t *testing.T) {
	for want, change := range map[string]func(p *spec.Plugin){
		`at id the manifest has "acme/sq", the program says "acme/sr"`:                     func(p *spec.Plugin) { p.ID = "acme/sr" },
		`at version the manifest has "1.0.0", the program says "1.0.1"`:                    func(p *spec.Plugin) { p.Version = "1.0.1" },
		`at kernels the manifest has 2 entries, the program says 3`:                        func(p *spec.Plugin) { p.Kernels = append(p.Kernels, p.Kernels[1]); p.Kernels[2].Name = "more" },
		`at kernels[0].sources[0].code the manifest has "uint i`:                           func(p *spec.Plugin) { p.Kernels[0].Sources[0].Code = "evil();" },
		`at kernels[0].deterministic the manifest has false, the program says true`:        func(p *spec.Plugin) { p.Kernels[0].Deterministic = true },
		`at kernels[1].inputs[0].dtypes[0] the manifest has "float32", the program says "`: func(p *spec.Plugin) { p.Kernels[1].Inputs[0].DTypes = []spec.DType{spec.Float64, spec.Float32} },
	} {
		p := about()
		change(p)
		err := good().Differs(p)
		require.ErrorIs(t, err, ErrDiffers)
		assert.ErrorContains(t, err, want)
	}
	p := about()
	p.Kernels = nil
	var bad *spec.InvalidError
	assert.ErrorAs(t, good().Differs(p), &bad)
}

func TestPackageRefuses(t *testing.T) {
	_, err := Package(about(), 1, filepath.Join(t.TempDir(), "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = Alone(about(), 1, "linux_amd64", t.TempDir())
	assert.Error(t, err, "a folder is no program")
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "linux_amd64"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "linux_amd64", "sq"), nil, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a?b"), nil, 0o600))
	_, err = Package(about(), 1, dir)
	var bad *Error
	require.ErrorAs(t, err, &bad)
	assert.Equal(t, "files[0].path", bad.Path)
	p := about()
	p.Kernels = nil
	require.NoError(t, os.Remove(filepath.Join(dir, "a?b")))
	_, err = Package(p, 1, dir)
	require.ErrorAs(t, err, &bad)
	assert.Equal(t, "kernels", bad.Path)
}

func FuzzDecode(f *testing.F) {
	text, err := good().Encode()
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte(`{"format":1,"id":"a/b","version":"1.0.0","protocols":[1],"executables":{},"kernels":[]}`))
	f.Add([]byte(`{"executables":{"a b":{"path":"..","size":1e9,"sha256":null}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Decode(text)
		if err != nil {
			var bad *Error
			require.True(t, errors.As(err, &bad), "%T", err)
			require.NotContains(t, err.Error(), "\n")
			return
		}
		for _, file := range m.Files {
			require.True(t, filepath.IsLocal(file.Path))
		}
		again, err := m.Encode()
		require.NoError(t, err)
		back, err := Decode(again)
		require.NoError(t, err)
		third, err := back.Encode()
		require.NoError(t, err)
		require.Equal(t, again, third)
		for _, k := range m.Kernels {
			_, err := spec.Compile(k)
			require.NoError(t, err)
		}
	})
}
