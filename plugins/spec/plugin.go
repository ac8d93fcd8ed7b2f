package spec

// Plugin is what a plugin says about itself. It is static: the same program
// always says the same.
type Plugin struct {
	ID      string   `json:"id"`      // "org/name"
	Version string   `json:"version"` // "1.2.3"
	Build   string   `json:"build,omitempty"`
	Kernels []Kernel `json:"kernels"`
}

// Kernel is one function of a plugin: typed inputs, rules for its outputs, and
// the names of the kernels that differentiate it.
type Kernel struct {
	Name    string   `json:"name"`
	Doc     string   `json:"doc,omitempty"`
	Inputs  []Input  `json:"inputs,omitempty"`
	Outputs []Output `json:"outputs"`
	Attrs   []Attr   `json:"attrs,omitempty"`
	// Asks means that the outputs have no rules: the host asks the plugin
	// for their types at each new combination of input types.
	Asks bool `json:"asks,omitempty"`
	// VJP names the kernel that takes this one's inputs and one cotangent per
	// output, and returns one gradient per input. It has the same attributes.
	// Empty: not differentiable.
	VJP string `json:"vjp,omitempty"`
	// JVP names the kernel that takes this one's inputs and one tangent per
	// input, and returns one tangent per output.
	JVP           string   `json:"jvp,omitempty"`
	VMap          VMap     `json:"vmap,omitempty"`
	Deterministic bool     `json:"deterministic,omitempty"`
	Sources       []Source `json:"sources,omitempty"`
	Samples       []Sample `json:"samples,omitempty"`
}

// Input is one input of a kernel.
type Input struct {
	Name   string  `json:"name"`
	DTypes []DType `json:"dtypes"` // the dtypes it takes
	// Values says which numbers the kernel is for, to who tries it out: LOW..HIGH,
	// or spd for symmetric positive definite matrices. Empty: any.
	Values string `json:"values,omitempty"`
}

// Output is one output of a kernel. Shape and DType are rules in the language
// of package shape.
type Output struct {
	Name  string `json:"name"`
	Shape string `json:"shape,omitempty"`
	DType string `json:"dtype,omitempty"`
}

// VMap says how a kernel is mapped over a batch.
type VMap string

const (
	// NoBatch means that the kernel cannot be mapped.
	NoBatch VMap = ""
	// BatchLeading is the author's promise that, when every input has an
	// extra leading axis of one length, every output has it too, and entry i
	// of the outputs is the kernel's result for entry i of the inputs.
	BatchLeading VMap = "leading"
)

// Source is GPU code, carried as data and compiled by the host.
type Source struct {
	Backend Backend  `json:"backend"`
	Code    string   `json:"code"`
	Grid    []string `json:"grid"`              // one to three integer expressions: the threads per axis
	Threads int      `json:"threads,omitempty"` // per threadgroup; 0: the host chooses
}

// Backend names who compiles a [Source].
type Backend string

// The backends.
const (
	Metal Backend = "metal"
	CUDA  Backend = "cuda"
)

// Kernel returns the kernel of that name, nil if there is none.
func (p *Plugin) Kernel(name string) *Kernel {
	for i := range p.Kernels {
		if p.Kernels[i].Name == name {
			return &p.Kernels[i]
		}
	}
	return nil
}

// InputNames returns the names of the inputs in order.
func (k *Kernel) InputNames() []string {
	names := make([]string, len(k.Inputs))
	for i, in := range k.Inputs {
		names[i] = in.Name
	}
	return names
}
