package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	procs "github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// killAfter is how long a process may take to end when asked.
const killAfter = 2 * time.Second

// process is one run of a plugin's program.
type process struct {
	runner  *runner
	client  *plugin.Client
	conn    *grpc.ClientConn
	kernels kernelpb.KernelsClient
	health  grpc_health_v1.HealthClient
	arena   *arena
	about   *spec.Plugin
	dir     string // holds the socket

	stopOnce sync.Once
	stopping chan struct{}
	gone     chan struct{} // closed when nothing of the process is left

	mu     sync.Mutex
	reason string // why the host killed it
}

// launch is what it takes to start a plugin's program.
type launch struct {
	path    string
	dir     string // where a folder for the socket may be made
	env     []string
	timeout time.Duration
	logger  hclog.Logger
	attach  *attachment // nil: start the program
	confine confinement // its folder dir is writable in any case
}

// start starts the program and returns when it has described itself. If ctx
// ends first, what was started is ended.
func (l launch) start(ctx context.Context) (*process, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, l.timeout, ErrStartTimeout)
	defer cancel()
	dir, err := os.MkdirTemp(l.dir, "p")
	if err != nil {
		return nil, &StartError{Path: l.path, Err: err}
	}
	p := &process{runner: newRunner(l.path), dir: dir, stopping: make(chan struct{}), gone: make(chan struct{})}
	p.runner.confine = l.confine
	if p.runner.confine.write != nil {
		p.runner.confine.write = append([]string{dir}, l.confine.write...)
	}
	config := l.config(p)
	if l.attach != nil {
		config = l.attach.config(l, p.runner)
		if p.runner.link, err = l.attach.dial(); err != nil {
			_ = os.RemoveAll(dir)
			return nil, &StartError{Path: l.path, Err: err}
		}
	}
	p.client = plugin.NewClient(config)
	defer context.AfterFunc(ctx, p.runner.kill)()

	err = p.connect(ctx)
	if err == nil {
		go p.reap()
		return p, nil
	}
	p.runner.kill()
	p.release()
	_ = os.RemoveAll(dir)
	return nil, l.explain(ctx, p.runner, err)
}

func (l launch) config(p *process) *plugin.ClientConfig {
	return &plugin.ClientConfig{
		HandshakeConfig:  plugin.HandshakeConfig{MagicCookieKey: kernelpb.CookieKey, MagicCookieValue: kernelpb.CookieValue},
		VersionedPlugins: map[int]plugin.PluginSet{kernelpb.Version: {kernelpb.Service: dispenser{}}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     l.timeout,
		Logger:           l.logger,
		SyncStdout:       &p.runner.tail,
		SyncStderr:       &p.runner.tail,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: p.dir},
		GRPCDialOptions: []grpc.DialOption{grpc.WithDisableRetry(), grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(kernelpb.MessageLimit), grpc.MaxCallSendMsgSize(kernelpb.MessageLimit))},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (procs.Runner, error) {
			// The plugin's temporary files go the way of its socket.
			p.runner.cmd.Env = slices.Concat([]string{"TMPDIR=" + p.dir}, l.env, cmd.Env)
			return p.runner, nil
		},
	}
}

func (p *process) connect(ctx context.Context) error {
	client, err := p.client.Client()
	if err != nil {
		return err
	}
	raw, err := client.Dispense(kernelpb.Service)
	if err != nil {
		return err
	}
	p.conn = raw.(*grpc.ClientConn)
	p.kernels, p.health = kernelpb.NewKernelsClient(p.conn), grpc_health_v1.NewHealthClient(p.conn)
	p.arena = &arena{link: p.runner.link, kernels: p.kernels}
	reply, err := p.kernels.Describe(ctx, &kernelpb.DescribeRequest{})
	if err != nil {
		return describeError{err}
	}
	if p.about, err = kernelpb.PluginFromWire(reply); err != nil {
		return describeError{err}
	}
	return nil
}

// describeError is a failure after the handshake.
type describeError struct{ error }

func (e describeError) Unwrap() error { return e.error }

// dispenser gives out the connection, so that messages stay in this package.
type dispenser struct{ plugin.NetRPCUnsupportedPlugin }

func (dispenser) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("plugins: this is the host's side")
}

func (dispenser) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return c, nil
}

// handshake matches the beginning of go-plugin's line: the version of its own
// protocol, and of ours.
var handshake = regexp.MustCompile(`^([0-9]+)\|([0-9]+)\|`)

// explain tells from what was seen of a process why it did not start.
func (l launch) explain(ctx context.Context, r *runner, err error) error {
	e := &StartError{Path: l.path, Err: err, Stderr: r.tail.lines()}
	if r.ID() == "" {
		return e
	}
	<-r.exited
	e.Status = r.status
	line := r.first.line()
	versions := handshake.FindStringSubmatch(line)
	var described describeError
	switch {
	case ctx.Err() != nil:
		e.Err, e.Status = context.Cause(ctx), ""
		if errors.Is(e.Err, ErrStartTimeout) {
			e.Detail = fmt.Sprintf("it had %s", l.timeout)
		}
	case errors.As(err, &described):
		e.Err, e.Detail = ErrDescribe, described.Error()
	case line == "":
		e.Err = ErrNoHandshake
	case versions == nil:
		e.Err, e.Detail, e.Status = ErrBanner, fmt.Sprintf("%q", clip(line)), ""
	case versions[1] != strconv.Itoa(plugin.CoreProtocolVersion):
		e.Err, e.Status = ErrProtocol, ""
		e.Detail = fmt.Sprintf("the plugin speaks go-plugin's protocol [%s], the host [%d]", versions[1], plugin.CoreProtocolVersion)
	case versions[2] != strconv.Itoa(kernelpb.Version):
		e.Err, e.Status = ErrProtocol, ""
		e.Detail = fmt.Sprintf("the plugin speaks [%s], the host [%d]", versions[2], kernelpb.Version)
	default:
		e.Err, e.Detail = ErrNoHandshake, strings.Join(strings.Fields(clip(err.Error())), " ")
	}
	return e
}

// reap waits until the process ends or is to end, and clears up after it.
func (p *process) reap() {
	select {
	case <-p.runner.exited:
	case <-p.stopping:
	}
	last := time.AfterFunc(killAfter, p.runner.kill)
	p.release()
	last.Stop()
	p.runner.kill()
	<-p.runner.exited
	p.arena.close()
	_ = os.RemoveAll(p.dir)
	close(p.gone)
}

// release ends go-plugin's part. It asks a process that we started to end and
// waits for that; from another it only disconnects.
func (p *process) release() {
	if p.runner.attached && p.conn != nil {
		_ = p.conn.Close()
	}
	p.client.Kill()
}

// stop asks the process to end. It does not wait.
func (p *process) stop() { p.stopOnce.Do(func() { close(p.stopping) }) }

// kill ends the process because of reason, which other calls then report.
func (p *process) kill(reason string) {
	p.mu.Lock()
	if p.reason == "" {
		p.reason = reason
	}
	p.mu.Unlock()
	p.runner.kill()
}

// crash describes the end of the process, for a call that did not survive it.
func (p *process) crash(kernel string) *CrashError {
	<-p.runner.exited
	p.mu.Lock()
	defer p.mu.Unlock()
	e := &CrashError{Plugin: p.about.ID, Kernel: kernel, Status: p.runner.status, Stderr: p.runner.tail.lines()}
	if p.reason != "" {
		e.Status = p.reason
	}
	return e
}

// clip keeps foreign text from filling a message.
func clip(s string) string {
	if len(s) > 160 {
		s = s[:157] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
