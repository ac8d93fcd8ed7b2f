package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/adjoint-go/adjoint/plugins/trust"
)

// Options says where plugins are and how they are supervised. The zero value is
// of use: it loads by path and waits as the comments say.
type Options struct {
	Dirs []string // folders that Load searches; see SearchPath

	// Lock is the path of a lock file. Load checks a plugin's manifest against
	// it and, unless the policy forbids, adds a plugin that is new. Empty:
	// nothing is remembered.
	Lock string
	// Policy says what must vouch for a plugin. The zero value is trust on
	// first use.
	Policy trust.Policy

	StartTimeout time.Duration // to start and describe itself; 0: 10 s
	CallTimeout  time.Duration // of one call, start included; 0: 60 s; negative: none
	CrashLimit   int           // crashes within CrashWindow that open the breaker; 0: 3
	CrashWindow  time.Duration // 0: one minute

	// Env lists what a plugin finds in its environment besides LANG, TZ and a
	// TMPDIR of its own: NAME to pass a variable of this process on, NAME=VALUE to
	// set one.
	Env []string

	// What a plugin may do, on Linux, as far as the system can be told: it writes
	// files below its own TMPDIR and WriteDirs only, and signals no process but its
	// own (Landlock); it has MaxFiles open files at most (0: 1024) and MaxMemory
	// bytes of memory (0: no limit). Unconfined lets it write and signal what the
	// user may.
	WriteDirs  []string
	MaxFiles   int
	MaxMemory  int64
	Unconfined bool

	// Reattach lets Load connect to plugins that somebody runs with -debug, as
	// the variable ADJOINT_REATTACH_PLUGINS says. For debugging only: whoever
	// sets the variable chooses what runs.
	Reattach bool

	// Logger receives what plugins write to standard error, and news of their
	// processes. nil: nothing is logged.
	Logger hclog.Logger
}

