package walk

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Under reports whether path names prefix itself or something below it.
// The empty prefix is the root, which has everything below it.
func Under(path, prefix string) bool {
	if prefix == "" || path == prefix {
		return true
	}
	return len(path) > len(prefix) && path[len(prefix)] == '.' && path[:len(prefix)] == prefix
}

// join puts two paths together; an empty one (a promoted field, a root) adds nothing.
func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "." + b
}

// escape makes one path segment of a map key.
func escape(key string) string {
	if key == "" {
		return `\e`
	}
	if !strings.ContainsAny(key, `.\`) && utf8.ValidString(key) {
		return key
	}
	var b strings.Builder
	for len(key) > 0 {
		r, n := utf8.DecodeRuneInString(key)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, key[0])
		case r == '.' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteString(key[:n])
		}
		key = key[n:]
	}
	return b.String()
}
