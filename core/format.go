package core

import (
	"math"
	"strconv"
	"strings"
)

// maxDigits is how many digits after the point are shown.
const maxDigits = 8

// values reads the elements as the Go slice of their dtype.
func values(a *Array, d DType) any {
	switch d {
	case Bool:
		return Data[bool](a)
	case Uint8:
		return Data[uint8](a)
	case Uint16:
		return Data[uint16](a)
	case Uint32:
		return Data[uint32](a)
	case Uint64:
		return Data[uint64](a)
	case Int8:
		return Data[int8](a)
	case Int16:
		return Data[int16](a)
	case Int32:
		return Data[int32](a)
	case Int64:
		return Data[int64](a)
	case Float16, BFloat16:
		return Data[float32](a.AsType(Float32))
	case Float32:
		return Data[float32](a)
	case Float64:
		return Data[float64](a)
	}
	return Data[complex64](a)
}

// format makes one text of each element, all of one width. A scalar stands alone
// and is written as a number by itself.
func format(a *Array, d DType, scalar bool) []string {
	switch v := values(a, d).(type) {
	case []bool:
		out := make([]string, len(v))
		for i, b := range v {
			switch {
			case !b:
				out[i] = "False"
			case scalar:
				out[i] = "True"
			default:
				out[i] = " True"
			}
		}
		return out
	case []uint8:
		return unsigned(v)
	case []uint16:
		return unsigned(v)
	case []uint32:
		return unsigned(v)
	case []uint64:
		return unsigned(v)
	case []int8:
		return signed(v)
	case []int16:
		return signed(v)
	case []int32:
		return signed(v)
	case []int64:
		return signed(v)
	case []float32:
		return decimals(widened(v), d, scalar)
	case []float64:
		return decimals(v, d, scalar)
	case []complex64:
		return complexes(v, scalar)
	}
	return nil
}

func unsigned[T uint8 | uint16 | uint32 | uint64](v []T) []string {
	out := make([]string, len(v))
	for i, n := range v {
		out[i] = strconv.FormatUint(uint64(n), 10)
	}
	return padded(out)
}

func signed[T int8 | int16 | int32 | int64](v []T) []string {
	out := make([]string, len(v))
	for i, n := range v {
		out[i] = strconv.FormatInt(int64(n), 10)
	}
	return padded(out)
}

