package shape

import "math/big"

// wideOp is the independent oracle: the same operation without a word size.
func wideOp(op string, a, b int64) *big.Int {
	x, y := big.NewInt(a), big.NewInt(b)
	switch op {
	case "+":
		return x.Add(x, y)
	case "-":
		return x.Sub(x, y)
	}
	return x.Mul(x, y)
}
