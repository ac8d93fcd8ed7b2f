package plugins

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

// Found is a plugin in one of the folders. Nothing was run to find it.
type Found struct {
	ID, Version string
	Path        string // of its program
}

// List returns the plugins for this machine in all folders, sorted by name and
// version, the highest first. A folder that does not exist is empty.
func (r *Registry) List() ([]Found, error) {
	var all []Found
	for _, dir := range r.options.Dirs {
		found, err := scan(dir)
		if err != nil {
			return nil, fmt.Errorf("plugins: %w", err)
		}
		all = append(all, found...)
	}
	slices.SortStableFunc(all, func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), -compareVersions(a.Version, b.Version))
	})
	return all, nil
}

// Find returns the plugin that Load would start for the name, "org/name" or
// "org/name@version".
func (r *Registry) Find(name string) (Found, error) {
	id, version, fixed := strings.Cut(name, "@")
	if !spec.ValidID(id) || fixed && !spec.ValidVersion(version) {
		return Found{}, fmt.Errorf("plugins: %q is not of the form org/name or org/name@1.2.3", clip(name))
	}
	all, err := r.List()
	if err != nil {
		return Found{}, err
	}
	all = slices.DeleteFunc(all, func(f Found) bool { return f.ID != id || fixed && f.Version != version })
	switch {
	case len(all) == 0:
		return Found{}, fmt.Errorf("plugin %s: %w for %s in %v", name, ErrNotFound, platform(), r.options.Dirs)
	case len(all) > 1 && all[0].Version == all[1].Version:
		return Found{}, fmt.Errorf("plugin %s %s: %w: %s and %s", id, all[0].Version, ErrAmbiguous, all[0].Path, all[1].Path)
	}
	return all[0], nil
}

func platform() string { return runtime.GOOS + "_" + runtime.GOARCH }

// scan lists DIR/org/name/version/os_arch/name.
func scan(dir string) ([]Found, error) {
	var out []Found
	orgs, err := folders(dir)
	for _, org := range orgs {
		var names, versions []string
		if names, err = folders(filepath.Join(dir, org)); err != nil {
			return nil, err
		}
		for _, name := range names {
			id := org + "/" + name
			if !spec.ValidID(id) {
				continue
			}
			if versions, err = folders(filepath.Join(dir, org, name)); err != nil {
				return nil, err
			}
			for _, version := range versions {
				path := filepath.Join(dir, org, name, version, platform(), name)
				if info, err := os.Stat(path); spec.ValidVersion(version) && err == nil && info.Mode().IsRegular() {
					out = append(out, Found{ID: id, Version: version, Path: path})
				}
			}
		}
	}
	return out, err
}

func folders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out, err
}

// compareVersions orders 1.10.0 after 1.9.0, and 1.0.0-rc before 1.0.0.
func compareVersions(a, b string) int {
	baseA, preA, _ := strings.Cut(a, "-")
	baseB, preB, _ := strings.Cut(b, "-")
	partsA, partsB := strings.Split(baseA, "."), strings.Split(baseB, ".")
	for i := range min(len(partsA), len(partsB)) {
		x, _ := strconv.Atoi(partsA[i])
		y, _ := strconv.Atoi(partsB[i])
		if c := cmp.Compare(x, y); c != 0 {
			return c
		}
	}
	if (preA == "") != (preB == "") {
		return cmp.Compare(len(preB), len(preA))
	}
	return cmp.Compare(preA, preB)
}
