package store

import (
	"cmp"
	"strings"
)

// CompareVersions orders versions as semver does: 1.10.0 after 1.9.0, 1.0.0-rc.2
// before 1.0.0-rc.10 and before 1.0.0. Both must be valid.
func CompareVersions(a, b string) int {
	baseA, preA, _ := strings.Cut(a, "-")
	baseB, preB, _ := strings.Cut(b, "-")
	if c := compareParts(baseA, baseB); c != 0 {
		return c
	}
	if preA == "" || preB == "" {
		return cmp.Compare(len(preB), len(preA)) // the one without is the release
	}
	return compareParts(preA, preB)
}

func compareParts(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		if c := comparePart(as[i], bs[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(as), len(bs))
}

// comparePart puts numbers before words, numbers by value and words by bytes.
func comparePart(a, b string) int {
	numA, numB := isNumber(a), isNumber(b)
	switch {
	case numA && numB:
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	case numA:
		return -1
	case numB:
		return 1
	}
	return strings.Compare(a, b)
}

func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }
