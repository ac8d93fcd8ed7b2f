package manifest_test

import (
	"fmt"

	"github.com/adjoint-go/adjoint/plugins/manifest"
)

const text = `{
  "format": 1,
  "id": "acme/sq",
  "version": "1.0.0",
  "protocols": [1],
  "executables": {"linux_amd64": {"path": "sq", "size": 3, "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}},
  "kernels": [{
    "name": "square",
    "inputs": [{"name": "x", "dtypes": ["float32", %s]}],
    "outputs": [{"name": "y", "shape": "shape(x)", "dtype": "dtype(x)"}]
  }]
}
`

func Example() {
	m, err := manifest.Decode(fmt.Appendf(nil, text, `"float64"`))
	if err != nil {
		panic(err)
	}
	fmt.Println(m.ID, m.Version, m.Platforms(), m.Kernels[0].Name)

	_, err = manifest.Decode(fmt.Appendf(nil, text, `64`))
	fmt.Println(err)
	_, err = manifest.Decode(fmt.Appendf(nil, text, `"float46"`))
	fmt.Println(err)
	// Output:
	// acme/sq 1.0.0 [linux_amd64] square
	// plugin.json: kernels[0].inputs[0].dtypes[1]: must be a string, is the number 64
	// plugin.json: kernels[0]: square: input x: dtype "float46" is unknown or named twice
}
