package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/plugins/sdk"
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
	"soak":    soakPlugin,
	"liar":    func() { serve(kernelpb.Version, &liar{}) },
	"refuser": func() { serve(kernelpb.Version, &liar{refuse: true}) },
	"deaf":    func() { serve(kernelpb.Version, &liar{deaf: true}) },
	"twice": func() {
		p := good("1.0.0")
		about, _ := p.Manifest()
		about.Kernels = append(about.Kernels, about.Kernels[0])
		serve(kernelpb.Version, &liar{about: kernelpb.PluginToWire(about)})
	},
	"vast": func() {
		serve(kernelpb.Version, &liar{about: &kernelpb.DescribeResponse{Build: strings.Repeat("x", 300<<20)}})
	},
	"logs": func() {
		log := hclog.New(&hclog.LoggerOptions{Level: hclog.Info, Output: os.Stderr, JSONFormat: true})
		log.Warn("the cache is cold", "entries", 7)
		good("1.0.0").Main()
	},
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
	simple("handle", func(c *sdk.Call) error {
		_ = os.WriteFile(filepath.Join(os.TempDir(), "mine"), nil, 0o600)
		if os.WriteFile(os.Args[0]+".touched", nil, 0o600) == nil {
			c.F32Out(0)[0] = 1
		}
		if syscall.Kill(os.Getppid(), 0) == nil {
			c.F32Out(0)[1] = 1
		}
		return c.Err()
	})
	simple("files", func(c *sdk.Call) error {
		n := float32(0)
		for {
			f, err := os.Open(os.DevNull)
			if err != nil {
				break
			}
			defer f.Close()
			n++
		}
		c.F32Out(0)[0] = n
		return c.Err()
	})
	simple("greedy", func(c *sdk.Call) error {
		c.F32In(0)[0] = 7
		return c.Err()
	})
	p.Kernel("scale").In("x", sdk.Float32).Attr("by", 2.0).Attr("times", 1).Attr("negate", false).Attr("say", "").
		Out("y", "shape(x)", "dtype(x)").VMap(sdk.BatchLeading).Deterministic().VJP("scale_vjp").JVP("scale_vjp").
		CPU(func(c *sdk.Call) error { return scale(c, c.F32In(0)) })
	p.Kernel("scale_vjp").In("x", sdk.Float32).In("d", sdk.Float32).Attr("by", 2.0).Attr("times", 1).Attr("negate", false).Attr("say", "").
		Out("y", "shape(x)", "dtype(x)").
		CPU(func(c *sdk.Call) error { return scale(c, c.F32In(1)) })
	p.Kernel("fill").Attr("n", 1).In("x", sdk.Float32).Out("y", "", "").
		InferAttrs(func(_ []sdk.Type, attrs map[string]any) ([]sdk.Type, error) {
			return []sdk.Type{{DType: sdk.Float32, Shape: []int{int(attrs["n"].(int64))}}}, nil
		}).
		CPU(func(c *sdk.Call) error { return c.Err() })
	calls := new(atomic.Int32)
	p.Kernel("counted").In("x", sdk.Float32).Out("y", "shape(x)", "dtype(x)").Deterministic().
		CPU(func(c *sdk.Call) error {
			time.Sleep(20 * time.Millisecond)
			for i := range c.F32Out(0) {
				c.F32Out(0)[i] = float32(calls.Add(1))
			}
			return c.Err()
		})
	p.Kernel("sleeps").In("x", sdk.Float32).Attr("ms", 0).Out("y", "shape(x)", "dtype(x)").
		CPU(func(c *sdk.Call) error {
			time.Sleep(time.Duration(c.Int("ms")) * time.Millisecond)
			copy(c.F32Out(0), c.F32In(0))
			return c.Err()
		})
	simple("flaky", func(c *sdk.Call) error {
		if calls.Add(1)%2 == 1 {
			return errors.New("not today")
		}
		copy(c.F32Out(0), c.F32In(0))
		return c.Err()
	})
	p.Kernel("head").In("x", sdk.Float32).Out("y", "[dim(x, 0)]", "dtype(x)").Deterministic().
		CPU(func(c *sdk.Call) error {
			x, y := c.F32In(0), c.F32Out(0)
			for i := range y {
				y[i] = x[i*len(x)/len(y)]
			}
			return c.Err()
		})
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

// scale multiplies by the attributes of kernel scale.
func scale(c *sdk.Call, x []float32) error {
	f := float32(c.Float("by")) * float32(c.Int("times"))
	if c.Bool("negate") {
		f = -f
	}
	if text := c.Text("say"); text != "" {
		return errors.New(text)
	}
	for i, v := range x {
		c.F32Out(0)[i] = f * v
	}
	return c.Err()
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
	l.listen()
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
