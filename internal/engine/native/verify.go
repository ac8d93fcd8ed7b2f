package native

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// manifestLimit bounds what is read of an engine.json; a CUDA engine's has about 20 KB.
const manifestLimit = 4 << 20

// ReadManifest reads the manifest of the engine in dir. The error is of a kind that [errors.Is] fs.ErrNotExist when
// there is none, else a *DamagedError.
func ReadManifest(dir string) (*Manifest, error) {
	f, err := os.Open(filepath.Join(dir, ManifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, &DamagedError{Dir: dir, File: ManifestName, Err: bare(err)}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, manifestLimit))
	if err != nil {
		return nil, &DamagedError{Dir: dir, File: ManifestName, Err: bare(err)}
	}
	m, err := DecodeManifest(data)
	if err != nil {
		return nil, &DamagedError{Dir: dir, File: ManifestName, Err: err}
	}
	return m, nil
}

// Check reads the manifest of the engine in dir and compares its files with it: a file whose size and time are the
// recorded ones is taken to be whole, any other is read and its digest compared. With all set, every file is read.
func Check(dir string, all bool) (*Manifest, error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range m.Files {
		if err := f.verify(dir, all); err != nil {
			return nil, &DamagedError{Dir: dir, Backend: m.Backend, File: f.Path, Err: err}
		}
	}
	return m, nil
}

func (f File) verify(dir string, all bool) error {
	path := Abs(dir, f.Path)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("it is missing")
	case err != nil:
		return bare(err)
	case !info.Mode().IsRegular():
		return errors.New("it is no regular file")
	case info.Size() != f.Size:
		return fmt.Errorf("it has %d bytes, not %d", info.Size(), f.Size)
	}
	touched := info.ModTime().UnixNano() != f.MTime
	if !touched && !all {
		return nil
	}
	sum, err := Digest(path)
	switch {
	case err != nil:
		return bare(err)
	case sum != f.SHA256:
		return errors.New("its contents changed")
	}
	if touched {
		// Only the time differs, as after a copy: the recorded one spares the next start this reading. Where it
		// cannot be set, that start reads again.
		_ = os.Chtimes(path, time.Time{}, time.Unix(0, f.MTime))
	}
	return nil
}

// Describe returns the File of a path of an engine in dir.
func Describe(dir, path string) (File, error) {
	info, err := os.Stat(Abs(dir, path))
	if err != nil {
		return File{}, err
	}
	sum, err := Digest(Abs(dir, path))
	if err != nil {
		return File{}, err
	}
	return File{Path: path, Size: info.Size(), MTime: info.ModTime().UnixNano(), SHA256: sum}, nil
}

// Digest returns the SHA-256 digest of a file.
func Digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// bare returns an error without the path that the caller's message already has.
func bare(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}
