package plugins

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/plugins/manifest"
	"github.com/adjoint-go/adjoint/plugins/spec"
	"github.com/adjoint-go/adjoint/plugins/store"
	"github.com/adjoint-go/adjoint/plugins/trust"
)

// installed is a plugin in a folder as Load expects it, and a program that
// leaves a mark when it is run.
type installed struct {
	top, dir, program, manifest string
	evil, mark                  string
}

// install puts the test's program into a folder as the plugin acme/test. The
// manifest is that of the good role, in the version given.
func install(t *testing.T, version string, change ...func(*manifest.Manifest)) *installed {
	t.Helper()
	in := &installed{top: filepath.Join(t.TempDir(), "plugins")}
	in.put(t, version, change...)
	in.mark = filepath.Join(t.TempDir(), "ran")
	in.evil = filepath.Join(t.TempDir(), "evil")
	require.NoError(t, os.WriteFile(in.evil, []byte("#!/bin/sh\ntouch "+in.mark+"\n"), 0o755))
	return in
}

func (in *installed) put(t *testing.T, version string, change ...func(*manifest.Manifest)) {
	t.Helper()
	about, err := good(version).Manifest()
	require.NoError(t, err)
	in.dir = filepath.Join(in.top, "acme", "test", version, store.Platform())
	in.program = filepath.Join(in.dir, store.Platform(), "test")
	in.manifest = filepath.Join(in.dir, manifest.Name)
	require.NoError(t, os.MkdirAll(filepath.Dir(in.program), 0o755))
	self, err := os.Executable()
	require.NoError(t, err)
	copyFile(t, self, in.program)
	m, err := manifest.Package(about, kernelpb.Version, in.dir)
	require.NoError(t, err)
	for _, f := range change {
		f(m)
	}
	text, err := m.Encode()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(in.manifest, text, 0o644))
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	src, err := os.Open(from)
	require.NoError(t, err)
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(dst, src)
	require.NoError(t, err)
	require.NoError(t, dst.Close())
}

// refuses loads the plugin, which must fail without a trace: nothing was run and
// nothing is left.
func (in *installed) refuses(t *testing.T, o Options) error {
	t.Helper()
	o.Dirs = []string{in.top}
	reg, _ := open(t, "good", o)
	_, err := reg.Load(t.Context(), "acme/test")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "\n")
	assert.NoFileExists(t, in.mark, "what was refused ran")
	assert.Empty(t, reg.Loaded())
	assert.Empty(t, copies(t, reg), "a copy is left")
	return err
}

func copies(t *testing.T, reg *Registry) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(reg.dir.path, "copy-*"))
	require.NoError(t, err)
	return found
}

func TestLoad(t *testing.T) {
	in := install(t, "1.0.0")
	reg, _ := open(t, "good", Options{Dirs: []string{in.top}})
	all, err := reg.List()
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.Equal(t, in.dir, all[0].Dir)
	p, err := reg.Load(t.Context(), "acme/test")
	require.NoError(t, err)
	text, err := os.ReadFile(in.manifest)
	require.NoError(t, err)
	assert.Equal(t, manifest.Digest(text), p.ManifestDigest())
	assert.True(t, strings.HasPrefix(p.Path(), copies(t, reg)[0]), "the copy runs")
	same, err := reg.Load(t.Context(), "acme/test@1.0.0")
	require.NoError(t, err)
	assert.Same(t, p, same)
	assert.Len(t, copies(t, reg), 1)

	_, err = reg.Load(t.Context(), "acme/none")
	require.ErrorIs(t, err, ErrNotFound)
	_, err = reg.Load(t.Context(), "acme/test@2.0.0")
	require.ErrorIs(t, err, ErrNotFound)
	_, err = reg.Load(t.Context(), "../test")
	assert.ErrorContains(t, err, "is not of the form")
	require.NoError(t, p.Stop())
	assert.Empty(t, copies(t, reg), "the copy goes with the plugin")
}

func TestWhatIsNotVerifiedIsNeverRun(t *testing.T) {
	replace := func(in *installed) error {
		text, err := os.ReadFile(in.evil)
		if err != nil {
			return err
		}
		return os.WriteFile(in.program, text, 0o755)
	}
	for name, c := range map[string]struct {
		change func(in *installed) error
		want   error
	}{
		"another program": {replace, store.ErrContent},
		"another program of the same size": {func(in *installed) error {
			info, err := os.Stat(in.program)
			if err != nil {
				return err
			}
			if err := replace(in); err != nil {
				return err
			}
			return os.Truncate(in.program, info.Size())
		}, store.ErrContent},
		"a link to another program": {func(in *installed) error {
			_ = os.Remove(in.program)
			return os.Symlink(in.evil, in.program)
		}, store.ErrUnsafe},
		"a folder that is a link": {func(in *installed) error {
			_ = os.Rename(in.evil, filepath.Join(filepath.Dir(in.evil), "test"))
			_ = os.RemoveAll(filepath.Dir(in.program))
			return os.Symlink(filepath.Dir(in.evil), filepath.Dir(in.program))
		}, store.ErrUnsafe},
		"a folder for everybody": {func(in *installed) error { return os.Chmod(in.top, 0o777) }, store.ErrUnsafe},
		"no manifest":            {func(in *installed) error { _ = replace(in); return os.Remove(in.manifest) }, os.ErrNotExist},
		"a path with dots": {func(in *installed) error {
			text, err := os.ReadFile(in.manifest)
			if err != nil {
				return err
			}
			changed := strings.Replace(string(text), store.Platform()+"/test", "../../../../../evil", 1)
			return os.WriteFile(in.manifest, []byte(changed), 0o644)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			in := install(t, "1.0.0")
			require.NoError(t, c.change(in))
			err := in.refuses(t, Options{})
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
				return
			}
			var bad *manifest.Error
			require.ErrorAs(t, err, &bad)
			assert.ErrorContains(t, err, `holds ".."`)
		})
	}
}

