package plugins

import (
	"fmt"

	"github.com/adjoint-go/adjoint/plugins/store"
	"github.com/adjoint-go/adjoint/plugins/trust"
)

// Found is a plugin in one of the folders. Nothing was run to find it.
type Found = store.Found

// SearchPath returns the folders in which the adjoint command looks for plugins:
// those given, those of $ADJOINT_PLUGIN_PATH, .adjoint/plugins in the working
// folder, and the user's. It is meant for Options.Dirs.
func SearchPath(first ...string) []string { return store.Dirs(first...) }

// List returns the plugins for this machine in all folders, sorted by name and
// version, the highest first. A folder that does not exist is empty.
func (r *Registry) List() ([]Found, error) {
	all, err := store.List(r.options.Dirs)
	if err != nil {
		return nil, fmt.Errorf("plugins: %w", err)
	}
	return all, nil
}

// Find returns the plugin that Load would start for the name, "org/name" or
// "org/name@version".
func (r *Registry) Find(name string) (Found, error) {
	ref, err := store.ParseRef(name)
	if err != nil {
		return Found{}, fmt.Errorf("plugins: %w", err)
	}
	lock, err := r.lock()
	if err != nil {
		return Found{}, err
	}
	return store.Find(r.options.Dirs, ref, lock)
}

// lock reads the lock file, nil where there is none.
func (r *Registry) lock() (*trust.Lock, error) {
	if r.options.Lock == "" {
		return nil, nil
	}
	return trust.ReadLock(r.options.Lock)
}
