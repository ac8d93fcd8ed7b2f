package plugins

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// Tensor is a dtype, a shape, and the elements: row-contiguous, little-endian.
type Tensor = spec.Tensor

// Type is the dtype and shape of a [Tensor].
type Type = spec.Type

// Plugin is a loaded plugin. It may be used by many goroutines at once, and
// calls run at the same time.
type Plugin struct {
	launch  launch
	options Options
	about   *spec.Plugin
	digest  string
	// manifest is the digest of plugin.json, empty without one.
	manifest string
	sigs     map[string]*spec.Signature
	forget   func() // takes the plugin out of its registry
	// successor is the plugin of that name which the registry has now, if any.
	successor func(id string) *Plugin

	ended context.Context // ends with Stop
	end   context.CancelFunc

	// gate is held by who starts or clears up a process. A channel, so that
	// waiting for it can end.
	gate    chan struct{}
	current atomic.Pointer[process]
	breaker breaker // guarded by gate
	last    error   // the last crash, guarded by gate

	calls atomic.Uint64
	asked shapeCache
}

func newPlugin(ctx context.Context, l launch, o Options) (*Plugin, error) {
	proc, err := l.start(ctx)
	if err != nil {
		return nil, err
	}
	p := &Plugin{
		launch: l, options: o, about: proc.about,
		sigs: make(map[string]*spec.Signature), forget: func() {}, successor: func(string) *Plugin { return nil },
		gate:    make(chan struct{}, 1),
		breaker: breaker{limit: o.CrashLimit, window: o.CrashWindow},
	}
	p.current.Store(proc)
	p.ended, p.end = context.WithCancel(context.Background())
	if p.digest, err = proc.about.Digest(); err == nil {
		for _, k := range proc.about.Kernels {
			if p.sigs[k.Name], err = spec.Compile(k); err != nil {
				break
			}
		}
	}
	if err != nil {
		_ = p.Stop()
		return nil, &StartError{Path: l.path, Err: ErrDescribe, Detail: err.Error()}
	}
	return p, nil
}

// ID returns the name the plugin gives itself, org/name.
func (p *Plugin) ID() string { return p.about.ID }

// Version returns the plugin's version, such as 1.2.3.
func (p *Plugin) Version() string { return p.about.Version }

// Path returns the path of the program that runs: for a plugin that was loaded by
// its name a private copy.
func (p *Plugin) Path() string { return p.launch.path }

// Digest returns the SHA-256 of the plugin's description, in hex.
func (p *Plugin) Digest() string { return p.digest }

// PID returns the number of the plugin's process, 0 while there is none.
func (p *Plugin) PID() int {
	proc := p.current.Load()
	if proc == nil {
		return 0
	}
	pid, _ := strconv.Atoi(proc.runner.ID())
	return pid
}

// Kernels returns the names of the plugin's kernels, in its order.
func (p *Plugin) Kernels() []string {
	names := make([]string, len(p.about.Kernels))
	for i, k := range p.about.Kernels {
		names[i] = k.Name
	}
	return names
}

func (p *Plugin) signature(kernel string) (*spec.Signature, error) {
	sig, ok := p.sigs[kernel]
	if !ok {
		return nil, &UnknownKernelError{Plugin: p.ID(), Kernel: kernel, Have: p.Kernels()}
	}
	return sig, nil
}

// Infer returns the types of a kernel's outputs for inputs of the given types and
// the initial values of its attributes. Inputs that the kernel does not take are a
// [*spec.ArgumentError].
func (p *Plugin) Infer(ctx context.Context, kernel string, in ...Type) ([]Type, error) {
	sig, err := p.signature(kernel)
	if err != nil {
		return nil, err
	}
	attrs, err := sig.Attrs(nil)
	if err != nil {
		return nil, err
	}
	return p.infer(ctx, sig, attrs, in)
}

func (p *Plugin) infer(ctx context.Context, sig *spec.Signature, attrs []spec.AttrValue, in []Type) ([]Type, error) {
	out, err := sig.Infer(in)
	if errors.Is(err, spec.ErrAsks) {
		return p.ask(ctx, sig, attrs, in)
	}
	if err != nil {
		return nil, fmt.Errorf("plugin %s: %w", p.ID(), err)
	}
	return out, nil
}

