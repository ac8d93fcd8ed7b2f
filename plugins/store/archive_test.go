package store

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tarOf makes an archive of a folder, with further entries at its end.
func tarOf(t testing.TB, dir string, more ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if dir != "" {
		require.NoError(t, w.AddFS(os.DirFS(dir)))
	}
	for _, h := range more {
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		require.NoError(t, w.WriteHeader(&h))
		_, err := io.CopyN(w, zeros{}, h.Size)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// zeros is endless.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func gzipped(t testing.TB, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(text)
	require.NoError(t, errors.Join(err, w.Close()))
	return b.Bytes()
}

func archiveFile(t testing.TB, text []byte) string {
	return put(t, t.TempDir(), "p.tar", string(text), 0o644)
}

func TestHostileArchives(t *testing.T) {
	closesFiles(t)
	good := pack(t, "acme/sq", "1.0.0", files{"share/table": "1 2 3"})
	longer := pack(t, "acme/sq", "1.0.0", files{"share/table": "1 2 3"})
	put(t, longer, "share/table", "1 2 3 4", 0o644)
	badSum := gzipped(t, tarOf(t, good))
	badSum[len(badSum)-6] ^= 1
	raw := tarOf(t, good)
	outside := filepath.Join(t.TempDir(), "outside")
	for name, c := range map[string]struct {
		archive []byte
		want    error
		text    string
	}{
		"symbolic link":    {tarOf(t, good, tar.Header{Name: "x", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}), ErrArchive, `"x" is a symbolic link`},
		"hard link":        {tarOf(t, good, tar.Header{Name: "x", Typeflag: tar.TypeLink, Linkname: "plugin.json"}), ErrArchive, "a hard link"},
		"device":           {tarOf(t, good, tar.Header{Name: "x", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}), ErrArchive, "a device"},
		"block device":     {tarOf(t, good, tar.Header{Name: "x", Typeflag: tar.TypeBlock}), ErrArchive, "a device"},
		"pipe":             {tarOf(t, good, tar.Header{Name: "x", Typeflag: tar.TypeFifo}), ErrArchive, "a named pipe"},
		"other kind":       {tarOf(t, good, tar.Header{Name: "x", Typeflag: 'V'}), ErrArchive, "of the kind 'V'"},
		"dots":             {tarOf(t, good, tar.Header{Name: "../x"}), ErrArchive, `"../x" is no path below`},
		"dots inside":      {tarOf(t, good, tar.Header{Name: "a/../../x"}), ErrArchive, "is no path below"},
		"dots, a folder":   {tarOf(t, good, tar.Header{Name: "../x/", Typeflag: tar.TypeDir}), ErrArchive, "is no path below"},
		"absolute":         {tarOf(t, good, tar.Header{Name: outside}), ErrArchive, "is no path below"},
		"backslash":        {tarOf(t, good, tar.Header{Name: `..\x`}), ErrArchive, "is no path below"},
		"no name":          {tarOf(t, good, tar.Header{Name: "./"}), nil, ""},
		"twice":            {tarOf(t, good, tar.Header{Name: "share/table", Size: 5}), ErrArchive, `"share/table" is in it twice`},
		"manifest twice":   {tarOf(t, good, tar.Header{Name: "plugin.json"}), ErrArchive, `"plugin.json" is in it twice`},
		"no manifest":      {tarOf(t, "", tar.Header{Name: "x"}), ErrArchive, "it has no plugin.json"},
		"below a folder":   {tarOf(t, filepath.Dir(good)), ErrArchive, "plugin.json must be at its top and is at 00"},
		"huge manifest":    {gzipped(t, tarOf(t, "", tar.Header{Name: "plugin.json", Size: 9 << 20})), ErrLimit, "more than 8388608 bytes"},
		"huge signature":   {tarOf(t, good, tar.Header{Name: "plugin.json.sig", Size: 1 << 20}), ErrLimit, "more than 4096 bytes"},
		"cut off":          {raw[:bytes.Index(raw, []byte("exit 7"))], ErrArchive, "cut off"},
		"cut off, gzipped": {gzipped(t, raw)[:200], ErrArchive, "cut off"},
		"damaged gzip":     {append([]byte("\x1f\x8b\x08"), make([]byte, 600)...), ErrArchive, "flate: "},
		"bad checksum":     {badSum, ErrArchive, "gzip: invalid checksum"},
		"no gzip":          {[]byte("\x1f\x8b"), ErrArchive, "cut off"},
		"text":             {[]byte(strings.Repeat("this is no archive ", 100)), ErrArchive, "tar: "},
		"zip":              {append([]byte("PK\x03\x04"), make([]byte, 1000)...), ErrArchive, "tar: "},
		"empty":            {nil, ErrArchive, "it has no plugin.json"},
		"many entries":     {gzipped(t, manyEntries(t)), ErrLimit, "more than 4096 entries"},
		"a size beyond":    {sized(t, raw, 1<<40), ErrLimit, "has 1099511627776 bytes"},
		"another program":  {bytes.Replace(raw, []byte("exit 7"), []byte("exit 9"), 1), ErrContent, "its SHA-256 is"},
		"another size":     {tarOf(t, longer), ErrContent, "it has 7 bytes, the manifest says 5"},
	} {
		t.Run(name, func(t *testing.T) {
			top := filepath.Join(t.TempDir(), "plugins")
			_, err := Install(t.Context(), Installation{Source: archiveFile(t, c.archive), Dir: top})
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			var e *Error
			require.ErrorAs(t, err, &e)
			require.ErrorIs(t, err, c.want)
			assert.ErrorContains(t, err, c.text)
			assert.NotContains(t, err.Error(), "\n")
			if _, err := os.Stat(top); err == nil {
				assert.Empty(t, names(t, top))
			}
			assert.NoFileExists(t, outside)
		})
	}
}

func manyEntries(t *testing.T) []byte {
	var more []tar.Header
	for i := range maxEntries + 1 {
		more = append(more, tar.Header{Name: fmt.Sprintf("d%d/", i), Typeflag: tar.TypeDir, Mode: 0o755})
	}
	return tarOf(t, "", more...)
}

// sized writes another size into the header of the first entry.
func sized(t *testing.T, raw []byte, size int64) []byte {
	t.Helper()
	b := bytes.Clone(raw)
	at := 0
	for b[at+156] == tar.TypeDir {
		at += 512
	}
	field := b[at+124 : at+136]
	clear(field)
	field[0] = 0x80
	for i := range 8 {
		field[11-i] = byte(size >> (8 * i))
	}
	mendHeader(b[at : at+512])
	return b
}

// mendHeader makes the checksum of a header right.
func mendHeader(h []byte) {
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

// A bomb is a small file that unpacks to more than a package may have. It ends
// with an error before anything is written.
func TestTarBomb(t *testing.T) {
	// gzip takes parts that were compressed alone, so that one of zeros serves often.
	const size, part = 128 << 20, 8 << 20
	nothing := gzipped(t, make([]byte, part))
	var bomb []byte
	for i := range 9 {
		var head bytes.Buffer
		require.NoError(t, tar.NewWriter(&head).WriteHeader(&tar.Header{Name: fmt.Sprintf("zeros%d", i), Size: size, Mode: 0o644}))
		bomb = append(bomb, gzipped(t, head.Bytes())...)
		bomb = append(bomb, bytes.Repeat(nothing, size/part)...)
	}
	require.Less(t, len(bomb), 2<<20)
	path := archiveFile(t, bomb)
	top := filepath.Join(t.TempDir(), "plugins")
	_, err := Install(t.Context(), Installation{Source: path, Dir: top})
	require.ErrorIs(t, err, ErrLimit)
	assert.ErrorContains(t, err, "it unpacks to more than")
	assert.NoDirExists(t, top)
}

func TestArchiveIsReadWithAndWithoutGzip(t *testing.T) {
	dir := pack(t, "acme/sq", "1.0.0", files{"share/table": "1 2 3", "notes/unused": "x"})
	raw := tarOf(t, dir)
	for _, text := range [][]byte{raw, gzipped(t, raw), append(gzipped(t, raw[:1024]), gzipped(t, raw[1024:])...)} {
		p, err := Open(t.Context(), archiveFile(t, text))
		require.NoError(t, err)
		require.NoError(t, p.Verify(t.Context(), Platform()))
		c, err := p.Copy(t.Context(), t.TempDir())
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(c.Dir, "share", "table"))
		require.NoError(t, err)
		assert.Equal(t, "1 2 3", string(got))
		require.NoError(t, p.Close())
	}
	_, err := Open(t.Context(), os.DevNull)
	assert.ErrorIs(t, err, ErrArchive)
	_, err = Open(t.Context(), filepath.Join(dir, "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// Whatever an archive holds, an installation either fails and leaves nothing, or
// what is in place is what the manifest lists.
func FuzzInstall(f *testing.F) {
	dir := pack(f, "acme/sq", "1.0.0", nil)
	f.Add(tarOf(f, dir))
	f.Add(gzipped(f, tarOf(f, dir)))
	f.Add(tarOf(f, "", tar.Header{Name: "../x", Size: 3}))
	f.Add(tarOf(f, "", tar.Header{Name: "x", Typeflag: tar.TypeSymlink, Linkname: "/"}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 1<<16 {
			return
		}
		raw = mended(raw)
		base := t.TempDir()
		source := put(t, base, "source", string(raw), 0o600)
		top := filepath.Join(base, "in", "plugins")
		done, err := Install(t.Context(), Installation{Source: source, Dir: top})
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			if _, stat := os.Stat(top); stat == nil {
				require.Empty(t, names(t, top))
			}
		} else {
			p, err := done.Found.Open()
			require.NoError(t, err)
			require.NoError(t, p.Verify(t.Context(), Platform()))
			require.NoError(t, p.Close())
		}
		for _, name := range names(t, base) {
			require.True(t, name == "source" || name == "in" || strings.HasPrefix(name, "in/plugins"), name)
		}
	})
}

// mended makes the checksums of a tar's headers right, so that the fuzzer gets
// beyond them.
func mended(raw []byte) []byte {
	if bytes.HasPrefix(raw, []byte("\x1f\x8b")) {
		return raw
	}
	raw = bytes.Clone(raw)
	for at := 0; at+512 <= len(raw); {
		h := raw[at : at+512]
		if bytes.Count(h, []byte{0}) == 512 {
			break
		}
		mendHeader(h)
		size, err := strconv.ParseInt(strings.Trim(string(h[124:136]), " \x00"), 8, 64)
		if err != nil || size < 0 || size > int64(len(raw)) {
			break
		}
		at += 512 + int(size+511)/512*512
	}
	return raw
}
