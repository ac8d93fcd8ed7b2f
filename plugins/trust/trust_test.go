package trust

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

func claim(text string) Claim { return Claim{ID: "acme/sq", Version: "1.0.0", Manifest: []byte(text)} }

func key(t testing.TB) PrivateKey {
	k, err := NewKey()
	require.NoError(t, err)
	return k
}

func TestPolicy(t *testing.T) {
	mine, theirs := key(t), key(t)
	pinned, err := ParseLock("l", []byte(lockHead+"\nacme/sq 1.0.0 sha256:"+digest+"\n"))
	require.NoError(t, err)
	empty, err := ParseLock("l", []byte(lockHead+"\n"))
	require.NoError(t, err)
	signed := func(by ...PrivateKey) Claim {
		c := claim("{}")
		for _, k := range by {
			c.Signatures = append(c.Signatures, k.Sign(c.Manifest)...)
		}
		return c
	}
	otherText := signed(mine)
	otherText.Manifest = []byte("{} ")
	keys := []PublicKey{mine.Public()}
	for name, c := range map[string]struct {
		policy Policy
		claim  Claim
		lock   *Lock
		want   error
	}{
		"first use":               {Policy{}, claim("{}"), nil, nil},
		"first use, empty lock":   {Policy{}, claim("{}"), empty, nil},
		"pinned":                  {Policy{}, claim("{}"), pinned, nil},
		"changed":                 {Policy{}, claim("{} "), pinned, ErrLockMismatch},
		"changed, also if signed": {Policy{Keys: keys}, otherText, pinned, ErrLockMismatch},
		"required":                {Policy{RequireLock: true}, claim("{}"), pinned, nil},
		"required, changed":       {Policy{RequireLock: true}, claim("[]"), pinned, ErrLockMismatch},
		"required, missing":       {Policy{RequireLock: true}, claim("{}"), empty, ErrNotLocked},
		"required, no lock":       {Policy{RequireLock: true}, claim("{}"), nil, ErrNotLocked},
		"signed":                  {Policy{Keys: keys}, signed(mine), nil, nil},
		"signed by both":          {Policy{Keys: keys}, signed(theirs, mine), nil, nil},
		"signed by another":       {Policy{Keys: keys}, signed(theirs), nil, ErrUnknownKey},
		"unsigned":                {Policy{Keys: keys}, claim("{}"), nil, ErrUnsigned},
		"signed otherwise":        {Policy{Keys: keys}, otherText, nil, ErrSignature},
		"signed, not locked":      {Policy{Keys: keys, RequireLock: true}, signed(mine), empty, ErrNotLocked},
		"locked, not signed":      {Policy{Keys: keys, RequireLock: true}, claim("{}"), pinned, ErrUnsigned},
	} {
		err := c.policy.Check(c.claim, c.lock)
		if c.want == nil {
			assert.NoError(t, err, name)
			continue
		}
		var e *Error
		require.ErrorAs(t, err, &e, name)
		assert.ErrorIs(t, err, c.want, name)
		assert.Equal(t, "acme/sq 1.0.0", e.Plugin)
		assert.NotContains(t, err.Error(), "\n")
	}
}

func TestSignaturesAreStrict(t *testing.T) {
	k := key(t)
	line := string(k.Sign([]byte("{}")))
	signers, err := Signers([]byte("{}"), []byte(line+line))
	require.NoError(t, err)
	assert.Len(t, signers, 2)
	words := strings.Fields(line)
	flipped := "A"
	if words[2][0] == 'A' {
		flipped = "B"
	}
	for want, text := range map[string]string{
		"0 bytes":                    "",
		"4097 bytes":                 strings.Repeat("x", 4097),
		"was it cut off":             line[:len(line)-1],
		"line 1 is not":              "\n",
		"line 2 is not":              line + "\n",
		"the key is no ed25519":      words[0] + " AAAA " + words[2] + "\n",
		"the signature is no ed":     words[0] + " " + words[1] + " AAAA\n",
		"did not sign":               words[0] + " " + words[1] + " " + flipped + words[2][1:] + "\n",
		"did not sign this manifest": strings.Replace(line, words[1], key(t).Public().String(), 1),
		"line 17 is not":             strings.Repeat(line, 17),
	} {
		_, err := Signers([]byte("{}"), []byte(text))
		assert.ErrorContains(t, err, want)
	}
	assert.NotEqual(t, k.Sign([]byte("{}")), k.Sign([]byte("{} ")))
}

