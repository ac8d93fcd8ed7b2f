package trust

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// The words that begin a line of a key file or of a signature.
const (
	publicWord    = "adjoint-plugin-public-key-1"
	privateWord   = "adjoint-plugin-private-key-1"
	signatureWord = "adjoint-plugin-signature-1"
)

// PublicKey checks signatures.
type PublicKey struct{ key ed25519.PublicKey }

// PrivateKey makes signatures. Keep its file to yourself.
type PrivateKey struct{ key ed25519.PrivateKey }

// String returns the key in base64.
func (k PublicKey) String() string { return base64.StdEncoding.EncodeToString(k.key) }

// Equal tells whether two keys are the same.
func (k PublicKey) Equal(other PublicKey) bool { return k.key.Equal(other.key) }

// Encode returns the text of the key's file.
func (k PublicKey) Encode() []byte { return []byte(publicWord + " " + k.String() + "\n") }

// Public returns the key that checks what k signs.
func (k PrivateKey) Public() PublicKey { return PublicKey{k.key.Public().(ed25519.PublicKey)} }

// Encode returns the text of the key's file, which is secret.
func (k PrivateKey) Encode() []byte {
	return []byte(privateWord + " " + base64.StdEncoding.EncodeToString(k.key.Seed()) + "\n")
}

// NewKey makes a key.
func NewKey() (PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return PrivateKey{key}, err
}

// ReadPublicKey reads a key file. An error is a [*FileError].
func ReadPublicKey(path string) (PublicKey, error) {
	raw, err := readKey(path, publicWord, ed25519.PublicKeySize, 0)
	return PublicKey{raw}, err
}

// ReadPrivateKey reads a key file, which nobody else may be able to read. An
// error is a [*FileError].
func ReadPrivateKey(path string) (PrivateKey, error) {
	seed, err := readKey(path, privateWord, ed25519.SeedSize, 0o077)
	if err != nil {
		return PrivateKey{}, err
	}
	return PrivateKey{ed25519.NewKeyFromSeed(seed)}, nil
}

const maxKeyFile = 4096

func readKey(path, word string, size int, closed os.FileMode) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &FileError{Path: path, Reason: reason(err), Err: err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, &FileError{Path: path, Reason: reason(err), Err: err}
	}
	if info.Mode().Perm()&closed != 0 {
		return nil, &FileError{Path: path, Reason: "others may read this private key; run chmod 600 on it", Err: os.ErrPermission}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, &FileError{Path: path, Reason: reason(err), Err: err}
	}
	words := strings.Fields(string(text))
	if len(words) == 2 && words[0] == word {
		if raw, err := base64.StdEncoding.Strict().DecodeString(words[1]); err == nil && len(raw) == size {
			return raw, nil
		}
	}
	if len(words) > 0 && words[0] == privateWord && word == publicWord {
		return nil, &FileError{Path: path, Reason: "this is a private key; give the .pub file"}
	}
	return nil, &FileError{Path: path, Reason: fmt.Sprintf("it is not one line of %q and a key in base64", word)}
}

// signed is what a signature is made over: the manifest and a word that no other
// use of the key begins with.
func signed(text []byte) []byte { return append([]byte("adjoint plugin.json 1\n"), text...) }

// Sign returns a line for plugin.json.sig.
func (k PrivateKey) Sign(manifest []byte) []byte {
	sig := ed25519.Sign(k.key, signed(manifest))
	return fmt.Appendf(nil, "%s %s %s\n", signatureWord, k.Public(), base64.StdEncoding.EncodeToString(sig))
}

// Limits on a file of signatures.
const (
	MaxSignatures = 4096 // bytes
	maxSigners    = 16
)

// Signers reads the text of a file of signatures and returns the keys that made
// them. A line that is malformed, or whose signature is not right for the
// manifest, is an error.
func Signers(manifest, signatures []byte) ([]PublicKey, error) {
	if len(signatures) == 0 || len(signatures) > MaxSignatures {
		return nil, fmt.Errorf("%d bytes; it needs 1 to %d", len(signatures), MaxSignatures)
	}
	var out []PublicKey
	lines, whole := strings.CutSuffix(string(signatures), "\n")
	if !whole {
		return nil, errors.New("it does not end with a line feed; was it cut off?")
	}
	for i, line := range strings.Split(lines, "\n") {
		words := strings.Split(line, " ")
		if len(words) != 3 || words[0] != signatureWord || i >= maxSigners {
			return nil, fmt.Errorf("line %d is not %q, a key and a signature", i+1, signatureWord)
		}
		key, err := base64.StdEncoding.Strict().DecodeString(words[1])
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("line %d: the key is no ed25519 key in base64", i+1)
		}
		sig, err := base64.StdEncoding.Strict().DecodeString(words[2])
		if err != nil || len(sig) != ed25519.SignatureSize {
			return nil, fmt.Errorf("line %d: the signature is no ed25519 signature in base64", i+1)
		}
		if !ed25519.Verify(key, signed(manifest), sig) {
			return nil, fmt.Errorf("line %d: key %s did not sign this manifest", i+1, words[1])
		}
		out = append(out, PublicKey{key})
	}
	return out, nil
}
