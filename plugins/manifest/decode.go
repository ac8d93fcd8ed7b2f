package manifest

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Decode reads and validates the text of a manifest. Every error is an [*Error].
func Decode(text []byte) (*Manifest, error) {
	m := new(Manifest)
	if err := Strict(text, m); err != nil {
		return nil, err
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, nil
}

// Strict reads JSON into the struct that v points to, as manifests are read: what
// package json takes silently is an [*Error] with its place. Other files that must
// mean the same to every reader use it too.
func Strict(text []byte, v any) error {
	if len(text) > MaxBytes {
		return tooLong(len(text))
	}
	if !utf8.Valid(text) {
		return &Error{Reason: "the text is not UTF-8"}
	}
	r := &reader{dec: json.NewDecoder(bytes.NewReader(text)), left: maxValues}
	r.dec.UseNumber()
	if err := r.value(reflect.TypeOf(v), ""); err != nil {
		return err
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return &Error{Reason: fmt.Sprintf("there is text after the end, at byte %d", r.dec.InputOffset())}
	}
	if err := json.Unmarshal(text, v); err != nil {
		return &Error{Reason: err.Error(), Err: err}
	}
	return nil
}

// textual are the types that package json writes as a string.
var textual = reflect.TypeFor[encoding.TextUnmarshaler]()

func tooLong(n int) error {
	return &Error{Reason: fmt.Sprintf("the text has %d bytes; at most %d are allowed", n, MaxBytes)}
}

// reader walks through JSON beside a Go type and keeps nothing. It finds what
// package json accepts silently: names in other case or written twice, null,
// and texts that are small but would need much memory.
type reader struct {
	dec   *json.Decoder
	left  int // values that may still come
	level int
}

func (r *reader) token(path string) (json.Token, error) {
	tok, err := r.dec.Token()
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return tok, nil
	case errors.As(err, &syntax):
		return nil, &Error{path, fmt.Sprintf("it is no JSON at byte %d: %v", syntax.Offset, err), err}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &Error{path, "the text ends too early", err}
	}
	return nil, &Error{path, err.Error(), err}
}

func (r *reader) value(t reflect.Type, path string) error {
	tok, err := r.token(path)
	if err != nil {
		return err
	}
	if r.left--; r.left < 0 {
		return &Error{path, fmt.Sprintf("there are more than %d values", maxValues), nil}
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	wrong := func() error {
		return &Error{path, "must be " + kindOf(t) + ", is " + nameOf(tok), nil}
	}
	switch v := tok.(type) {
	case string:
		if t.Kind() != reflect.String && !reflect.PointerTo(t).Implements(textual) {
			return wrong()
		}
	case bool:
		if t.Kind() != reflect.Bool {
			return wrong()
		}
	case json.Number:
		if !fits(v, t) {
			return wrong()
		}
	case json.Delim:
		if r.level++; r.level > maxLevels {
			return &Error{path, fmt.Sprintf("it is nested more than %d levels deep", maxLevels), nil}
		}
		defer func() { r.level-- }()
		switch {
		case v == '[' && t.Kind() == reflect.Slice:
			return r.list(t.Elem(), path)
		case v == '{' && (t.Kind() == reflect.Struct || t.Kind() == reflect.Map):
			return r.object(t, path)
		}
		return wrong()
	default:
		return wrong()
	}
	return nil
}

func (r *reader) list(of reflect.Type, path string) error {
	for i := 0; r.dec.More(); i++ {
		if err := r.value(of, path+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	_, err := r.token(path)
	return err
}

func (r *reader) object(t reflect.Type, path string) error {
	seen := make(map[string]bool)
	for r.dec.More() {
		tok, err := r.token(path)
		if err != nil {
			return err
		}
		name, ok := tok.(string)
		if !ok {
			return &Error{path, "a name must be a string, is " + nameOf(tok), nil}
		}
		if seen[name] {
			return &Error{path, fmt.Sprintf("%q stands there twice", clip(name)), nil}
		}
		seen[name] = true
		var inner reflect.Type
		if t.Kind() == reflect.Map {
			inner = t.Elem()
		} else if inner = field(t, name); inner == nil {
			return &Error{path, fmt.Sprintf("%q is not known; known are %s", clip(name), strings.Join(fields(t), ", ")), nil}
		}
		if err := r.value(inner, join(path, name)); err != nil {
			return err
		}
	}
	if _, err := r.token(path); err != nil {
		return err
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if !seen[name] && options != "omitempty" && name != "-" {
			return &Error{path, fmt.Sprintf("%q is missing", name), nil}
		}
	}
	return nil
}

func field(t reflect.Type, name string) reflect.Type {
	for i := range t.NumField() {
		if have, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); have == name && name != "-" {
			return t.Field(i).Type
		}
	}
	return nil
}

func fields(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// join appends a name to a JSON path, quoted unless it is plain.
func join(path, name string) string {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return path + "[" + strconv.Quote(clip(name)) + "]"
		}
	}
	if path == "" {
		return clip(name)
	}
	return path + "." + clip(name)
}

func fits(n json.Number, t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		_, err := strconv.ParseInt(n.String(), 10, t.Bits())
		return err == nil
	case reflect.Uint, reflect.Uint64:
		_, err := strconv.ParseUint(n.String(), 10, 64)
		return err == nil
	case reflect.Float32, reflect.Float64:
		_, err := strconv.ParseFloat(n.String(), t.Bits())
		return err == nil
	}
	return false
}

func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "an integer of " + strconv.Itoa(t.Bits()) + " bits"
}

func nameOf(tok json.Token) string {
	switch v := tok.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return "the number " + clip(v.String())
	case json.Delim:
		if v == '[' {
			return "a list"
		}
		return "an object"
	}
	return fmt.Sprint(tok)
}
