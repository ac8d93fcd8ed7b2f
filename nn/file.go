package nn

import (
	"github.com/adjoint-go/adjoint/core/mlxio"
)

// Save writes the arrays of a model, or of any tree such as an optimizer's
// state, to path, a .safetensors or .npz file, under their paths in the tree:
// "Hidden.weight". The file appears whole or not at all. Settings that are no
// arrays are not saved.
func Save[T any](path string, model T) error { return mlxio.SaveTree(path, model) }

// Load returns like with the arrays of a file. like says what the file must
// hold: a freshly made model will do. Errors: names of the file that like lacks
// or the other way round, other shapes, a file that cannot be read.
func Load[T any](path string, like T) (T, error) { return mlxio.LoadTree(path, like) }
