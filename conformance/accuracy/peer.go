package accuracy

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/adjoint-go/adjoint/core"
)

// A Peer computes in a process of its own, whose environment chooses other kernels.
type Peer struct {
	Setting string // such as "ADJOINT_VECTORS=256"
	cmd     *exec.Cmd
	in      io.WriteCloser
	ask     *json.Encoder
	out     *bufio.Reader
	stderr  tail
}

const stockSetting = "ADJOINT_CPU=stock"

// request is one line to a peer; the answer is the memory of the results.
type request struct {
	Op    string
	To    core.DType `json:",omitempty"` // of astype
	DType core.DType
	Domain
	Lo, N int
	Args  [][]byte `json:",omitempty"` // in place of some of a domain
}

// tail keeps the end of what is written to it.
type tail []byte

func (t *tail) Write(b []byte) (int, error) {
	*t = append(*t, b...)
	*t = (*t)[max(0, len(*t)-4096):]
	return len(b), nil
}

// Start starts program, which must call [Serve] when its environment has env, with
// setting in its environment too.
func Start(program, env, setting string) (*Peer, error) {
	p := &Peer{Setting: setting, cmd: exec.Command(program)}
	p.cmd.Env = append(os.Environ(), env, setting, "ADJOINT_NUM_THREADS=1")
	p.cmd.Stderr = &p.stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in, p.ask, p.out = in, json.NewEncoder(in), bufio.NewReaderSize(out, 1<<20)
	return p, p.cmd.Start()
}

// answer reads the results of a request.
func (p *Peer) answer(bytes int) ([]byte, error) {
	mem := make([]byte, bytes)
	if _, err := io.ReadFull(p.out, mem); err != nil {
		_ = p.cmd.Wait() // for all that it had to say
		return nil, fmt.Errorf("accuracy: the process with %s ended: %w: %s", p.Setting, err, p.stderr)
	}
	return mem, nil
}

// Probe fails where the process cannot compute with its setting.
func (p *Peer) Probe() error {
	r := request{Op: "abs", DType: core.Float32, N: 1}
	err := p.ask.Encode(r)
	if err == nil {
		_, err = p.answer(r.N * r.DType.Size())
	}
	return err
}

// Close ends the process.
func (p *Peer) Close() error {
	return errors.Join(p.in.Close(), p.cmd.Wait())
}

// Serve answers the requests of the process that started this one, until there are no
// more.
func Serve(in io.Reader, out io.Writer) error {
	ops := map[string]*Op{}
	for _, o := range Ops() {
		ops[o.Name] = o
	}
	d := json.NewDecoder(in)
	for {
		var r request
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		o := ops[r.Op]
		if r.To != core.NoDType {
			o = cast(r.To)
		}
		if o == nil {
			return fmt.Errorf("accuracy: there is no op %q", r.Op)
		}
		if r.Args == nil {
			r.Args = r.fill(r.DType, o.Arity(), r.Lo, r.N)
		}
		if _, err := out.Write(o.compute(r.DType, r.Args)); err != nil {
			return err
		}
	}
}

// compute returns the memory of the results for arguments in memory.
func (o *Op) compute(d core.DType, args [][]byte) []byte {
	in := make([]*core.Array, len(args))
	for i, mem := range args {
		in[i] = core.FromBytes(d, mem, len(mem)/d.Size())
		defer in[i].Free()
	}
	y := o.call(in...)
	defer y.Free()
	return y.Bytes()
}
