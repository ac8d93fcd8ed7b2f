package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/plugins/sdk"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// roles are the plugins that the test's program can be.
var roles = map[string]func(){
	"good":     func() { good("1.0.0").Main() },
	"newer":    func() { good("2.0.0").Main() },
	"altered":  func() { p := good("1.0.0"); p.Kernel("more").Out("y", "[1]", "bool").CPU(add); p.Main() },
	"banner":   func() { fmt.Println("Welcome to the plugin!"); good("1.0.0").Main() },
	"silent":   func() { select {} },
	"exits":    func() { fmt.Fprintln(os.Stderr, "cannot find my licence"); os.Exit(7) },
	"cookie":   func() { _ = os.Unsetenv(kernelpb.CookieKey); good("1.0.0").Main() },
	"future":   func() { serve(7, &liar{}) },
	"host":     host,
	"nameless": func() { serve(kernelpb.Version, &liar{about: &kernelpb.DescribeResponse{Id: "no name"}}) },
	"huge": func() {
		serve(kernelpb.Version, &liar{about: &kernelpb.DescribeResponse{Build: strings.Repeat("x", 9<<20)}})
	},
	"liar": func() { serve(kernelpb.Version, &liar{}) },
	"flooding": func() {
		line := []byte(strings.Repeat("flood ", 100) + "\n")
		for range 40 << 20 / len(line) {
			_, _ = os.Stderr.Write(line)
		}
		good("1.0.0").Main()
	},
}

// good is a plugin written as the kit says, with kernels that misbehave in the
// ways that kernels do.
func good(version string) *sdk.Plugin {
	p := sdk.New("acme/test", version)
	simple := func(name string, f func(*sdk.Call) error) *sdk.Kernel {
		return p.Kernel(name).In("x", sdk.Float32).Out("y", "shape(x)", "dtype(x)").CPU(f)
	}
	slope := func(c *sdk.Call) error {
		x, d, y := c.F32In(0), c.F32In(1), c.F32Out(0)
		for i := range y {
			y[i] = 2 * x[i] * d[i]
		}
		return c.Err()
	}
	simple("square", func(c *sdk.Call) error {
		x, y := c.F32In(0), c.F32Out(0)
		for i := range y {
			y[i] = x[i] * x[i]
		}
		return c.Err()
	}).VJP("slope").JVP("slope").VMap(sdk.BatchLeading).Deterministic()
	p.Kernel("slope").In("x", sdk.Float32).In("d", sdk.Float32).Out("y", "shape(x)", "dtype(x)").
		CPU(slope).VJP("curve").VMap(sdk.BatchLeading)
	p.Kernel("curve").In("x", sdk.Float32).In("d", sdk.Float32).In("c", sdk.Float32).
		Out("dx", "shape(x)", "dtype(x)").Out("dd", "shape(x)", "dtype(x)").
		CPU(func(c *sdk.Call) error {
			x, d, ct, dx, dd := c.F32In(0), c.F32In(1), c.F32In(2), c.F32Out(0), c.F32Out(1)
			for i := range dx {
				dx[i], dd[i] = 2*d[i]*ct[i], 2*x[i]*ct[i]
			}
			return c.Err()
		})
	p.Kernel("add").In("x", sdk.Float32).In("y", sdk.Float32).Out("z", "broadcast(x, y)", "dtype(x)").
		CPU(add).VMap(sdk.BatchLeading)
	p.Kernel("rows").In("x", sdk.Float32).Out("y", "[dim(x, 0)]", "dtype(x)").
		CPU(func(*sdk.Call) error { return nil }).VMap(sdk.BatchLeading) // the promise is false
	p.Kernel("same").In("x", sdk.Float32, sdk.Float64, sdk.Bool, sdk.BFloat16, sdk.Complex64, sdk.Int64).
		Out("y", "shape(x)", "dtype(x)").
		CPU(func(c *sdk.Call) error { copy(c.Out(0).Data, c.In(0).Data); return c.Err() })
	p.Kernel("count").In("x", sdk.Float32).Out("y", "", "").
		Infer(func(in []sdk.Type) ([]sdk.Type, error) {
			if len(in[0].Shape) != 1 {
				return nil, errors.New("count wants a vector")
			}
			return []sdk.Type{{DType: sdk.Int64, Shape: []int{in[0].Shape[0] + 1}}}, nil
		}).
		CPU(func(c *sdk.Call) error { sdk.Out[int64](c, 0)[0] = 42; return nil })
	simple("fails", func(*sdk.Call) error { return errors.New("the disk is full") })
	simple("panics", func(*sdk.Call) error { panic("a bug") })
	simple("exits", func(*sdk.Call) error { fmt.Fprintln(os.Stderr, "giving up"); os.Exit(3); return nil })
	simple("segv", func(*sdk.Call) error { _ = syscall.Kill(os.Getpid(), syscall.SIGSEGV); select {} })
	simple("hangs", func(*sdk.Call) error { select {} })
	simple("waits", func(c *sdk.Call) error { <-c.Context().Done(); return c.Err() })
	simple("slow", func(*sdk.Call) error { time.Sleep(150 * time.Millisecond); return nil })
	simple("pid", func(c *sdk.Call) error { c.F32Out(0)[0] = float32(os.Getpid()); return nil })
	simple("untrue", func(*sdk.Call) error { return nil })
	simple("longline", func(*sdk.Call) error {
		_, err := syscall.Write(1, []byte(strings.Repeat("y", 200<<10)))
		fmt.Println(strings.Repeat("z", 200<<10))
		return err
	})
	simple("child", func(c *sdk.Call) error {
		cmd := exec.Command("sleep", "100")
		cmd.Stderr = os.Stdout
		cmd.Stdout = os.NewFile(2, "stderr")
		err := cmd.Start()
		c.F32Out(0)[0] = float32(cmd.Process.Pid)
		return err
	})
	p.Kernel("lights").In("x", sdk.Float32).Out("y", "shape(x)", "bool").
		CPU(func(c *sdk.Call) error { c.Out(0).Data[0] = 2; return nil })
	return p
}

