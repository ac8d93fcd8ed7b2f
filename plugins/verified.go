package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/plugins/manifest"
	"github.com/adjoint-go/adjoint/plugins/store"
	"github.com/adjoint-go/adjoint/plugins/trust"
)

// verified is a package that the policy lets run, to be loaded.
type verified struct {
	pack   *store.Package
	dir    string // where copies may be made
	digest string // of the manifest
	pinned bool   // in the lock file
}

// verify opens a package and asks the policy.
func (r *Registry) verify(found Found) (*verified, error) {
	p, err := found.Open()
	if err != nil {
		return nil, err
	}
	lock, err := r.lock()
	if err == nil {
		err = r.options.Policy.Check(p.Claim(), lock)
	}
	if err == nil && !slices.Contains(p.Manifest.Protocols, kernelpb.Version) {
		err = &StartError{Path: found.Dir, Err: ErrProtocol,
			Detail: fmt.Sprintf("the plugin speaks %v, the host [%d]", p.Manifest.Protocols, kernelpb.Version)}
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return &verified{
		pack: p, dir: r.dir.path, digest: manifest.Digest(p.Text),
		pinned: lock.Check(p.Manifest.ID, p.Manifest.Version, p.Text) == nil,
	}, nil
}

// stage makes the copy that is run, and checks that copy. The program in the
// folder may change as it likes from then on.
func (v *verified) stage(ctx context.Context) (program string, drop func(), err error) {
	c, err := v.pack.Copy(ctx, v.dir)
	if err != nil {
		return "", nil, err
	}
	return c.Program, func() { _ = c.Remove() }, nil
}

// check compares what the program says about itself with its manifest.
func (v *verified) check(p *Plugin) error { return v.pack.Manifest.Differs(p.about) }

// pin remembers a plugin at its first use.
func (r *Registry) pin(v *verified) error {
	if r.options.Lock == "" || v.pinned {
		return nil
	}
	m := v.pack.Manifest
	return trust.UpdateLock(r.options.Lock, func(l *trust.Lock) error {
		err := l.Check(m.ID, m.Version, v.pack.Text)
		if errors.Is(err, trust.ErrNotLocked) {
			l.Set(m.ID, m.Version, v.pack.Text)
			return nil
		}
		return err
	})
}

// loadFound loads an installed plugin.
func (r *Registry) loadFound(ctx context.Context, found Found) (*Plugin, error) {
	v, err := r.verify(found)
	if err != nil {
		return nil, err
	}
	defer v.pack.Close()
	p, err := r.keep(ctx, candidate{key: found.Dir, digest: v.digest, stage: v.stage, check: v.check})
	if err != nil {
		return nil, err
	}
	if err := r.pin(v); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// candidate is what keep loads.
type candidate struct {
	key    string      // under which the registry knows it; the program's path, if there is no stage
	digest string      // of the manifest
	attach *attachment // a process that runs already
	stage  func(context.Context) (program string, drop func(), err error)
	check  func(*Plugin) error
}

// prepare returns the program to run and what clears up after it.
func (c *candidate) prepare(ctx context.Context) (program string, drop func(), err error) {
	if c.stage == nil {
		return c.key, func() {}, nil
	}
	return c.stage(ctx)
}

// explain speaks of the place that a person knows, not of the private copy.
func (c *candidate) explain(err error) error {
	var start *StartError
	if c.stage == nil || !errors.As(err, &start) {
		return err
	}
	if errors.Is(start.Err, os.ErrPermission) && start.Detail == "" {
		start.Detail = "may programs run in " + os.TempDir() + "? if not, set TMPDIR to a folder where they may"
	}
	start.Path = c.key
	return err
}

// ManifestDigest returns the SHA-256 of the plugin's plugin.json in hex, as
// plugins.lock has it; empty for a plugin that was loaded without one.
func (p *Plugin) ManifestDigest() string { return p.manifest }
