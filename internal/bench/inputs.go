package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/adjoint-go/adjoint/core"
)

// Inputs are the arrays that the workloads start from: initial weights, batches
// and matrices, by name, such as mlp_m.p.w0 (a weight), mlp_m.x and x1024.
type Inputs struct {
	dir   string
	index map[string]entry
	made  map[string]*core.Array
}

// entry describes one file of a folder of inputs.
type entry struct {
	Shape []int  `json:"shape"`
	DType string `json:"dtype"`
}

// Seeded returns inputs that are made when they are asked for, the same in every
// run and on every machine.
func Seeded() *Inputs { return &Inputs{made: map[string]*core.Array{}} }

// Load returns the inputs in a folder that benchmarks/data.py has written: an
// index.json with shapes and dtypes, and one file of little-endian numbers an
// array. Errors: the index is missing or malformed. The arrays themselves are
// read when a workload asks for them.
func Load(dir string) (*Inputs, error) {
	path := filepath.Join(dir, "index.json")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s: write the inputs with benchmarks/data.py, or leave --data out", path)
	}
	if err != nil {
		return nil, err
	}
	in := Seeded()
	in.dir = dir
	if err := json.Unmarshal(b, &in.index); err != nil {
		return nil, fmt.Errorf("%s is malformed: %w", path, err)
	}
	return in, nil
}

// get returns an array that has been evaluated.
func (in *Inputs) get(name string) *core.Array {
	if in.made[name] == nil {
		if in.index != nil {
			in.made[name] = in.read(name)
		} else {
			group, _, _ := strings.Cut(name, ".")
			seeded(group, in.made)
		}
	}
	a := in.made[name]
	if a == nil {
		core.Failf("bench", "there is no input %q", name)
	}
	return a.Eval()
}

func (in *Inputs) read(name string) *core.Array {
	e, ok := in.index[name]
	if !ok {
		core.Failf("bench", "the inputs in %s have no %q", in.dir, name)
	}
	types := map[string]core.DType{"float32": core.Float32, "int32": core.Int32}
	dtype, ok := types[e.DType]
	if !ok {
		core.Failf("bench", "input %q in %s is of dtype %q; float32 and int32 are read", name, in.dir, e.DType)
	}
	b, err := os.ReadFile(filepath.Join(in.dir, name+".bin"))
	if err != nil {
		core.Fail("bench", nil, err)
	}
	return core.FromBytes(dtype, b, e.Shape...)
}