func TestPolicyIsAskedBeforeAnythingRuns(t *testing.T) {
	key, err := trust.NewKey()
	require.NoError(t, err)
	stranger, err := trust.NewKey()
	require.NoError(t, err)
	lock := filepath.Join(t.TempDir(), trust.LockName)
	keys := trust.Policy{Keys: []trust.PublicKey{key.Public()}}
	in := install(t, "1.0.0")
	text, err := os.ReadFile(in.manifest)
	require.NoError(t, err)
	sign := func(k trust.PrivateKey, what string) {
		require.NoError(t, os.WriteFile(in.manifest+".sig", k.Sign([]byte(what)), 0o644))
	}
	require.ErrorIs(t, in.refuses(t, Options{Policy: trust.Policy{RequireLock: true}}), trust.ErrNotLocked)
	require.ErrorIs(t, in.refuses(t, Options{Policy: trust.Policy{RequireLock: true}, Lock: lock}), trust.ErrNotLocked)
	require.ErrorIs(t, in.refuses(t, Options{Policy: keys}), trust.ErrUnsigned)
	sign(stranger, string(text))
	require.ErrorIs(t, in.refuses(t, Options{Policy: keys}), trust.ErrUnknownKey)
	sign(key, "another manifest")
	require.ErrorIs(t, in.refuses(t, Options{Policy: keys}), trust.ErrSignature)
	require.NoError(t, os.WriteFile(lock, []byte("garbage"), 0o644))
	require.ErrorContains(t, in.refuses(t, Options{Lock: lock}), "plugins.lock:1: must be")
	require.NoError(t, os.Remove(lock))

	sign(key, string(text))
	reg, _ := open(t, "good", Options{Dirs: []string{in.top}, Policy: keys, Lock: lock})
	_, err = reg.Load(t.Context(), "acme/test")
	require.NoError(t, err)
	pinned, err := os.ReadFile(lock)
	require.NoError(t, err)
	assert.Contains(t, string(pinned), "acme/test 1.0.0 sha256:"+manifest.Digest(text), "what is new is pinned")

	require.NoError(t, reg.Close())

	// The same name and version with another manifest.
	in.put(t, "1.0.0", func(m *manifest.Manifest) { m.Kernels[0].Doc = "changed" })
	sign(key, string(text))
	require.ErrorIs(t, in.refuses(t, Options{Lock: lock}), trust.ErrLockMismatch)
	require.ErrorIs(t, in.refuses(t, Options{Lock: lock, Policy: trust.Policy{RequireLock: true}}), trust.ErrLockMismatch)
}

func TestPolicyRefusesPrograms(t *testing.T) {
	key, err := trust.NewKey()
	require.NoError(t, err)
	for want, policy := range map[error]trust.Policy{
		trust.ErrNotLocked: {RequireLock: true},
		trust.ErrUnsigned:  {Keys: []trust.PublicKey{key.Public()}},
	} {
		reg, self := open(t, "good", Options{Policy: policy})
		_, err := reg.LoadFile(t.Context(), self)
		require.ErrorIs(t, err, want)
	}
}

func TestDescriptionDiffersFromTheManifest(t *testing.T) {
	in := install(t, "1.0.0")
	reg, _ := open(t, "altered", Options{Dirs: []string{in.top}})
	_, err := reg.Load(t.Context(), "acme/test")
	require.ErrorIs(t, err, ErrDescribe)
	require.ErrorIs(t, err, manifest.ErrDiffers)
	assert.ErrorContains(t, err, "plugin "+in.dir+" did not start")
	about, aboutErr := good("1.0.0").Manifest()
	require.NoError(t, aboutErr)
	n := len(about.Kernels)
	assert.ErrorContains(t, err, fmt.Sprintf("at kernels the manifest has %d entries, the program says %d", n, n+1))
	assert.Empty(t, reg.Loaded())
	assert.Empty(t, copies(t, reg))

	reg, _ = open(t, "newer", Options{Dirs: []string{in.top}})
	_, err = reg.Load(t.Context(), "acme/test")
	require.ErrorIs(t, err, manifest.ErrDiffers)
	assert.ErrorContains(t, err, `at version the manifest has "1.0.0", the program says "2.0.0"`)
}