// Health returns nil if the plugin's process runs and answers within ctx, and
// two seconds at most. It starts nothing.
func (p *Plugin) Health(ctx context.Context) error {
	if p.ended.Err() != nil {
		return p.errStopped()
	}
	proc := p.current.Load()
	if proc == nil || !proc.runner.alive() {
		return fmt.Errorf("plugin %s: %w", p.ID(), ErrNotRunning)
	}
	ctx, cancel := context.WithTimeout(ctx, killAfter)
	defer cancel()
	begin := time.Now()
	reply, err := proc.health.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "plugin"})
	switch {
	case err == nil && reply.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING:
		return nil
	case ctx.Err() != nil:
		return &TimeoutError{Plugin: p.ID(), After: time.Since(begin), Err: ctx.Err()}
	case err != nil:
		return fmt.Errorf("plugin %s: %w", p.ID(), ErrNotRunning)
	}
	return &ReplyError{Plugin: p.ID(), Reason: "it says that it does not serve: " + reply.GetStatus().String()}
}

// errStopped says that the plugin is not to be used any more. A compiled program may
// hold it still, when another one has taken its place.
func (p *Plugin) errStopped() error {
	if next := p.successor(p.ID()); next != nil && next.digest != p.digest {
		return fmt.Errorf("plugin %s: %w: version %s was loaded in place of %s; get the kernel from that", p.ID(), ErrStale, next.Version(), p.Version())
	}
	return fmt.Errorf("plugin %s: %w", p.ID(), ErrStopped)
}

// Stop ends the plugin's process and fails the calls that run. It returns
// within three seconds, whatever the plugin does, and may be called again.
func (p *Plugin) Stop() error {
	p.end()
	p.forget()
	limit := time.NewTimer(killAfter + 900*time.Millisecond)
	defer limit.Stop()
	select {
	case p.gate <- struct{}{}:
		defer func() { <-p.gate }()
	case <-limit.C:
		return fmt.Errorf("plugin %s: its process could not be ended in time", p.ID())
	}
	proc := p.current.Swap(nil)
	if proc == nil {
		return nil
	}
	proc.stop()
	select {
	case <-proc.gone:
		return nil
	case <-limit.C:
		return fmt.Errorf("plugin %s: process %s could not be ended in time", p.ID(), proc.runner.ID())
	}
}

// shapeCache remembers what a plugin said about the types of outputs.
type shapeCache struct {
	mu    sync.Mutex
	known map[string][]Type
}

// maxAsked bounds the cache; beyond it, it begins anew.
const maxAsked = 4096

func (c *shapeCache) get(key string) ([]Type, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out, ok := c.known[key]
	return out, ok
}

func (c *shapeCache) put(key string, out []Type) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxAsked {
		c.known = make(map[string][]Type)
	}
	c.known[key] = out
}

func (p *Plugin) ask(ctx context.Context, sig *spec.Signature, attrs []spec.AttrValue, in []Type) ([]Type, error) {
	kernel := sig.Kernel().Name
	key := fmt.Sprint(kernel, in, spec.AttrKey(attrs))
	if out, ok := p.asked.get(key); ok {
		return out, nil
	}
	var reply *kernelpb.InferShapeResponse
	err := p.call(ctx, kernel, func(ctx context.Context, proc *process, _ uint64, _ time.Duration) (err error) {
		request := &kernelpb.InferShapeRequest{Kernel: kernel, Inputs: kernelpb.TypesToWire(in), Attrs: kernelpb.AttrsToWire(attrs)}
		if reply, err = proc.kernels.InferShape(ctx, request); err != nil {
			return err
		}
		return p.refused(kernel, reply.GetError())
	})
	if err != nil {
		return nil, err
	}
	out, err := kernelpb.TypesFromWire(reply.GetOutputs())
	if err == nil {
		err = sig.CheckOutputs(out)
	}
	if err != nil {
		return nil, &ReplyError{Plugin: p.ID(), Kernel: kernel, Reason: err.Error()}
	}
	p.asked.put(key, out)
	return out, nil
}
