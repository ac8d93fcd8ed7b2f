package spec

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxJSON bounds the text of a manifest, in bytes.
const MaxJSON = 8 << 20

// Encode writes p as indented JSON with a final newline. Equal descriptions
// give equal bytes.
func (p *Plugin) Encode() ([]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(p); err != nil {
		return nil, fmt.Errorf("plugin %s: %w", p.ID, err)
	}
	return b.Bytes(), nil
}

// Decode reads what [Plugin.Encode] wrote. It is strict: a field that is not
// known, text after the end, and a description that is not valid are errors.
func Decode(text []byte) (*Plugin, error) {
	if len(text) > MaxJSON {
		return nil, fmt.Errorf("manifest: %d bytes; at most %d are allowed", len(text), MaxJSON)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	p := new(Plugin)
	if err := dec.Decode(p); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("manifest: there is text after the description")
	}
	return p, p.Validate()
}

// Digest returns the SHA-256 of the encoded description, in hex. It names a
// description: a program that describes itself differently has another digest.
func (p *Plugin) Digest() (string, error) {
	text, err := p.Encode()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sha256.Sum256(text)), nil
}