func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, text []byte, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, text, mode))
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	k := key(t)
	private, public := file("k", k.Encode(), 0o600), file("k.pub", k.Public().Encode(), 0o644)
	back, err := ReadPrivateKey(private)
	require.NoError(t, err)
	assert.Equal(t, k, back)
	pub, err := ReadPublicKey(public)
	require.NoError(t, err)
	assert.True(t, pub.Equal(k.Public()))
	_, err = Signers([]byte("x"), back.Sign([]byte("x")))
	assert.NoError(t, err)

	_, err = ReadPublicKey(private)
	assert.ErrorContains(t, err, "this is a private key; give the .pub file")
	var e *FileError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, private, e.Path)
	_, err = ReadPrivateKey(public)
	assert.ErrorContains(t, err, "others may read")
	_, err = ReadPrivateKey(file("p", k.Public().Encode(), 0o600))
	assert.ErrorContains(t, err, "it is not one line")
	_, err = ReadPrivateKey(file("open", k.Encode(), 0o640))
	assert.ErrorIs(t, err, os.ErrPermission)
	_, err = ReadPublicKey(filepath.Join(dir, "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = ReadPublicKey(file("short", []byte(publicWord+" AAAA\n"), 0o600))
	assert.ErrorContains(t, err, "it is not one line")
	_, err = ReadPublicKey(file("empty", nil, 0o600))
	assert.ErrorContains(t, err, "it is not one line")
	_, err = ReadPublicKey(dir)
	assert.Error(t, err)
}

func TestLockIsStrict(t *testing.T) {
	line := "acme/sq 1.0.0 sha256:" + digest + "\n"
	for _, c := range []struct {
		text string
		line int
		want string
	}{
		{"", 1, `must be "adjoint plugins.lock 1", is ""`},
		{lockHead, 1, "must be"},
		{"adjoint plugins.lock 2\n", 1, `is "adjoint plugins.lock 2"`},
		{lockHead + "\r\n", 1, "must be"},
		{lockHead + "\n\n", 2, "must be \"org/name 1.2.3 sha256:…\""},
		{lockHead + "\n" + line + line, 3, "acme/sq 1.0.0 is pinned twice"},
		{lockHead + "\n" + line[:len(line)-1], 2, "was the file cut off?"},
		{lockHead + "\n" + line[:40], 2, "was the file cut off?"},
		{lockHead + "\n<<<<<<< ours\n" + line, 2, `is "<<<<<<< ours"`},
		{lockHead + "\n" + strings.Replace(line, " ", "  ", 1), 2, "must be"},
		{lockHead + "\n" + strings.Replace(line, "acme/", "", 1), 2, `"sq" is not of the form org/name`},
		{lockHead + "\n" + strings.Replace(line, "1.0.0", "1", 1), 2, `"1" is no version`},
		{lockHead + "\n" + strings.Replace(line, "sha256", "md5", 1), 2, "is not sha256:"},
		{lockHead + "\n" + strings.ToUpper(line), 2, "not of the form org/name"},
		{lockHead + "\n" + strings.Replace(line, "4413", "441", 1), 2, "is not sha256:"},
		{strings.Repeat("x", MaxLock+1), 0, "more than 1048576 bytes"},
	} {
		_, err := ParseLock("dir/plugins.lock", []byte(c.text))
		var e *FileError
		require.ErrorAs(t, err, &e, c.want)
		assert.Equal(t, c.line, e.Line)
		assert.ErrorContains(t, err, c.want)
		assert.NotContains(t, err.Error(), "\n")
	}
	many := lockHead + "\n"
	for i := range MaxPins + 1 {
		many += fmt.Sprintf("a/b 1.0.%d sha256:%s\n", i, digest)
	}
	_, err := ParseLock("l", []byte(many))
	assert.ErrorContains(t, err, "l:4098: more than 4096 plugins")
}

func TestLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), LockName)
	set := func(id, version string) error {
		return UpdateLock(path, func(l *Lock) error { l.Set(id, version, []byte("{}")); return nil })
	}
	l, err := ReadLock(path)
	require.NoError(t, err, "a missing file pins nothing")
	assert.Empty(t, l.Pins())
	require.NoError(t, UpdateLock(path, func(*Lock) error { return nil }))
	assert.NoFileExists(t, path, "nothing changed")

	require.NoError(t, set("b/b", "1.0.0"))
	require.NoError(t, set("a/z", "2.0.0"))
	require.NoError(t, set("a/z", "1.0.0"))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, lockHead+"\na/z 1.0.0 sha256:"+digest+"\na/z 2.0.0 sha256:"+digest+"\nb/b 1.0.0 sha256:"+digest+"\n", string(text))
	l, err = ReadLock(path)
	require.NoError(t, err)
	assert.Equal(t, []Pin{{"a/z", "1.0.0"}, {"a/z", "2.0.0"}, {"b/b", "1.0.0"}}, l.Pins())
	assert.True(t, l.Has("a/z", ""))
	assert.False(t, l.Has("a/z", "3.0.0"))

	stop := errors.New("stop")
	require.ErrorIs(t, UpdateLock(path, func(l *Lock) error { l.Delete("b/b", "1.0.0"); return stop }), stop)
	again, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, text, again, "an error changes nothing")
	require.NoError(t, UpdateLock(path, func(l *Lock) error { l.Delete("b/b", "1.0.0"); return nil }))

	require.NoError(t, os.WriteFile(path, []byte("garbage"), 0o600))
	require.ErrorContains(t, set("b/b", "1.0.0"), "plugins.lock:1: must be")
	_, err = ReadLock(t.TempDir())
	var e *FileError
	require.ErrorAs(t, err, &e)
	require.ErrorAs(t, UpdateLock(filepath.Join(path, "x", LockName), nil), &e)
	assert.ErrorIs(t, e, syscall.ENOTDIR)
}