func TestNoCommonProtocolIsSeenBeforeAnythingRuns(t *testing.T) {
	in := install(t, "1.0.0", func(m *manifest.Manifest) { m.Protocols = []int{7, 8} })
	err := in.refuses(t, Options{StartTimeout: 1})
	require.ErrorIs(t, err, ErrProtocol)
	assert.ErrorContains(t, err, "the plugin speaks [7 8], the host [1]")
}

func TestDuplicateKernelName(t *testing.T) {
	in := install(t, "1.0.0")
	text, err := os.ReadFile(in.manifest)
	require.NoError(t, err)
	changed := strings.Replace(string(text), `"name": "slope"`, `"name": "square"`, 1)
	require.NoError(t, os.WriteFile(in.manifest, []byte(changed), 0o644))
	err = in.refuses(t, Options{})
	var bad *spec.InvalidError
	require.ErrorAs(t, err, &bad)
	assert.ErrorContains(t, err, "plugin.json: kernels[1]: square: declared twice")
}

func TestTwoFoldersProvideOnePlugin(t *testing.T) {
	one, two := install(t, "1.0.0"), install(t, "1.1.0")
	reg, _ := open(t, "good", Options{Dirs: []string{one.top, two.top}})
	_, err := reg.Load(t.Context(), "acme/test")
	require.ErrorIs(t, err, ErrAmbiguous)
	assert.ErrorContains(t, err, one.dir)
	assert.ErrorContains(t, err, two.dir)
}

// The program in the folder is replaced after it was checked: what runs, also
// after a crash, is the copy.
func TestProgramIsSwappedAfterTheCheck(t *testing.T) {
	in := install(t, "1.0.0")
	reg, _ := open(t, "good", Options{Dirs: []string{in.top}})
	p, err := reg.Load(t.Context(), "acme/test")
	require.NoError(t, err)
	require.NoError(t, os.Remove(in.program))
	require.NoError(t, os.Symlink(in.evil, in.program))
	_, err = p.Run(t.Context(), "exits", vector)
	require.Error(t, err)
	_, err = p.Run(t.Context(), "square", vector)
	require.NoError(t, err)
	assert.NoFileExists(t, in.mark)
	same, err := reg.Load(t.Context(), "acme/test")
	require.NoError(t, err)
	assert.Same(t, p, same, "it is the plugin that was checked")
	require.NoError(t, p.Stop())
	_, err = reg.Load(t.Context(), "acme/test")
	require.ErrorIs(t, err, store.ErrUnsafe)
	assert.NoFileExists(t, in.mark)
}

// Another package of the same name and version in place of a loaded one.
func TestReplacedPackageIsStale(t *testing.T) {
	in := install(t, "1.0.0")
	reg, _ := open(t, "good", Options{Dirs: []string{in.top}})
	p, err := reg.Load(t.Context(), "acme/test")
	require.NoError(t, err)
	in.put(t, "1.0.0", func(m *manifest.Manifest) { m.Files = m.Files[:0]; m.Kernels[0].Doc = "new" })
	_, err = reg.Load(t.Context(), "acme/test")
	require.ErrorIs(t, err, ErrStale)
	_, err = p.Run(t.Context(), "square", vector)
	require.NoError(t, err, "what is loaded works on")
}

// Somebody swaps the program, as a file and as a link, while it is loaded again
// and again. Each time either the right one runs or none.
func TestProgramIsSwappedDuringTheCheck(t *testing.T) {
	in := install(t, "1.0.0")
	keep := in.program + ".keep"
	require.NoError(t, os.Rename(in.program, keep))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		temp := in.program + ".new"
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.Remove(temp)
			switch i % 4 {
			case 0:
				_ = os.Symlink(in.evil, temp)
			case 2:
				_ = os.Link(in.evil, temp)
			default:
				_ = os.Link(keep, temp)
			}
			_ = os.Rename(temp, in.program)
			time.Sleep(time.Duration(1+i%2*20) * time.Millisecond) // longer where it is the right one
		}
	})
	reg, _ := open(t, "good", Options{Dirs: []string{in.top}})
	loaded, refused := 0, 0
	for begin := time.Now(); loaded < 5 || refused < 20; {
		require.Less(t, time.Since(begin), 5*time.Minute, "a busy machine takes long, but not so long")
		p, err := reg.Load(t.Context(), "acme/test")
		if err != nil {
			refused++
			var e *store.Error
			require.ErrorAs(t, err, &e)
			continue
		}
		loaded++
		_, err = p.Run(t.Context(), "square", vector)
		require.NoError(t, err)
		require.NoError(t, p.Stop())
	}
	close(stop)
	wg.Wait()
	assert.NoFileExists(t, in.mark)
}
