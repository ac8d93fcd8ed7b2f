package emulate

import (
	"strings"
)

// kind tells tokens of Metal's language apart.
type kind int

const (
	space kind = iota // blanks, comments, line ends
	word              // identifiers and keywords
	number
	quoted
	mark // one character of anything else
)

type token struct {
	kind kind
	text string
	line int // of its first character, from 1
}

// scan splits source into tokens, which together are the source again.
func scan(src string) []token {
	var all []token
	line := 1
	for len(src) > 0 {
		k, n := next(src)
		all = append(all, token{k, src[:n], line})
		line += strings.Count(src[:n], "\n")
		src = src[n:]
	}
	return all
}

// next returns the kind and the length of the first token of s.
func next(s string) (kind, int) {
	c := s[0]
	switch {
	case c == '\n':
		return space, 1
	case strings.HasPrefix(s, "\\\n"):
		return space, 2
	case strings.HasPrefix(s, "//"):
		return space, until(s, "\n", 0)
	case strings.HasPrefix(s, "/*"):
		return space, until(s[2:], "*/", 2) + 2
	case c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f':
		return space, 1
	case letter(c):
		return word, while(s, func(_, c byte) bool { return letter(c) || digit(c) })
	case digit(c) || c == '.' && len(s) > 1 && digit(s[1]):
		return number, while(s, func(before, c byte) bool {
			return letter(c) || digit(c) || c == '.' || (c == '+' || c == '-') && strings.IndexByte("eEpP", before) >= 0
		})
	case c == '"' || c == '\'':
		for i := 1; i < len(s) && s[i] != '\n'; i++ {
			switch s[i] {
			case '\\':
				i++
			case c:
				return quoted, i + 1
			}
		}
		return mark, 1
	}
	return mark, 1
}

func letter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

// while returns how many characters of s, at least one, belong together; ok sees
// each with the one before it.
func while(s string, ok func(before, c byte) bool) int {
	n := 1
	for n < len(s) && ok(s[n-1], s[n]) {
		n++
	}
	return n
}

// until returns the length of s up to end, and beyond it by extra.
func until(s, end string, extra int) int {
	if i := strings.Index(s, end); i >= 0 {
		return i + extra
	}
	return len(s)
}
