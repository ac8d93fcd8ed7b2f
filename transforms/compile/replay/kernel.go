package replay

import (
	"os"
	"path/filepath"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/internal/engine"
)

// Kernel is the operation that runs source text of the file's.
const Kernel = "CustomKernel"

var kernels = map[string]operation{
	Kernel: {0, many, func(c *call) []*array {
		c.need(c.gpu, "it runs on a GPU, and there is none here")
		return c.asRecorded(core.GPU)
	}},
}

// asRecorded has MLX's importer make an operation. No function of MLX's takes what a
// kernel holds: its source is whole already, with the signature that MLX wrote.
func (c *call) asRecorded(d core.Device) []*array {
	t := mlxio.FunctionTrace{Nodes: []mlxio.FunctionNode{*c.node}}
	n := &t.Nodes[0]
	n.Device, n.In = d, make([]int, len(c.in))
	for i, a := range c.in {
		n.In[i] = i
		t.Inputs = append(t.Inputs, a.Spec())
	}
	for i := range n.Out {
		t.Outputs = append(t.Outputs, len(c.in)+i)
	}
	folder, err := os.MkdirTemp("", "adjoint-")
	if err != nil {
		core.Fail(c.op, nil, err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "node.mlxfn")
	if err := mlxio.SaveFunction(path, &mlxio.Function{Traces: []mlxio.FunctionTrace{t}}); err != nil {
		core.Fail(c.op, nil, err)
	}
	var call core.Call
	call.Begin(engine.OpRecorded)
	call.String(path)
	call.Arrays(c.in)
	return call.List()
}