func (o Options) withDefaults() Options {
	if o.StartTimeout <= 0 {
		o.StartTimeout = 10 * time.Second
	}
	if o.CallTimeout == 0 {
		o.CallTimeout = time.Minute
	}
	if o.CrashLimit <= 0 {
		o.CrashLimit = 3
	}
	if o.CrashWindow <= 0 {
		o.CrashWindow = time.Minute
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	return o
}

func (o Options) environment() []string {
	var env []string
	for _, entry := range append([]string{"LANG", "TZ"}, o.Env...) {
		if strings.Contains(entry, "=") {
			env = append(env, entry)
		} else if value, ok := os.LookupEnv(entry); ok {
			env = append(env, entry+"="+value)
		}
	}
	return env
}

func (o Options) confinement() confinement {
	c := confinement{files: uint64(o.MaxFiles), memory: uint64(max(o.MaxMemory, 0))}
	if o.MaxFiles <= 0 {
		c.files = defaultFiles
	}
	if !o.Unconfined {
		c.write = append([]string{}, o.WriteDirs...)
	}
	return c
}

// Registry finds and loads plugins, and ends them all with Close. It may be used
// by many goroutines at once.
type Registry struct {
	options Options
	dir     *sockets

	ended context.Context
	end   context.CancelFunc

	loading sync.Mutex // held while a plugin is loaded, so that none is loaded twice
	mu      sync.Mutex
	loaded  map[string]*Plugin // by the keys of candidates
	closed  bool
}

// Open makes a registry. It runs no plugin and does not look into the folders
// yet. Close it to end the plugins it loads.
func Open(o Options) (*Registry, error) {
	for _, entry := range o.Env {
		if name, _, _ := strings.Cut(entry, "="); name == "" || strings.ContainsRune(entry, 0) {
			return nil, fmt.Errorf("plugins: Options.Env holds %q; it needs NAME or NAME=VALUE", clip(entry))
		}
	}
	dir, err := makeSockets()
	if err != nil {
		return nil, err
	}
	r := &Registry{options: o.withDefaults(), dir: dir, loaded: make(map[string]*Plugin)}
	r.ended, r.end = context.WithCancel(context.Background())
	return r, nil
}

// Load finds the plugin by its name, "org/name" or "org/name@version", checks it,
// starts a private copy of its program and returns it. A plugin that is loaded
// already is returned again; if the one in the folder is another by now, that is
// [ErrStale]. What the package is refused for is a [*store.Error], a
// [*manifest.Error] or a [*trust.Error], and nothing of it was run then.
func (r *Registry) Load(ctx context.Context, name string) (*Plugin, error) {
	id, _, _ := strings.Cut(name, "@")
	if p, err := r.loadAttached(ctx, id); p != nil || err != nil {
		return p, err
	}
	found, err := r.Find(name)
	if err != nil {
		return nil, err
	}
	return r.loadFound(ctx, found)
}

// LoadFile starts the program at path and returns it. A plugin that is loaded
// already is returned again. Nothing vouches for such a program, so a policy
// that asks for a lock or a signature refuses it.
func (r *Registry) LoadFile(ctx context.Context, path string) (*Plugin, error) {
	full, err := program(path)
	if err != nil {
		return nil, err
	}
	switch {
	case r.options.Policy.RequireLock:
		return nil, &StartError{Path: path, Err: trust.ErrNotLocked}
	case len(r.options.Policy.Keys) > 0:
		return nil, &StartError{Path: path, Err: trust.ErrUnsigned}
	}
	return r.keep(ctx, candidate{key: full})
}

// keep returns the plugin that the registry knows by the candidate's key, or
// loads and checks it.
func (r *Registry) keep(ctx context.Context, c candidate) (*Plugin, error) {
	r.loading.Lock()
	defer r.loading.Unlock()
	r.mu.Lock()
	p, closed := r.loaded[c.key], r.closed
	r.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	if p != nil && p.manifest != c.digest {
		return nil, fmt.Errorf("plugin %s: %w; stop the plugin and load it again", p.ID(), ErrStale)
	}
	if p != nil {
		return p, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.ended, cancel)()
	path, drop, err := c.prepare(ctx)
	if err != nil {
		return nil, err
	}
	l := launch{
		path: path, dir: r.dir.path, env: r.options.environment(),
		timeout: r.options.StartTimeout, logger: r.options.Logger, attach: c.attach, confine: r.options.confinement(),
	}
	p, err = newPlugin(ctx, l, r.options)
	if err != nil {
		drop()
		if r.ended.Err() != nil {
			return nil, ErrClosed
		}
		return nil, c.explain(err)
	}
	p.manifest = c.digest
	if c.check != nil {
		err = c.check(p)
	}
	if err != nil {
		_ = p.Stop()
		drop()
		return nil, &StartError{Path: c.key, Err: fmt.Errorf("%w: %w", ErrDescribe, err)}
	}
	p.forget = func() { r.forget(c.key, p); drop() }
	p.successor = r.byID
	r.mu.Lock()
	if closed = r.closed; !closed {
		r.loaded[c.key] = p
	}
	r.mu.Unlock()
	if closed {
		return nil, errors.Join(ErrClosed, p.Stop())
	}
	return p, nil
}

func (r *Registry) forget(path string, p *Plugin) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded[path] == p {
		delete(r.loaded, path)
	}
}

func (r *Registry) byID(id string) *Plugin {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.loaded {
		if p.ID() == id {
			return p
		}
	}
	return nil
}

// Loaded returns the plugins that run now, in no order.
func (r *Registry) Loaded() []*Plugin {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*Plugin
	for _, p := range r.loaded {
		out = append(out, p)
	}
	return out
}

// Close stops every plugin, all at the same time, and removes what the registry
// made. It may be called again.
func (r *Registry) Close() error {
	r.mu.Lock()
	first := !r.closed
	r.closed = true
	r.mu.Unlock()
	if !first {
		return nil
	}
	r.end()
	r.loading.Lock() // a start that was under way ends first
	defer r.loading.Unlock()
	running := r.Loaded()
	errs := make([]error, len(running)+1)
	var wg sync.WaitGroup
	for i, p := range running {
		wg.Go(func() { errs[i] = p.Stop() })
	}
	wg.Wait()
	errs[len(running)] = r.dir.remove()
	return errors.Join(errs...)
}

// program checks that path is a file that may be run, and makes it absolute.
func program(path string) (string, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return "", &StartError{Path: path, Err: err}
	}
	info, err := os.Stat(full)
	switch {
	case err != nil:
		return "", &StartError{Path: path, Err: errors.Unwrap(err)}
	case !info.Mode().IsRegular():
		return "", &StartError{Path: path, Err: os.ErrInvalid, Detail: "it is no regular file"}
	case info.Mode().Perm()&0o111 == 0:
		return "", &StartError{Path: path, Err: os.ErrPermission, Detail: "it is not executable"}
	case info.Mode().Perm()&0o002 != 0:
		return "", &StartError{Path: path, Err: os.ErrPermission, Detail: "everybody may write to it; remove that permission"}
	}
	return full, nil
}
