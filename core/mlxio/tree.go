package mlxio

import (
	"errors"
	"fmt"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/tree"
)

// SaveTree writes the arrays of a tree by their paths, in the format that path's
// extension names. Absent arrays are left out.
func SaveTree[T any](path string, t T) error {
	arrays, err := flatten(t)
	if err != nil {
		return fault(path, formatOfPath(path), "", err)
	}
	return Save(path, arrays, nil)
}

func flatten[T any](t T) (arrays map[string]*core.Array, err error) {
	defer core.Catch(&err)
	return tree.Flatten(t), nil
}

// LoadTree returns like with the arrays of a file in the places that their names
// name. The file must have exactly the arrays that like has, in the same shapes;
// their dtypes become those of the file. Where a file fits only in part, use
// [Load] and [tree.Unflatten].
func LoadTree[T any](path string, like T) (T, error) {
	var none T
	arrays, _, err := Load(path)
	if err != nil {
		return none, err
	}
	out, err := tree.Unflatten(like, arrays)
	if err != nil {
		freeAll(arrays)
		var reason *core.Error
		if errors.As(err, &reason) {
			err = reason.Err
		}
		return none, fault(path, formatOfPath(path), "", fmt.Errorf("%w: %w", ErrMismatch, err))
	}
	return out, nil
}
