package mlxio_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core/mlxio"
)

func npyData(header string, data string) []byte {
	b := []byte("\x93NUMPY\x01\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	return append(append(b, header...), data...)
}

func safetensorsData(header string, data string) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

// ggufData makes a gguf file of the numbers and strings after the magic.
func ggufData(parts ...any) []byte {
	b := []byte("GGUF")
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			b = append(binary.LittleEndian.AppendUint64(b, uint64(len(p))), p...)
		case []byte:
			b = append(b, p...)
		default:
			b, _ = binary.Append(b, binary.LittleEndian, p)
		}
	}
	return b
}

func zipData(t testing.TB, change func(h *zip.FileHeader), files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		h := &zip.FileHeader{Name: files[i], Method: zip.Store}
		data := []byte(files[i+1])
		h.UncompressedSize64, h.CompressedSize64 = uint64(len(data)), uint64(len(data))
		if change != nil {
			change(h)
		}
		w, err := z.CreateRaw(h)
		require.NoError(t, err)
		_, err = w.Write(data)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

type u32 = uint32
type u64 = uint64

// sharedZip is a zip whose entries a.npy and b.npy have the same bytes.
func sharedZip(t testing.TB, data string) []byte {
	t.Helper()
	z := zipData(t, nil, "a.npy", data)
	directory := bytes.Index(z, []byte("PK\x01\x02"))
	end := bytes.Index(z, []byte(zipEnd))
	one := z[directory:end]
	other := bytes.Replace(one, []byte("a.npy"), []byte("b.npy"), 1)
	tail := bytes.Clone(z[end:])
	binary.LittleEndian.PutUint16(tail[8:], 2)
	binary.LittleEndian.PutUint16(tail[10:], 2)
	binary.LittleEndian.PutUint32(tail[12:], uint32(2*len(one)))
	return slices.Concat(z[:end], other, tail)
}

const zipEnd = "PK\x05\x06"

// brokenFile is a file and what its error should say.
type brokenFile struct {
	format mlxio.Format
	data   []byte
	kind   error
	says   string
}

func brokenFiles(t testing.TB) map[string]brokenFile {
	const f4 = `{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }`
	npy := func(shape, data string) []byte { return npyData(fmt.Sprintf(f4, shape), data) }
	entry := func(dtype, shape, offsets string) string {
		return fmt.Sprintf(`{"w":{"dtype":"%s","shape":%s,"data_offsets":%s}}`, dtype, shape, offsets)
	}
	good := string(npy("1,", "\x00\x00\x80\x3f"))
	one := u64(1)
	return map[string]brokenFile{
		"npy magic":          {mlxio.NPY, []byte("\x93NUMPX\x01\x00\x10\x00"), mlxio.ErrCorrupt, "do not start as npy"},
		"npy version":        {mlxio.NPY, []byte("\x93NUMPY\x07\x00\x10\x00"), mlxio.ErrUnsupported, "npy version 7.0"},
		"npy header size":    {mlxio.NPY, []byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"), mlxio.ErrCorrupt, "a header of 4294967295 bytes"},
		"npy no dict":        {mlxio.NPY, npyData("(1, 2)", ""), mlxio.ErrCorrupt, "not the fields"},
		"npy code":           {mlxio.NPY, npyData("{'descr': __import__('os')}", ""), mlxio.ErrCorrupt, "no Python literal"},
		"npy twice":          {mlxio.NPY, npyData("{'descr': '<f4', 'descr': '<f4'}", ""), mlxio.ErrCorrupt, "no Python literal"},
		"npy deep":           {mlxio.NPY, npyData(strings.Repeat("(", 60000), ""), mlxio.ErrCorrupt, "no Python literal"},
		"npy negative":       {mlxio.NPY, npy("-1,", ""), mlxio.ErrCorrupt, "no Python literal"},
		"npy shape of text":  {mlxio.NPY, npy("'a',", ""), mlxio.ErrCorrupt, "the shape holds a"},
		"npy huge":           {mlxio.NPY, npy("2000000000, 2000000000", ""), mlxio.ErrCorrupt, "too large"},
		"npy overflow":       {mlxio.NPY, npy("65536, 65536, 65536, 65536", ""), mlxio.ErrCorrupt, "too large"},
		"npy long axis":      {mlxio.NPY, npy("9223372036854775807,", ""), mlxio.ErrUnsupported, "axis 0 has"},
		"npy too long axis":  {mlxio.NPY, npy("9223372036854775808,", ""), mlxio.ErrCorrupt, "no Python literal"},
		"npy axes":           {mlxio.NPY, npy(strings.Repeat("1, ", 33), ""), mlxio.ErrUnsupported, "33 axes"},
		"npy empty and huge": {mlxio.NPY, npy("2000000000, 2000000000, 0", ""), mlxio.ErrUnsupported, "an empty array"},
		"npy short":          {mlxio.NPY, npy("1000000,", "1234"), mlxio.ErrTruncated, "4000000 bytes are declared at byte 73, 4 are there"},
		"npy long":           {mlxio.NPY, npy("1,", "12345678"), mlxio.ErrCorrupt, "4 bytes follow"},
		"npy bool":           {mlxio.NPY, npyData("{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", "\x01\x02"), mlxio.ErrCorrupt, "a bool is 0 or 1"},

		"npz entry":       {mlxio.NPZ, zipData(t, nil, "data.pkl", "x"), mlxio.ErrUnsupported, `entry "data.pkl"`},
		"npz twice":       {mlxio.NPZ, zipData(t, nil, "w.npy", good, "w.npy", good), mlxio.ErrCorrupt, `array "w": corrupt, get the file again: the name is there twice`},
		"npz encrypted":   {mlxio.NPZ, zipData(t, func(h *zip.FileHeader) { h.Flags |= 1 }, "w.npy", good), mlxio.ErrUnsupported, "encryption"},
		"npz method":      {mlxio.NPZ, zipData(t, func(h *zip.FileHeader) { h.Method = 14 }, "w.npy", good), mlxio.ErrUnsupported, "zip method 14"},
		"npz checksum":    {mlxio.NPZ, zipData(t, func(h *zip.FileHeader) { h.CRC32 = 7 }, "w.npy", good), mlxio.ErrCorrupt, "checksum"},
		"npz stored size": {mlxio.NPZ, zipData(t, func(h *zip.FileHeader) { h.UncompressedSize64++ }, "w.npy", good), mlxio.ErrCorrupt, "bytes are stored as"},
		"npz bomb":        {mlxio.NPZ, zipData(t, func(h *zip.FileHeader) { h.Method = zip.Deflate; h.UncompressedSize64 = 1 << 40 }, "w.npy", good), mlxio.ErrCorrupt, "cannot be packed"},
		"npz deflate":     {mlxio.NPZ, zipData(t, func(h *zip.FileHeader) { h.Method = zip.Deflate }, "w.npy", strings.Repeat("\xff", 40)), mlxio.ErrCorrupt, "corrupt"},
		"npz inner":       {mlxio.NPZ, zipData(t, nil, "w.npy", string(npy("2,", "1234"))), mlxio.ErrTruncated, `npz: array "w": incomplete`},
		"npz trailing":    {mlxio.NPZ, zipData(t, nil, "w.npy", good+"x"), mlxio.ErrCorrupt, "bytes follow the array"},
		"npz shared":      {mlxio.NPZ, sharedZip(t, string(npy("4000,", strings.Repeat("1234", 4000)))), mlxio.ErrCorrupt, "the entries are larger than the file"},
		"npz no zip":      {mlxio.NPZ, []byte("not a zip file at all, but some text"), mlxio.ErrCorrupt, "not a valid zip file"},

		"st size":          {mlxio.Safetensors, binary.LittleEndian.AppendUint64(nil, 100_000_001), mlxio.ErrCorrupt, "at most 100000000"},
		"st empty":         {mlxio.Safetensors, safetensorsData("", ""), mlxio.ErrCorrupt, "does not start with {"},
		"st space":         {mlxio.Safetensors, safetensorsData(" {}", ""), mlxio.ErrCorrupt, "does not start with {"},
		"st JSON":          {mlxio.Safetensors, safetensorsData(`{"w":`, ""), mlxio.ErrCorrupt, "ends early"},
		"st colon":         {mlxio.Safetensors, safetensorsData(`{"w" 1}`, ""), mlxio.ErrCorrupt, "byte"},
		"st behind":        {mlxio.Safetensors, safetensorsData(`{} {}`, ""), mlxio.ErrCorrupt, "text follows"},
		"st UTF-8":         {mlxio.Safetensors, safetensorsData("{\"\xff\":1}", ""), mlxio.ErrCorrupt, "not UTF-8"},
		"st twice":         {mlxio.Safetensors, safetensorsData(`{"a":{"dtype":"I8","shape":[0],"data_offsets":[0,0]},"a":{}}`, ""), mlxio.ErrCorrupt, `the key "a" is there twice`},
		"st field twice":   {mlxio.Safetensors, safetensorsData(`{"a":{"dtype":"I8","dtype":"I8"}}`, ""), mlxio.ErrCorrupt, `the key "dtype"`},
		"st missing field": {mlxio.Safetensors, safetensorsData(`{"a":{"dtype":"I8","shape":[0]}}`, ""), mlxio.ErrCorrupt, "not the fields"},
		"st no object":     {mlxio.Safetensors, safetensorsData(`{"a":7}`, ""), mlxio.ErrCorrupt, "not an object"},
		"st dtype":         {mlxio.Safetensors, safetensorsData(entry("F4", "[2]", "[0,1]"), "1"), mlxio.ErrUnsupported, `the dtype "F4"`},
		"st fraction":      {mlxio.Safetensors, safetensorsData(entry("I8", "[1.0]", "[0,1]"), "1"), mlxio.ErrCorrupt, "not a whole number"},
		"st negative":      {mlxio.Safetensors, safetensorsData(entry("I8", "[-1]", "[0,1]"), "1"), mlxio.ErrCorrupt, "not a whole number"},
		"st three offsets": {mlxio.Safetensors, safetensorsData(entry("I8", "[1]", "[0,1,2]"), "1"), mlxio.ErrCorrupt, "more than 2"},
		"st size of shape": {mlxio.Safetensors, safetensorsData(entry("F32", "[2]", "[0,4]"), "1234"), mlxio.ErrCorrupt, "which has 8 bytes"},
		"st reversed":      {mlxio.Safetensors, safetensorsData(entry("I8", "[1]", "[1,0]"), "1"), mlxio.ErrCorrupt, "data_offsets [1 0]"},
		"st overflow":      {mlxio.Safetensors, safetensorsData(entry("F64", "[2147483647,2147483647,2147483647]", "[0,8]"), "12345678"), mlxio.ErrCorrupt, "too large"},
		"st offset":        {mlxio.Safetensors, safetensorsData(entry("I8", "[1]", "[18446744073709551615,0]"), "1"), mlxio.ErrCorrupt, "data_offsets"},
		"st hole":          {mlxio.Safetensors, safetensorsData(entry("I8", "[1]", "[1,2]"), "12"), mlxio.ErrCorrupt, "belong to no array"},
		"st tail":          {mlxio.Safetensors, safetensorsData(entry("I8", "[1]", "[0,1]"), "12"), mlxio.ErrCorrupt, "1 bytes after the last array"},
		"st short":         {mlxio.Safetensors, safetensorsData(entry("I8", "[2]", "[0,2]"), "1"), mlxio.ErrTruncated, "2 bytes are declared"},
		"st overlap": {mlxio.Safetensors, safetensorsData(`{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"I8","shape":[2],"data_offsets":[1,3]}}`, "123"),
			mlxio.ErrCorrupt, `array "b" starts at 1, inside the one before`},
		"st metadata": {mlxio.Safetensors, safetensorsData(`{"__metadata__":{"a":1}}`, ""), mlxio.ErrCorrupt, "not a string"},
		"st bool":     {mlxio.Safetensors, safetensorsData(entry("BOOL", "[1]", "[0,1]"), "1"), mlxio.ErrCorrupt, "a bool is 0 or 1"},

		"gguf version":     {mlxio.GGUF, ggufData(u32(1), u64(0), u64(0)), mlxio.ErrUnsupported, "gguf version 1"},
		"gguf big":         {mlxio.GGUF, ggufData(u32(3<<24), u64(0), u64(0)), mlxio.ErrUnsupported, "big-endian"},
		"gguf many arrays": {mlxio.GGUF, ggufData(u32(3), u64(1<<63), u64(0)), mlxio.ErrTruncated, "8 bytes are declared"},
		"gguf many keys":   {mlxio.GGUF, ggufData(u32(3), u64(0), u64(1<<63)), mlxio.ErrTruncated, "8 bytes are declared"},
		"gguf string":      {mlxio.GGUF, ggufData(u32(3), u64(0), one, u64(1<<62), []byte("x")), mlxio.ErrTruncated, "are declared"},
		"gguf value type":  {mlxio.GGUF, ggufData(u32(3), u64(0), one, "k", u32(13)), mlxio.ErrCorrupt, "type code 13"},
		"gguf list type":   {mlxio.GGUF, ggufData(u32(3), u64(0), one, "k", u32(9), u32(99), u64(0)), mlxio.ErrCorrupt, "type code 99"},
		"gguf list":        {mlxio.GGUF, ggufData(u32(3), u64(0), one, "k", u32(9), u32(12), u64(1<<61)), mlxio.ErrCorrupt, "a list of"},
		"gguf long list":   {mlxio.GGUF, ggufData(u32(3), u64(0), one, "k", u32(9), u32(0), u64(1<<40)), mlxio.ErrTruncated, "are declared"},
		"gguf strings":     {mlxio.GGUF, ggufData(u32(3), u64(0), one, "k", u32(9), u32(8), u64(1<<40)), mlxio.ErrTruncated, "are declared"},
		"gguf bool":        {mlxio.GGUF, ggufData(u32(3), u64(0), one, "k", u32(7), uint8(2)), mlxio.ErrCorrupt, "a bool is 0 or 1"},
		"gguf key twice":   {mlxio.GGUF, ggufData(u32(3), u64(0), u64(2), "k", u32(0), uint8(2), "k", u32(0), uint8(2)), mlxio.ErrCorrupt, "twice"},
		"gguf deep":        {mlxio.GGUF, ggufData(u32(3), u64(0), one, "k", u32(9), bytes.Repeat([]byte("\x09\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"), 5000)), mlxio.ErrUnsupported, "lists in lists"},
		"gguf align":       {mlxio.GGUF, ggufData(u32(3), u64(0), one, "general.alignment", u32(4), u32(0)), mlxio.ErrCorrupt, "power of two"},
		"gguf axes":        {mlxio.GGUF, ggufData(u32(3), one, u64(0), "w", u32(1<<31)), mlxio.ErrCorrupt, "2147483648 axes"},
		"gguf type":        {mlxio.GGUF, ggufData(u32(3), one, u64(0), "w", u32(1), one, u32(77), u64(0)), mlxio.ErrCorrupt, "type code 77"},
		"gguf K":           {mlxio.GGUF, ggufData(u32(3), one, u64(0), "w", u32(1), one, u32(12), u64(0)), mlxio.ErrUnsupported, "the type Q4_K"},
		"gguf unaligned":   {mlxio.GGUF, ggufData(u32(3), one, u64(0), "w", u32(1), one, u32(0), u64(4)), mlxio.ErrCorrupt, "no multiple of 32"},
		"gguf far":         {mlxio.GGUF, ggufData(u32(3), one, u64(0), "w", u32(1), one, u32(0), u64(1<<63)), mlxio.ErrCorrupt, "it starts at byte"},
		"gguf huge":        {mlxio.GGUF, ggufData(u32(3), one, u64(0), "w", u32(3), u64(1<<30), u64(1<<30), u64(1<<30), u32(0), u64(0)), mlxio.ErrCorrupt, "too large"},
		"gguf rows":        {mlxio.GGUF, ggufData(u32(3), one, u64(0), "w", u32(1), u64(33), u32(2), u64(0)), mlxio.ErrCorrupt, "a multiple of 32 elements"},
		"gguf no data":     {mlxio.GGUF, ggufData(u32(3), one, u64(0), "w", u32(1), u64(32), u32(2), u64(0), make([]byte, 10)), mlxio.ErrTruncated, "are declared"},
		"gguf twice": {mlxio.GGUF, ggufData(u32(3), u64(2), u64(0), "w", u32(1), one, u32(24), u64(0), "w", u32(1), one, u32(24), u64(32), make([]byte, 90)),
			mlxio.ErrCorrupt, "the name is there twice"},
		"gguf overlap": {mlxio.GGUF, ggufData(u32(3), u64(2), u64(0), "v", u32(1), u64(40), u32(24), u64(0), "w", u32(1), one, u32(24), u64(32), make([]byte, 120)),
			mlxio.ErrCorrupt, "inside the one before"},
		"gguf clash": {mlxio.GGUF, ggufData(u32(3), u64(2), u64(0), "w.scales", u32(1), one, u32(24), u64(0), "w.weight", u32(1), u64(32), u32(2), u64(32), make([]byte, 120)),
			mlxio.ErrCorrupt, `it and another array are both "w.scales"`},

		"lfs":     {mlxio.Safetensors, []byte("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 7\n"), mlxio.ErrUnsupported, "run git lfs pull"},
		"nothing": {"bin", []byte("some text"), mlxio.ErrUnsupported, "neither npy, npz, safetensors nor gguf"},
	}
}

func TestBrokenFiles(t *testing.T) {
	for name, c := range brokenFiles(t) {
		t.Run(name, func(t *testing.T) {
			arrays, err := loadAny(t, c.format, c.data)
			e := requireError(t, err, c.kind)
			require.ErrorContains(t, err, c.says)
			require.NotEmpty(t, e.Path)
			require.Nil(t, arrays)
			if c.format == "bin" || name == "npy long" || name == "st tail" || name == "lfs" {
				return
			}
			_, err = readAny(c.format, bytes.NewReader(c.data))
			e = requireError(t, err, nil)
			require.Empty(t, e.Path)
			require.Equal(t, c.format, e.Format)
		})
	}
}

func TestTruncationAtEveryByte(t *testing.T) {
	for _, name := range []string{
		"numpy-float32.npy", "numpy-version2.npy", "numpy-stored.npz", "numpy-deflated.npz", "mlx.safetensors", "official.gguf", "quantised.gguf", "mlx.gguf",
	} {
		b := fixture(t, name)
		format := mlxio.Format(name[strings.LastIndexByte(name, '.')+1:])
		for n := range len(b) {
			_, err := readAny(format, bytes.NewReader(b[:n]))
			if err == nil && format == mlxio.GGUF && len(b)-n < 32 {
				continue // the padding behind the last array
			}
			requireError(t, err, mlxio.ErrTruncated)
			if n%97 == 0 {
				_, err = loadAny(t, format, b[:n])
				requireError(t, err, nil)
			}
		}
	}
}

// Whatever single byte is wrong, there is an error or there are arrays.
func TestEveryByteChanged(t *testing.T) {
	for _, name := range []string{"numpy-big-int16.npy", "numpy-deflated.npz", "mlx.safetensors", "quantised.gguf"} {
		b := fixture(t, name)
		format := mlxio.Format(name[strings.LastIndexByte(name, '.')+1:])
		for i := range b {
			for _, change := range []byte{1, 0x80, 0xff} {
				b[i] ^= change
				arrays, err := readAny(format, bytes.NewReader(b))
				b[i] ^= change
				if err != nil {
					requireError(t, err, nil)
				}
				for _, a := range arrays {
					a.Free()
				}
			}
		}
	}
}

func TestErrorsKeepToOneLine(t *testing.T) {
	name := "a\nb" + strings.Repeat("é", 4000)
	_, err := readAny(mlxio.GGUF, bytes.NewReader(ggufData(u32(3), u64(1), u64(0), name, u32(1<<31))))
	requireError(t, err, mlxio.ErrCorrupt)
	_, err = mlxio.LoadNPY("no\nsuch/file.npy")
	requireError(t, err, nil)
	require.ErrorContains(t, err, `no\nsuch/file.npy`)
}
