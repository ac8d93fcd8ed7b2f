package mlxio_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.safetensors")

	weights := map[string]*core.Array{
		"weight": core.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3),
		"bias":   core.From([]float32{0.5, -0.5}).AsType(core.BFloat16),
	}
	if err := mlxio.Save(path, weights, map[string]string{"epoch": "3"}); err != nil {
		fmt.Println(err)
		return
	}
	arrays, metadata, err := mlxio.Load(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(arrays["weight"].Spec(), arrays["bias"].Spec(), metadata["epoch"])

	_, _, err = mlxio.Load("missing.safetensors")
	fmt.Println(errors.Is(err, fs.ErrNotExist), err)
	// Output:
	// float32[2 3] bfloat16[2] 3
	// true mlxio: missing.safetensors: safetensors: stat: no such file or directory
}

func ExampleReadNPY() {
	var b bytes.Buffer
	if err := mlxio.WriteNPY(&b, core.From([]int32{1, 2, 3})); err != nil {
		fmt.Println(err)
		return
	}
	half := b.Bytes()[:b.Len()-6]
	a, err := mlxio.ReadNPY(&b)
	fmt.Println(core.Data[int32](a), err)

	_, err = mlxio.ReadNPY(bytes.NewReader(half))
	fmt.Println(errors.Is(err, mlxio.ErrTruncated), err)
	// Output:
	// [1 2 3] <nil>
	// true mlxio: npy: incomplete, get the file again: the data ends at byte 134
}

func ExampleLoadTree() {
	type Linear struct {
		W *core.Array `tree:"weight"`
		B *core.Array `tree:"bias"`
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "linear.npz")

	if err := mlxio.SaveTree(path, Linear{W: core.Ones(core.Float32, 2, 2), B: core.Zeros(core.Float32, 2)}); err != nil {
		fmt.Println(err)
		return
	}
	m, err := mlxio.LoadTree(path, Linear{W: core.Zeros(core.Float32, 2, 2), B: core.Zeros(core.Float32, 2)})
	fmt.Println(m.W.Sum().Item(), err)

	_, err = mlxio.LoadTree(path, Linear{W: core.Zeros(core.Float32, 2, 2)})
	fmt.Println(errors.Is(err, mlxio.ErrMismatch))
	// Output:
	// 4 <nil>
	// true
}
