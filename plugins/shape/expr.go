package shape

import (
	"errors"
	"fmt"
)

// Limits of the language. A text or a result beyond them is an error.
const (
	MaxSource = 1024 // bytes of text
	MaxDepth  = 32   // levels of nesting
	MaxRank   = 32   // axes of a result
)

// Expr is a parsed expression. It may be used by many goroutines at once.
type Expr struct {
	source    string
	inputs    int
	list      bool
	broadcast bool
	eval      evaluator
}

// value is an integer or, where the expression's kind says so, a list.
type value struct {
	n    int
	list []int
}

type evaluator func(shapes [][]int) (value, error)

// String returns the text that was parsed.
func (e *Expr) String() string { return e.source }

// IsList tells whether the expression's value is a list; otherwise it is an
// integer.
func (e *Expr) IsList() bool { return e.list }

// Broadcasts tells whether the expression calls broadcast.
func (e *Expr) Broadcasts() bool { return e.broadcast }

// Shape evaluates a list expression as a shape: shapes are those of the inputs
// in the order given to [Parse]. The result is a fresh slice of at most
// [MaxRank] sizes, none negative.
func (e *Expr) Shape(shapes [][]int) ([]int, error) {
	if !e.list {
		return nil, &EvalError{e.source, "is an integer where a shape is wanted; write it as a list: [" + clip(e.source) + "]"}
	}
	v, err := e.run(shapes)
	if err != nil {
		return nil, err
	}
	if len(v.list) > MaxRank {
		return nil, &EvalError{e.source, fmt.Sprintf("gives %d axes; at most %d are allowed", len(v.list), MaxRank)}
	}
	for axis, size := range v.list {
		if size < 0 {
			return nil, &EvalError{e.source, fmt.Sprintf("gives size %d on axis %d; a size cannot be negative", size, axis)}
		}
	}
	return append([]int{}, v.list...), nil
}

// Int evaluates an integer expression.
func (e *Expr) Int(shapes [][]int) (int, error) {
	if e.list {
		return 0, &EvalError{e.source, "is a list where an integer is wanted"}
	}
	v, err := e.run(shapes)
	return v.n, err
}

func (e *Expr) run(shapes [][]int) (value, error) {
	if len(shapes) != e.inputs {
		return value{}, &EvalError{e.source, fmt.Sprintf("needs the shapes of %d inputs, got %d", e.inputs, len(shapes))}
	}
	v, err := e.eval(shapes)
	if err != nil {
		return value{}, &EvalError{e.source, err.Error()}
	}
	return v, nil
}

var errOverflow = errors.New("the result does not fit in 64 bits")

func add(a, b int) (int, error) {
	c := a + b
	if (c > a) != (b > 0) && b != 0 {
		return 0, errOverflow
	}
	return c, nil
}

func sub(a, b int) (int, error) {
	c := a - b
	if (c < a) != (b > 0) && b != 0 {
		return 0, errOverflow
	}
	return c, nil
}

func mul(a, b int) (int, error) {
	if a == 0 || b == 0 {
		return 0, nil
	}
	c := a * b
	if c/b != a || (a == -1 && b == c) || (b == -1 && a == c) {
		return 0, errOverflow
	}
	return c, nil
}

func div(a, b int) (int, error) {
	if b == 0 {
		return 0, errors.New("division by zero")
	}
	if b == -1 {
		return sub(0, a)
	}
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q, nil
}

func mod(a, b int) (int, error) {
	if b == 0 {
		return 0, errors.New("division by zero")
	}
	if b == -1 {
		return 0, nil
	}
	r := a % b
	if r != 0 && (r < 0) != (b < 0) {
		r += b
	}
	return r, nil
}