// add adds two tensors of which one is a scalar, a row, or of the same shape.
func add(c *sdk.Call) error {
	x, y, z := c.F32In(0), c.F32In(1), c.F32Out(0)
	xs, ys, zs := c.In(0).Shape, c.In(1).Shape, c.Out(0).Shape
	at := func(shape []int, i int) int {
		index, stride := 0, 1
		for a := len(zs) - 1; a >= 0; a-- {
			here := i % zs[a]
			i /= zs[a]
			if b := a - len(zs) + len(shape); b >= 0 {
				if shape[b] != 1 {
					index += here * stride
				}
				stride *= shape[b]
			}
		}
		return index
	}
	for i := range z {
		z[i] = x[at(xs, i)] + y[at(ys, i)]
	}
	return c.Err()
}

// liar speaks the protocol and does not keep it. The kernel's name says how.
type liar struct {
	kernelpb.UnimplementedKernelsServer
	about *kernelpb.DescribeResponse
}

var lies = []string{"none", "twice", "dtype", "shape", "short", "long", "negative", "overflow", "enormous", "empty", "status", "flood"}

func (l *liar) Describe(context.Context, *kernelpb.DescribeRequest) (*kernelpb.DescribeResponse, error) {
	if l.about != nil {
		return l.about, nil
	}
	p := &spec.Plugin{ID: "acme/liar", Version: "1.0.0"}
	for _, name := range lies {
		p.Kernels = append(p.Kernels, spec.Kernel{
			Name: name, Inputs: []spec.Input{{Name: "x", DTypes: []spec.DType{spec.Float32}}},
			Outputs: []spec.Output{{Name: "y", Shape: "shape(x)", DType: "dtype(x)"}},
		})
	}
	p.Kernels = append(p.Kernels, spec.Kernel{Name: "asks", Asks: true, Outputs: []spec.Output{{Name: "y"}}})
	return kernelpb.PluginToWire(p), nil
}

func (l *liar) InferShape(context.Context, *kernelpb.InferShapeRequest) (*kernelpb.InferShapeResponse, error) {
	return &kernelpb.InferShapeResponse{Outputs: []*kernelpb.TensorType{{Dtype: kernelpb.DType_FLOAT32, Shape: []int64{-4}}}}, nil
}

func (l *liar) Run(_ context.Context, r *kernelpb.RunRequest) (*kernelpb.RunResponse, error) {
	out := func(d kernelpb.DType, n int, shape ...int64) *kernelpb.Tensor {
		return &kernelpb.Tensor{Type: &kernelpb.TensorType{Dtype: d, Shape: shape}, Data: &kernelpb.Tensor_Inline{Inline: make([]byte, n)}}
	}
	f := kernelpb.DType_FLOAT32
	right := out(f, 8, 2)
	reply := map[string][]*kernelpb.Tensor{
		"twice":    {right, right},
		"dtype":    {out(kernelpb.DType_INT32, 8, 2)},
		"shape":    {out(f, 8, 2, 1)},
		"short":    {out(f, 4, 2)},
		"long":     {out(f, 12, 2)},
		"negative": {out(f, 8, -2)},
		"overflow": {out(f, 8, 1<<62, 1<<62)},
		"enormous": {out(f, 8, 1<<40)},
		"empty":    {nil},
		"flood":    {out(f, 300<<20, 2)},
	}
	if r.GetKernel() == "status" {
		return nil, errors.New("this is not\nhow errors travel")
	}
	return &kernelpb.RunResponse{Outputs: reply[r.GetKernel()]}, nil
}

type liarSet struct {
	plugin.NetRPCUnsupportedPlugin
	server *liar
}

func (s liarSet) GRPCServer(_ *plugin.GRPCBroker, g *grpc.Server) error {
	kernelpb.RegisterKernelsServer(g, s.server)
	return nil
}

func (liarSet) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.ErrUnsupported
}

func serve(version int, l *liar) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  plugin.HandshakeConfig{MagicCookieKey: kernelpb.CookieKey, MagicCookieValue: kernelpb.CookieValue},
		VersionedPlugins: map[int]plugin.PluginSet{version: {kernelpb.Service: liarSet{server: l}}},
		GRPCServer:       plugin.DefaultGRPCServer,
	})
}

// host is not a plugin but a program that loads one, prints its number and
// waits to be killed.
func host() {
	reg, err := Open(Options{Env: []string{modeEnv + "=good"}})
	if err == nil {
		var p *Plugin
		if p, err = reg.LoadFile(context.Background(), os.Args[0]); err == nil {
			fmt.Println(p.current.Load().runner.ID())
			select {}
		}
	}
	fmt.Println(err)
}
