package emulate

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"sync"
)

//go:embed native
var shim embed.FS

// sources are the run time and the shim headers, and their digest.
var sources = sync.OnceValues(func() (fs.FS, string) {
	sub, err := fs.Sub(shim, "native")
	if err != nil {
		panic(err) // the folder is embedded
	}
	h := sha256.New()
	names, err := fs.Glob(sub, "*")
	if err != nil {
		panic(err)
	}
	for _, n := range names {
		text, err := fs.ReadFile(sub, n)
		if err != nil {
			panic(err)
		}
		h.Write([]byte(n + "\x00"))
		h.Write(text)
	}
	return sub, hex.EncodeToString(h.Sum(nil))
})
