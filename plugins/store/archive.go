package store

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/adjoint-go/adjoint/plugins/manifest"
	"github.com/adjoint-go/adjoint/plugins/trust"
)

// Limits on an archive.
const (
	maxEntries  = 4 * manifest.MaxFiles
	maxUnpacked = manifest.MaxPackage + 16<<20 // bytes: the files, what describes them, and the manifest
)

// archive is a package in a tar or tar.gz file. It is read from its beginning
// each time, so that nothing of it is unpacked before the manifest is known.
type archive struct {
	path string
	file *os.File
}

func openArchive(ctx context.Context, name string) (*Package, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, system(name, err)
	}
	a := archive{name, f}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		_ = f.Close()
		return nil, fail(name, ErrArchive, "it is neither a folder nor a plain file")
	}
	var text, signatures []byte
	deep := ""
	err = a.walk(ctx, func(entry string, _ int64, r io.Reader) (err error) {
		switch {
		case entry == manifest.Name:
			text, err = readAll(filepath.Join(name, entry), r, manifest.MaxBytes)
		case entry == manifest.SignatureName:
			signatures, err = readAll(filepath.Join(name, entry), r, trust.MaxSignatures)
		case path.Base(entry) == manifest.Name:
			deep = entry
		}
		return err
	})
	if err == nil && text == nil {
		err = fail(name, ErrArchive, "it has no %s", manifest.Name)
		if deep != "" {
			err = fail(name, ErrArchive, "%s must be at its top and is at %s; pack with tar -C FOLDER .", manifest.Name, clip(deep))
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return newPackage(name, text, signatures, a)
}

func (a archive) close() error { return a.file.Close() }

func (a archive) each(ctx context.Context, want map[string]manifest.File, visit func(manifest.File, int64, io.Reader) error) error {
	return a.walk(ctx, func(name string, size int64, r io.Reader) error {
		if f, ok := want[name]; ok {
			return visit(f, size, r)
		}
		return nil
	})
}

// walk calls visit for every file of the archive. An entry that a package cannot
// hold ends it: a link, a device, a path that leads out, the same path twice.
func (a archive) walk(ctx context.Context, visit func(name string, size int64, r io.Reader) error) error {
	unpacked, err := a.unpack(ctx)
	if err != nil {
		return err
	}
	t := tar.NewReader(unpacked)
	seen := make(map[string]bool)
	for n := 0; ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			// What follows the end is read too, for the sake of gzip's checksum.
			_, err = io.Copy(io.Discard, unpacked)
			return err
		}
		if err != nil {
			return a.damaged(err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if n++; n > maxEntries {
			return fail(a.path, ErrLimit, "it has more than %d entries", maxEntries)
		}
		name, err := a.entry(h)
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		if seen[name] {
			return fail(a.path, ErrArchive, "%q is in it twice", clip(name))
		}
		seen[name] = true
		if h.Size > manifest.MaxPackage {
			return fail(a.path, ErrLimit, "%q has %d bytes", clip(name), h.Size)
		}
		if err := visit(name, h.Size, t); err != nil {
			return a.damaged(err)
		}
	}
}

// entry checks what an entry is and returns its path.
func (a archive) entry(h *tar.Header) (string, error) {
	kinds := map[byte]string{
		tar.TypeSymlink: "a symbolic link", tar.TypeLink: "a hard link", tar.TypeChar: "a device",
		tar.TypeBlock: "a device", tar.TypeFifo: "a named pipe",
	}
	name := strings.TrimPrefix(h.Name, "./")
	switch {
	case kinds[h.Typeflag] != "":
		return "", fail(a.path, ErrArchive, "%q is %s; a package holds plain files", clip(h.Name), kinds[h.Typeflag])
	case h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir:
		return "", fail(a.path, ErrArchive, "%q is of the kind %q; a package holds plain files", clip(h.Name), h.Typeflag)
	case h.Typeflag == tar.TypeDir:
		if name = strings.TrimSuffix(name, "/"); name == "" || name == "." {
			return "", nil
		}
	}
	if !manifest.ValidPath(name) {
		return "", fail(a.path, ErrArchive, "%q is no path below the package's folder", clip(h.Name))
	}
	return name, nil
}

// damaged explains an error of the archive's readers.
func (a archive) damaged(err error) error {
	var known *Error
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fail(a.path, ErrArchive, "it is cut off")
	case errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return fail(a.path, ErrArchive, "%v", err)
}

// unpack returns the archive's bytes from the beginning, at most maxUnpacked.
func (a archive) unpack(ctx context.Context) (io.Reader, error) {
	if _, err := a.file.Seek(0, io.SeekStart); err != nil {
		return nil, system(a.path, err)
	}
	raw := bufio.NewReaderSize(a.file, 1<<16)
	var r io.Reader = raw
	if head, _ := raw.Peek(2); string(head) == "\x1f\x8b" {
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, a.damaged(err)
		}
		r = z
	}
	return &bounded{ctx: ctx, archive: a, from: r, left: maxUnpacked}, nil
}

// bounded ends with an error where a package would be too large, and when ctx
// ends.
type bounded struct {
	ctx     context.Context
	archive archive
	from    io.Reader
	left    int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if b.left <= 0 {
		return 0, fail(b.archive.path, ErrLimit, "it unpacks to more than %d bytes", int64(maxUnpacked))
	}
	n, err := b.from.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.archive.damaged(err)
	}
	return n, err
}
