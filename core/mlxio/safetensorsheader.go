package mlxio

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/adjoint-go/adjoint/core"
)

// safetensorsEntry is one array of a safetensors header. Its bytes are counted
// from the end of the header.
type safetensorsEntry struct {
	name string
	core.Spec
	begin, end uint64
}

// checkText refuses what JSON cannot hold unchanged.
func checkText(s string) error {
	if !utf8.ValidString(s) {
		return unsupported("text that is not UTF-8: encode it, as base64 for example")
	}
	return nil
}

// jsonReader reads a header token by token: unlike json.Unmarshal it notices
// keys that are there twice and spells numbers as they are written.
type jsonReader struct{ *json.Decoder }

func parseSafetensorsHeader(text []byte) (entries []safetensorsEntry, metadata map[string]string, err error) {
	if len(text) == 0 || text[0] != '{' {
		return nil, nil, corrupt("it does not start with {")
	}
	if !utf8.Valid(text) {
		return nil, nil, corrupt("it is not UTF-8")
	}
	r := jsonReader{json.NewDecoder(bytes.NewReader(text))}
	r.UseNumber()
	metadata = map[string]string{}
	err = r.object(func(name string) error {
		if name == metadataKey {
			return at(metadataKey, r.strings(metadata))
		}
		e, err := r.entry(name)
		entries = append(entries, e)
		return at(array(name), err)
	})
	if err != nil {
		return nil, nil, err
	}
	if _, err := r.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, corrupt("text follows its end")
	}
	return entries, metadata, nil
}

// next reads a token.
func (r jsonReader) next() (json.Token, error) {
	t, err := r.Token()
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, corrupt("its text ends early")
		}
		return nil, corrupt("byte %d: %v", r.InputOffset(), err)
	}
	return t, nil
}

// object reads an object and calls field to read the value of each key.
func (r jsonReader) object(field func(name string) error) error {
	if t, err := r.next(); err != nil || t != json.Delim('{') {
		return r.want("an object", t, err)
	}
	return r.fields(field)
}

// fields is object behind its brace.
func (r jsonReader) fields(field func(name string) error) error {
	seen := map[string]bool{}
	for {
		t, err := r.next()
		if err != nil || t == json.Delim('}') {
			return err
		}
		name := t.(string) // the decoder sees to it
		if seen[name] {
			return corrupt("the key %s is there twice", quote(name))
		}
		seen[name] = true
		if err := field(name); err != nil {
			return err
		}
	}
}

// strings reads an object of strings, or null, which MLX writes for none.
func (r jsonReader) strings(into map[string]string) error {
	t, err := r.next()
	if err == nil && t == nil {
		return nil
	}
	if err != nil || t != json.Delim('{') {
		return r.want("an object", t, err)
	}
	return r.fields(func(name string) (err error) {
		into[name], err = r.string()
		return err
	})
}

func (r jsonReader) string() (string, error) {
	t, err := r.next()
	s, ok := t.(string)
	if !ok {
		return "", r.want("a string", t, err)
	}
	return s, nil
}

// numbers reads an array of whole numbers, of at most most.
func (r jsonReader) numbers(most int) ([]uint64, error) {
	t, err := r.next()
	if err != nil || t != json.Delim('[') {
		return nil, r.want("a list", t, err)
	}
	out := []uint64{}
	for {
		t, err := r.next()
		if err != nil || t == json.Delim(']') {
			return out, err
		}
		number, ok := t.(json.Number)
		n, bad := strconv.ParseUint(string(number), 10, 64)
		if !ok || bad != nil {
			return nil, r.want("a whole number", t, nil)
		}
		if out = append(out, n); len(out) > most {
			return nil, corrupt("more than %d numbers", most)
		}
	}
}

func (r jsonReader) want(what string, t json.Token, err error) error {
	if err != nil {
		return err
	}
	return corrupt("byte %d: not %s", r.InputOffset(), what)
}

// skip passes over a value.
func (r jsonReader) skip() error {
	for depth := 0; ; {
		t, err := r.next()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// entry reads what describes one array.
func (r jsonReader) entry(name string) (e safetensorsEntry, err error) {
	e.name = name
	var dtype string
	var dims, offsets []uint64
	err = r.object(func(key string) (err error) {
		switch key {
		case "dtype":
			dtype, err = r.string()
		case "shape":
			dims, err = r.numbers(1000)
		case "data_offsets":
			offsets, err = r.numbers(2)
		default:
			err = r.skip()
		}
		return at("field "+quote(key), err)
	})
	switch {
	case err != nil:
		return e, err
	case dtype == "" || dims == nil || len(offsets) != 2:
		return e, corrupt("not the fields dtype, shape and two data_offsets")
	}
	d, ok := safetensorsTypes[dtype]
	if !ok {
		return e, unsupported("the dtype %s: convert it to F32, F16 or BF16", quote(dtype))
	}
	if e.Spec, err = specOf(d, dims); err != nil {
		return e, err
	}
	e.begin, e.end = offsets[0], offsets[1]
	if n := uint64(nbytes(e.Spec)); e.end < e.begin || e.end-e.begin != n {
		return e, corrupt("data_offsets %v for %v, which has %d bytes", offsets, e.Spec, n)
	}
	return e, nil
}
