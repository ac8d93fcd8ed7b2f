package mlxio

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/adjoint-go/adjoint/core"
)

// Compression says how an npz file holds its arrays.
type Compression int

// Stored is as fast as the disk. Compressed deflates: slow, and of little use
// for trained weights, but good for masks and labels.
const (
	Stored Compression = iota
	Compressed
)

// deflateMost is how much one deflated byte can become, by the format.
const deflateMost = 1032

// LoadNPZ reads the arrays of an npz file by their names.
func LoadNPZ(path string) (map[string]*core.Array, error) {
	f, head, size, err := open(path)
	if err != nil {
		return nil, fault(path, NPZ, "", err)
	}
	defer f.Close()
	arrays, err := readNPZ(f, size, head)
	return arrays, fault(path, NPZ, "", err)
}

// ReadNPZ reads arrays from r. A zip ends with its directory, so all of r is
// read into memory first.
func ReadNPZ(r io.Reader) (map[string]*core.Array, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fault("", NPZ, "", err)
	}
	arrays, err := readNPZ(bytes.NewReader(b), int64(len(b)), b)
	return arrays, fault("", NPZ, "", err)
}

// SaveNPZ writes arrays as an npz file, which is replaced at once or, on an
// error, not at all. Equal arrays give equal files.
func SaveNPZ(path string, arrays map[string]*core.Array, c Compression) error {
	return saveFile(path, NPZ, arrays, func(w io.Writer) error { return writeNPZ(w, arrays, c) })
}

// WriteNPZ writes arrays to w.
func WriteNPZ(w io.Writer, arrays map[string]*core.Array, c Compression) error {
	if err := evaluate(arrays); err != nil {
		return fault("", NPZ, "", err)
	}
	return fault("", NPZ, "", writeNPZ(w, arrays, c))
}

func readNPZ(r io.ReaderAt, size int64, head []byte) (arrays map[string]*core.Array, err error) {
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // nothing is unpacked to disk
		switch {
		case errors.Is(err, zip.ErrFormat) && (formatOfData(head) == NPZ || strings.HasPrefix(zipMagic, string(head))):
			return nil, fmt.Errorf("%w: the directory at the end is missing", ErrTruncated)
		case errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrAlgorithm), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
			return nil, corrupt("%v", err)
		}
		return nil, err
	}
	if err := checkEntries(z.File, size); err != nil {
		return nil, err
	}
	arrays = make(map[string]*core.Array, len(z.File))
	defer func() {
		if err != nil {
			freeAll(arrays)
			arrays = nil
		}
	}()
	for _, f := range z.File {
		name := strings.TrimSuffix(f.Name, ".npy")
		a, err := readEntry(f)
		if err != nil {
			return arrays, at(array(name), err)
		}
		arrays[name] = a
	}
	return arrays, nil
}

// checkEntries checks all entries before anything is allocated for one. Since
// their packed sizes must fit in the file together, entries that share their
// bytes, as those of zip bombs do, are found.
func checkEntries(files []*zip.File, size int64) error {
	seen := make(map[string]bool, len(files))
	packed := uint64(0)
	for _, f := range files {
		name, isArray := strings.CutSuffix(f.Name, ".npy")
		where := array(name)
		switch {
		case !isArray:
			return at("entry "+quote(f.Name), unsupported("a zip with entries that are no .npy files"))
		case seen[name]:
			return at(where, corrupt("the name is there twice"))
		case f.Flags&1 != 0:
			return at(where, unsupported("encryption: decrypt the file first"))
		case f.Method != zip.Store && f.Method != zip.Deflate:
			return at(where, unsupported("zip method %d: save with numpy.savez or numpy.savez_compressed", f.Method))
		case f.Method == zip.Store && f.CompressedSize64 != f.UncompressedSize64:
			return at(where, corrupt("%d bytes are stored as %d", f.UncompressedSize64, f.CompressedSize64))
		case f.CompressedSize64 > uint64(size) || packed+f.CompressedSize64 > uint64(size):
			return at(where, corrupt("the entries are larger than the file"))
		case f.UncompressedSize64/deflateMost > f.CompressedSize64:
			return at(where, corrupt("%d bytes cannot be packed into %d", f.UncompressedSize64, f.CompressedSize64))
		}
		seen[name] = true
		packed += f.CompressedSize64
	}
	return nil
}

func readEntry(f *zip.File) (*core.Array, error) {
	r, err := f.Open()
	if err != nil {
		return nil, readError(err, 0)
	}
	defer r.Close()
	s := &source{r: r, left: int64(f.UncompressedSize64), local: true}
	a, err := readNPY(s)
	if err != nil {
		return nil, err
	}
	// Only at the end does zip compare the checksum.
	var more [1]byte
	n, err := r.Read(more[:])
	switch {
	case n > 0 || s.left > 0:
		err = corrupt("bytes follow the array")
	case errors.Is(err, io.EOF):
		return a, nil
	case err == nil:
		err = corrupt("the entry does not end")
	default:
		err = corrupt("%v", err)
	}
	free(a)
	return nil, err
}

func writeNPZ(w io.Writer, arrays map[string]*core.Array, c Compression) error {
	method := zip.Store
	switch c {
	case Stored:
	case Compressed:
		method = zip.Deflate
	default:
		return unsupported("Compression(%d): use Stored or Compressed", c)
	}
	z := zip.NewWriter(w)
	for _, name := range names(arrays) {
		if err := checkName(name); err != nil {
			return at(array(name), err)
		}
		// A fixed time, so that equal arrays give equal files.
		e, err := z.CreateHeader(&zip.FileHeader{
			Name: name + ".npy", Method: method, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC),
		})
		if err == nil {
			err = writeNPY(e, arrays[name])
		}
		if err != nil {
			return at(array(name), err)
		}
	}
	return z.Close()
}

// checkName refuses names that other readers would change.
func checkName(name string) error {
	const most = 60000 // zip and gguf count in 16 bits
	switch {
	case !utf8.ValidString(name):
		return unsupported("a name that is not UTF-8: rename it")
	case strings.ContainsRune(name, 0):
		return unsupported("a zero byte in a name: rename it")
	case len(name) > most:
		return unsupported("a name of %d bytes: at most %d are", len(name), most)
	}
	return nil
}
