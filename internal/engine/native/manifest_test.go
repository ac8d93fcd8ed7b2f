package native

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func validManifest() *Manifest {
	digest := strings.Repeat("0", 64)
	m := &Manifest{
		Format: Format, Key: Key(CPU), Backend: CPU, MLX: MLXVersion, OpenBLAS: OpenBLASVersion,
		Compiler: "c++ 12", Flags: CompileFlags(), Installed: time.Unix(1, 0).UTC(),
	}
	for _, role := range []string{RoleMLX, RoleMLXC, RoleExt} {
		path := LibDir + "/lib" + role + ".so"
		m.Load = append(m.Load, Library{role, path})
		m.Files = append(m.Files, File{Path: path, Size: 3, MTime: 4, SHA256: digest})
	}
	return m
}

func TestManifestRoundTrip(t *testing.T) {
	m := validManifest()
	data, err := m.Encode()
	require.NoError(t, err)
	again, err := DecodeManifest(data)
	require.NoError(t, err)
	assert.Equal(t, m, again)
	assert.Equal(t, LibDir+"/libmlx.so", m.Library(RoleMLX))
	assert.Empty(t, m.Library(RoleBLAS))
}

func TestManifestKeepsAnOfficialLibraryOutside(t *testing.T) {
	m := validManifest()
	m.Official = &Official{Prefix: "/opt/mlx-c", Library: "/opt/mlx-c/lib/libmlxc.so", Fallback: []string{"mlx_add"}}
	m.Load[1] = Library{RoleMLXC, m.Official.Library}
	m.Load = append(m.Load, Library{RoleFallback, m.Files[1].Path})
	m.Files = append(m.Files, File{Path: m.Official.Library, SHA256: m.Files[0].SHA256})
	data, err := m.Encode()
	require.NoError(t, err)
	again, err := DecodeManifest(data)
	require.NoError(t, err)
	assert.Equal(t, m, again)
}

func TestManifestRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Manifest)
		want   string
	}{
		{"another format", func(m *Manifest) { m.Format = 2 }, "format is 2"},
		{"a bad key", func(m *Manifest) { m.Key = "../x" }, "key"},
		{"a bad backend", func(m *Manifest) { m.Backend = "tpu" }, `no backend "tpu"`},
		{"no version", func(m *Manifest) { m.MLX = "" }, "no MLX version"},
		{"a path upwards", func(m *Manifest) { m.Files[0].Path = "../libmlx.so" }, "leads out"},
		{"an absolute path", func(m *Manifest) { m.Files[0].Path = "/lib/libc.so" }, "leads out"},
		{"a negative size", func(m *Manifest) { m.Files[0].Size = -1 }, "size -1"},
		{"a short digest", func(m *Manifest) { m.Files[0].SHA256 = "00" }, "no SHA-256"},
		{"a file twice", func(m *Manifest) { m.Files = append(m.Files, m.Files[0]) }, "listed twice"},
		{"a strange library", func(m *Manifest) { m.Load[0].Path = "mlx/lib/other.so" }, "not among the files"},
		{"a strange role", func(m *Manifest) { m.Load[0].Role = "king" }, "unknown role"},
		{"a role twice", func(m *Manifest) { m.Load[0].Role = RoleExt }, "given twice"},
		{"no ext", func(m *Manifest) { m.Load = m.Load[:2] }, `the role "ext"`},
		{"official without fallback", func(m *Manifest) { m.Official = &Official{} }, "go together"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := validManifest()
			tt.change(m)
			_, err := m.Encode()
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func TestDecodeManifestRefusesText(t *testing.T) {
	data, err := validManifest().Encode()
	require.NoError(t, err)
	text := string(data)
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":          {"", "cut short"},
		"half of it":       {text[:len(text)/2], "cut short"},
		"more than one":    {text + "{}", "follows the manifest"},
		"an unknown field": {strings.Replace(text, `"key"`, `"kee"`, 1), "no manifest"},
		"another type":     {strings.Replace(text, `"format": 1`, `"format": "1"`, 1), "no manifest"},
		"null":             {"null", "format is 0"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeManifest([]byte(tt.text))
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func FuzzDecodeManifest(f *testing.F) {
	data, err := validManifest().Encode()
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`{"format":1}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := DecodeManifest(data)
		if err != nil {
			return
		}
		// What is accepted can be written and read again, and no relative path leaves the folder.
		text, err := m.Encode()
		require.NoError(t, err)
		_, err = DecodeManifest(text)
		require.NoError(t, err)
		for _, file := range m.Files {
			if m.Official == nil {
				assert.True(t, strings.HasPrefix(Abs("/engine", file.Path), "/engine"))
			}
		}
	})
}
