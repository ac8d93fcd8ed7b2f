package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins/manifest"
)

// copyOf does what a host does before it runs a plugin.
func copyOf(t *testing.T, dir string) error {
	t.Helper()
	f, err := Find([]string{dir}, Ref{ID: "acme/sq"}, nil)
	if err != nil {
		return err
	}
	p, err := f.Open()
	if err != nil {
		return err
	}
	defer p.Close()
	private := t.TempDir()
	_, err = p.Copy(t.Context(), private)
	if err != nil {
		assert.Empty(t, names(t, private), "an error leaves nothing behind")
		return errors.Join(err, same(t, p.Verify(t.Context(), Platform())))
	}
	return nil
}

// same checks that looking at a package finds a fault too.
func same(t *testing.T, err error) error {
	assert.Error(t, err)
	return nil
}

func TestWhatIsNotSafeIsRefused(t *testing.T) {
	closesFiles(t)
	type place struct{ top, version, dir, program, manifest, table string }
	evil := put(t, t.TempDir(), "evil", "#!/bin/sh\n", 0o755)
	link := func(to, at string) error { return errors.Join(os.RemoveAll(at), os.Symlink(to, at)) }
	move := func(from string) string {
		to := filepath.Join(t.TempDir(), "moved")
		require.NoError(t, os.Rename(from, to))
		return to
	}
	for name, c := range map[string]struct {
		change func(p place) error
		want   error
		text   string
	}{
		"another program":      {func(p place) error { return os.WriteFile(p.program, []byte("#!/bin/sh\nexit 9\n"), 0o755) }, ErrContent, "its SHA-256 is"},
		"a longer program":     {func(p place) error { return os.WriteFile(p.program, []byte("#!/bin/sh\nexit 10\n"), 0o755) }, ErrContent, "it has 18 bytes, the manifest says 17"},
		"an empty program":     {func(p place) error { return os.Truncate(p.program, 0) }, ErrContent, "it has 0 bytes"},
		"no program":           {func(p place) error { return os.Remove(p.program) }, ErrContent, "the file is missing"},
		"another data file":    {func(p place) error { return os.WriteFile(p.table, []byte("3 2 1"), 0o644) }, ErrContent, "share/table"},
		"no data file":         {func(p place) error { return os.Remove(p.table) }, ErrContent, "the file is missing"},
		"no manifest":          {func(p place) error { return os.Remove(p.manifest) }, os.ErrNotExist, "plugin.json"},
		"a damaged manifest":   {func(p place) error { return os.Truncate(p.manifest, 100) }, nil, "the text ends too early"},
		"a huge manifest":      {func(p place) error { return os.Truncate(p.manifest, 1<<40) }, ErrLimit, "more than 8388608 bytes"},
		"program is a link":    {func(p place) error { return link(evil, p.program) }, ErrUnsafe, "symbolic link"},
		"program links inside": {func(p place) error { return link("../share/table", p.program) }, ErrUnsafe, "symbolic link"},
		"folder is a link":     {func(p place) error { return link(filepath.Dir(evil), filepath.Dir(p.program)) }, ErrUnsafe, "symbolic link"},
		"manifest is a link":   {func(p place) error { return link(move(p.manifest), p.manifest) }, ErrUnsafe, "symbolic link"},
		"package is a link":    {func(p place) error { return link(move(p.dir), p.dir) }, ErrUnsafe, "symbolic link"},
		"version is a link":    {func(p place) error { return link(move(p.version), p.version) }, ErrUnsafe, "symbolic link"},
		"org is a link":        {func(p place) error { o := filepath.Join(p.top, "acme"); return link(move(o), o) }, ErrUnsafe, "symbolic link"},
		"program is a folder":  {func(p place) error { return errors.Join(os.Remove(p.program), os.Mkdir(p.program, 0o755)) }, ErrUnsafe, "no plain file"},
		"program is a pipe":    {func(p place) error { return errors.Join(os.Remove(p.program), syscall.Mkfifo(p.program, 0o644)) }, ErrUnsafe, "no plain file"},
		"manifest is a pipe":   {func(p place) error { return errors.Join(os.Remove(p.manifest), syscall.Mkfifo(p.manifest, 0o644)) }, ErrUnsafe, "no plain file"},
		"open program":         {func(p place) error { return os.Chmod(p.program, 0o757) }, ErrUnsafe, "everybody may write"},
		"open manifest":        {func(p place) error { return os.Chmod(p.manifest, 0o666) }, ErrUnsafe, "everybody may write"},
		"open package":         {func(p place) error { return os.Chmod(p.dir, 0o777) }, ErrUnsafe, "everybody may write"},
		"open folder in it":    {func(p place) error { return os.Chmod(filepath.Dir(p.table), 0o777) }, ErrUnsafe, "everybody may write"},
		"open version":         {func(p place) error { return os.Chmod(p.version, 0o777) }, ErrUnsafe, "everybody may write"},
		"open org":             {func(p place) error { return os.Chmod(filepath.Join(p.top, "acme"), 0o777) }, ErrUnsafe, "everybody may write"},
		"open top":             {func(p place) error { return os.Chmod(p.top, 0o777) }, ErrUnsafe, "everybody may write"},
		"open top, sticky":     {func(p place) error { return os.Chmod(p.top, 0o777|os.ModeSticky) }, ErrUnsafe, "everybody may write"},
		"open above":           {func(p place) error { return os.Chmod(filepath.Dir(p.top), 0o777) }, ErrUnsafe, "which is above it"},
		"another plugin's": {func(p place) error {
			text, err := os.ReadFile(p.manifest)
			return errors.Join(err, os.WriteFile(p.manifest, []byte(strings.Replace(string(text), "acme/sq", "acme/sr", 1)), 0o644))
		}, ErrContent, "the folder is that of acme/sq 1.0.0, the manifest that of acme/sr 1.0.0"},
		"a path that leads out": {func(p place) error {
			text, err := os.ReadFile(p.manifest)
			return errors.Join(err, os.WriteFile(p.manifest, []byte(strings.Replace(string(text), "share/table", "../../table", 1)), 0o644))
		}, nil, `files[0].path: "../../table" holds ".."`},
		"for another machine": {func(p place) error {
			text, err := os.ReadFile(p.manifest)
			return errors.Join(err, os.WriteFile(p.manifest, []byte(strings.Replace(string(text), `"`+Platform()+`": {`, `"plan9_arm": {`, 1)), 0o644))
		}, ErrPlatform, "there are programs for [plan9_arm]"},
	} {
		t.Run(name, func(t *testing.T) {
			top := filepath.Join(t.TempDir(), "plugins")
			f := installed(t, top, "acme/sq", "1.0.0")
			require.NoError(t, copyOf(t, top))
			require.NoError(t, c.change(place{
				top: top, version: filepath.Dir(f.Dir), dir: f.Dir, program: filepath.Join(f.Dir, Platform(), "sq"),
				manifest: filepath.Join(f.Dir, manifest.Name), table: filepath.Join(f.Dir, "share", "table"),
			}))
			err := copyOf(t, top)
			var e *Error
			require.ErrorAs(t, err, &e)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
			assert.ErrorContains(t, err, c.text)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

// A search folder may be a link itself; where it leads must be safe, and so must
// the folder that the link is in.
func TestSearchFolderThatIsALink(t *testing.T) {
	target := filepath.Join(t.TempDir(), "plugins")
	installed(t, target, "acme/sq", "1.0.0")
	open := filepath.Join(t.TempDir(), "open")
	require.NoError(t, os.Mkdir(open, 0o755))
	link := filepath.Join(open, "link")
	require.NoError(t, os.Symlink(target, link))
	require.NoError(t, copyOf(t, link))
	require.NoError(t, os.Chmod(open, 0o777))
	require.ErrorIs(t, copyOf(t, link), ErrUnsafe)
	require.NoError(t, os.Chmod(open, 0o777|os.ModeSticky))
	require.NoError(t, copyOf(t, link))
}

func TestCopyIsPrivate(t *testing.T) {
	top := t.TempDir()
	f := installed(t, top, "acme/sq", "1.0.0")
	p, err := f.Open()
	require.NoError(t, err)
	defer p.Close()
	dir := t.TempDir()
	c, err := p.Copy(t.Context(), dir)
	require.NoError(t, err)
	mode := func(path string) os.FileMode {
		info, err := os.Stat(path)
		require.NoError(t, err)
		return info.Mode().Perm()
	}
	assert.Equal(t, os.FileMode(0o700), mode(c.Dir))
	assert.Equal(t, os.FileMode(0o500), mode(c.Program))
	assert.Equal(t, os.FileMode(0o400), mode(filepath.Join(c.Dir, "share", "table")))
	assert.NoFileExists(t, filepath.Join(c.Dir, manifest.Name))
	require.NoError(t, c.Remove())
	assert.Empty(t, names(t, dir))
}