func widened(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

// padded gives all texts the width of the longest.
func padded(v []string) []string {
	w := 0
	for _, s := range v {
		w = max(w, len(s))
	}
	for i, s := range v {
		v[i] = strings.Repeat(" ", w-len(s)) + s
	}
	return v
}

// digitsOf returns the shortest digits that tell a number of dtype d from its
// neighbours, in the layout of strconv: 'e' or 'f'.
func digitsOf(d DType) func(x float64, layout byte) string {
	switch d {
	case Float64:
		return func(x float64, layout byte) string { return strconv.FormatFloat(x, layout, -1, 64) }
	case Float16:
		return shortest(func(x float64) float32 { return ToF16(float32(x)).Float32() }, 5)
	case BFloat16:
		return shortest(func(x float64) float32 { return ToBF16(float32(x)).Float32() }, 4)
	}
	return func(x float64, layout byte) string { return strconv.FormatFloat(x, layout, -1, 32) }
}

// shortest tries one digit after the other, up to most.
func shortest(round func(float64) float32, most int) func(x float64, layout byte) string {
	return func(x float64, layout byte) string {
		var s string
		for n := range most {
			s = strconv.FormatFloat(x, 'e', n, 64)
			if y, err := strconv.ParseFloat(s, 64); err == nil && float64(round(y)) == x {
				break
			}
		}
		if layout == 'e' {
			return s
		}
		y, _ := strconv.ParseFloat(s, 64)
		return strconv.FormatFloat(y, 'f', -1, 64)
	}
}

// decimals writes floating numbers with the points below each other: in plain
// notation, or with exponents when the largest is 1e8 or more, the smallest
// below 1e-4, or the ratio above 1000.
func decimals(v []float64, d DType, scalar bool) []string {
	if scalar {
		return []string{alone(v[0], d)}
	}
	return columns(v, digitsOf(d), "")
}

// columns is decimals for many; plus stands before what is not negative.
func columns(v []float64, digits func(float64, byte) string, plus string) []string {
	lo, hi := math.Inf(1), 0.0
	for _, x := range v {
		if x != 0 && !math.IsInf(x, 0) && !math.IsNaN(x) {
			lo, hi = min(lo, math.Abs(x)), max(hi, math.Abs(x))
		}
	}
	layout := byte('f')
	if hi > 0 && (hi >= 1e8 || lo < 1e-4 || hi/lo > 1000) {
		layout = 'e'
	}
	out := make([]string, len(v))
	places, power := 0, 0
	for _, x := range v {
		if math.IsInf(x, 0) || math.IsNaN(x) {
			continue
		}
		s, e, _ := strings.Cut(trimmed(x, layout, digits), "e")
		_, frac, _ := strings.Cut(s, ".")
		places, power = max(places, len(frac)), max(power, len(e)-1)
	}
	for i, x := range v {
		switch {
		case math.IsNaN(x):
			out[i] = plus + "nan"
			continue
		case math.IsInf(x, 1):
			out[i] = "inf"
		case math.IsInf(x, -1):
			out[i] = "-inf"
		case layout == 'e':
			m, e, _ := strings.Cut(strconv.FormatFloat(x, 'e', places, 64), "e")
			if places == 0 {
				m += "."
			}
			out[i] = m + "e" + e[:1] + strings.Repeat("0", power-len(e)+1) + e[1:]
		default:
			out[i] = withPlaces(trimmed(x, layout, digits), places)
		}
		if out[i][0] != '-' {
			out[i] = plus + out[i]
		}
	}
	return padded(out)
}

// withPlaces writes number s with a point and blanks up to so many places.
func withPlaces(s string, places int) string {
	whole, frac, _ := strings.Cut(s, ".")
	return whole + "." + frac + strings.Repeat(" ", places-len(frac))
}

// trimmed is x with at most maxDigits digits after the point.
func trimmed(x float64, layout byte, digits func(float64, byte) string) string {
	s := digits(x, layout)
	m, e, exp := strings.Cut(s, "e")
	if _, frac, _ := strings.Cut(m, "."); len(frac) > maxDigits {
		m, e, exp = strings.Cut(strconv.FormatFloat(x, layout, maxDigits, 64), "e")
		if strings.Contains(m, ".") {
			m = strings.TrimRight(strings.TrimRight(m, "0"), ".")
		}
	}
	if exp {
		return m + "e" + e
	}
	return m
}

// alone writes one number as Python does.
func alone(x float64, d DType) string {
	digits := digitsOf(d)
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	}
	most := 1e16
	switch d {
	case Float16, BFloat16:
		most = 1e3
	case Float32:
		most = 1e6
	}
	if m := math.Abs(x); m != 0 && (m >= most || m < 1e-4) {
		return digits(x, 'e')
	}
	s := digits(x, 'f')
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func complexes(v []complex64, scalar bool) []string {
	digits := digitsOf(Float32)
	re, im := make([]float64, len(v)), make([]float64, len(v))
	for i, z := range v {
		re[i], im[i] = float64(real(z)), float64(imag(z))
	}
	if scalar {
		r, i := strings.TrimSuffix(alone(re[0], Float32), ".0"), strings.TrimSuffix(alone(im[0], Float32), ".0")
		if i[0] != '-' {
			i = "+" + i
		}
		if re[0] == 0 && !math.Signbit(re[0]) {
			return []string{strings.TrimPrefix(i, "+") + "j"}
		}
		return []string{"(" + r + i + "j)"}
	}
	out := columns(re, digits, "")
	for i, s := range columns(im, digits, "+") {
		// The j goes before the fill.
		body := strings.TrimRight(s, " ")
		out[i] += body + "j" + s[len(body):]
	}
	return out
}
