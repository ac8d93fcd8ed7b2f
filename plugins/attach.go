package plugins

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"

	"github.com/hashicorp/go-plugin"
	procs "github.com/hashicorp/go-plugin/runner"

	"github.com/adjoint-go/adjoint/plugins/internal/shm"
	"github.com/adjoint-go/adjoint/plugins/kernelpb"
)

// ReattachEnv names the variable that `PLUGIN -debug` prints. It is looked at
// only with Options.Reattach.
const ReattachEnv = "ADJOINT_REATTACH_PLUGINS"

// attachment is a plugin that a person runs, in a debugger perhaps.
type attachment struct {
	Network string `json:"network"`
	Address string `json:"address"`
	PID     int    `json:"pid"`
	Version int    `json:"version"`
	Link    string `json:"link"` // the socket that stands for the inherited link
}

// attachments reads the variable: plugins by their names.
func attachments() (map[string]attachment, error) {
	text := os.Getenv(ReattachEnv)
	if text == "" {
		return nil, nil
	}
	var out map[string]attachment
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return nil, fmt.Errorf("plugins: %s is not what a plugin's -debug printed: %w", ReattachEnv, err)
	}
	for id, a := range out {
		if a.Network != "unix" || a.Address == "" || a.Link == "" || a.PID <= 0 || a.Version != kernelpb.Version {
			return nil, fmt.Errorf("plugins: %s: plugin %s: it needs a unix socket's address, one for the link, a pid and version %d", ReattachEnv, clip(id), kernelpb.Version)
		}
	}
	return out, nil
}

// config makes go-plugin connect to a process instead of starting one. The
// process is not ours: it is never killed, and stopping only disconnects.
func (a attachment) config(l launch, r *runner) *plugin.ClientConfig {
	r.attach(a.PID)
	c := l.config(&process{runner: r})
	c.RunnerFunc, c.AutoMTLS, c.UnixSocketConfig = nil, false, nil
	c.Reattach = &plugin.ReattachConfig{
		Protocol: plugin.ProtocolGRPC, ProtocolVersion: a.Version, Pid: a.PID, Test: true,
		Addr:         &net.UnixAddr{Net: a.Network, Name: a.Address},
		ReattachFunc: func() (procs.AttachedRunner, error) { return r, nil },
	}
	c.Plugins = c.VersionedPlugins[kernelpb.Version]
	return c
}

// dial connects to the socket that stands for the link.
func (a attachment) dial() (*shm.Link, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Net: "unix", Name: a.Link})
	if err != nil {
		return nil, err
	}
	return shm.LinkOf(conn), nil
}

// attach makes r stand for a process that was there before.
func (r *runner) attach(pid int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pid, r.attached = pid, true
}

// detach is kill for a process that is not ours. r.mu is held.
func (r *runner) detach() {
	if !r.reaped {
		if r.link != nil {
			_ = r.link.Close()
		}
		r.reaped = true
		r.status = "disconnected"
		close(r.exited)
	}
}

// loadAttached returns the plugin of that name if a person runs one and the
// options allow it; nil, nil if not.
func (r *Registry) loadAttached(ctx context.Context, id string) (*Plugin, error) {
	if !r.options.Reattach {
		return nil, nil
	}
	all, err := attachments()
	a, ok := all[id]
	if err != nil || !ok {
		return nil, err
	}
	r.options.Logger.Warn("using a plugin that somebody runs, unverified and without encryption", "plugin", id, "pid", a.PID)
	return r.keep(ctx, candidate{key: ReattachEnv + "=" + id, attach: &a, check: func(p *Plugin) error {
		if p.ID() != id {
			return fmt.Errorf("it calls itself %s, not %s", p.ID(), id)
		}
		return nil
	}})
}