// Updates at the same time all take effect, and a reader never sees half a file.
func TestLockUpdatesAtTheSameTime(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, LockName)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 5 {
				err := UpdateLock(path, func(l *Lock) error {
					l.Set("a/b", fmt.Sprintf("%d.%d.0", i, j), []byte("{}"))
					return nil
				})
				assert.NoError(t, err)
				_, err = ReadLock(path)
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	l, err := ReadLock(path)
	require.NoError(t, err)
	assert.Len(t, l.Pins(), 40)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1, "no temporary file is left")
}

func TestLockThatCannotBeWrittenStays(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, LockName)
	require.NoError(t, os.Mkdir(path, 0o700)) // a folder cannot be replaced by a file
	err := UpdateLock(path, func(*Lock) error { return nil })
	assert.Error(t, err)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1)
}

func FuzzLock(f *testing.F) {
	f.Add([]byte(lockHead + "\na/z 1.0.0 sha256:" + digest + "\na/z 2.0.0-rc.1 sha256:" + digest + "\n"))
	f.Add([]byte(lockHead + "\n"))
	f.Add([]byte(lockHead + "\n\n a/b 1.0.0 sha256:\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := ParseLock("l", text)
		if err != nil {
			var e *FileError
			require.ErrorAs(t, err, &e)
			require.NotContains(t, err.Error(), "\n")
			return
		}
		back, err := ParseLock("l", l.Encode())
		require.NoError(t, err)
		require.Equal(t, l, back)
		require.Len(t, l.Encode(), len(text), "only the order changes")
	})
}

func FuzzSignatures(f *testing.F) {
	k := key(f)
	f.Add([]byte("{}"), k.Sign([]byte("{}")))
	f.Add([]byte("{}"), []byte(signatureWord+" A= B=\n"))
	f.Fuzz(func(t *testing.T, text, signatures []byte) {
		signers, err := Signers(text, signatures)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		require.NotEmpty(t, signers)
	})
}
