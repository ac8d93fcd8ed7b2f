package spec

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

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

// Digest returns the SHA-256 of the encoded description, in hex. It names a
// description: a program that describes itself differently has another digest.
func (p *Plugin) Digest() (string, error) {
	text, err := p.Encode()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sha256.Sum256(text)), nil
}
