package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/adrg/xdg"

	"github.com/adjoint-go/adjoint/plugins/spec"
	"github.com/adjoint-go/adjoint/plugins/trust"
)

// PathEnv names the variable that lists folders of plugins, parted as PATH is.
const PathEnv = "ADJOINT_PLUGIN_PATH"

// ProjectDir is the folder of plugins of a project, below its own.
const ProjectDir = ".adjoint/plugins"

// UserDir returns the folder of the user's plugins.
func UserDir() string { return filepath.Join(xdg.DataHome, "adjoint", "plugins") }

// Dirs returns the folders in which plugins are looked for: those given, those
// of $ADJOINT_PLUGIN_PATH, .adjoint/plugins in the working folder, and the
// user's. They need not exist.
func Dirs(first ...string) []string {
	dirs := slices.Clone(first)
	dirs = append(dirs, filepath.SplitList(os.Getenv(PathEnv))...)
	dirs = append(dirs, filepath.FromSlash(ProjectDir), UserDir())
	var out []string
	for _, dir := range dirs {
		if dir != "" && !slices.Contains(out, filepath.Clean(dir)) {
			out = append(out, filepath.Clean(dir))
		}
	}
	return out
}

// Platform returns what this machine is, in the words of Go: linux_amd64.
func Platform() string { return runtime.GOOS + "_" + runtime.GOARCH }

// Ref names a plugin.
type Ref struct {
	ID      string // "org/name"
	Version string // empty: any
}

// ParseRef reads "org/name" or "org/name@1.2.3".
func ParseRef(s string) (Ref, error) {
	id, version, fixed := strings.Cut(s, "@")
	if !spec.ValidID(id) || fixed && !spec.ValidVersion(version) {
		return Ref{}, fmt.Errorf("%q is not of the form org/name or org/name@1.2.3", clip(s))
	}
	return Ref{id, version}, nil
}

func (r Ref) String() string {
	if r.Version == "" {
		return r.ID
	}
	return r.ID + "@" + r.Version
}

// Found is a plugin for this machine in one of the folders. Nothing was run, and
// nothing is checked yet.
type Found struct {
	ID, Version string
	Dir         string // the folder that holds plugin.json
	Root        string // the one of the folders, without links
}

// List returns the plugins for this machine in all folders, sorted by name and
// version, the highest first. A folder that does not exist is empty; one that
// everybody may write to is an error.
func List(dirs []string) ([]Found, error) {
	var all []Found
	var seen []string
	for _, dir := range dirs {
		root, err := resolve(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if slices.Contains(seen, root) {
			continue // two spellings of one folder
		}
		seen = append(seen, root)
		found, err := scan(root)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.SortStableFunc(all, func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), -CompareVersions(a.Version, b.Version))
	})
	return all, nil
}

// Find returns the plugin that a name means. If the lock pins versions of it,
// only those count; the highest is taken. Two folders that provide it are an
// error.
func Find(dirs []string, ref Ref, lock *trust.Lock) (Found, error) {
	all, err := List(dirs)
	if err != nil {
		return Found{}, err
	}
	have := slices.DeleteFunc(all, func(f Found) bool { return f.ID != ref.ID || ref.Version != "" && f.Version != ref.Version })
	if len(have) == 0 {
		return Found{}, fail("plugin "+ref.String(), ErrNotFound, "for %s in %s", Platform(), strings.Join(dirs, ", "))
	}
	if ref.Version == "" && lock.Has(ref.ID, "") {
		pinned := slices.DeleteFunc(slices.Clone(have), func(f Found) bool { return !lock.Has(f.ID, f.Version) })
		if len(pinned) == 0 {
			return Found{}, fail("plugin "+ref.String(), ErrNotFound, "%s pins other versions than the one in %s", lock.Path(), have[0].Dir)
		}
		have = pinned
	}
	for _, f := range have {
		if f.Root != have[0].Root {
			return Found{}, fail("plugin "+ref.String(), ErrAmbiguous, "%s and %s", have[0].Dir, f.Dir)
		}
	}
	return have[0], nil
}

// scan lists root/org/name/version/os_arch. It follows links, so that what they
// lead to is refused when it is opened and not overlooked.
func scan(root string) ([]Found, error) {
	var out []Found
	orgs, err := folders(root)
	if err != nil {
		return nil, err
	}
	for _, org := range orgs {
		if !spec.ValidID(org + "/x") {
			continue
		}
		names, err := folders(filepath.Join(root, org))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			id := org + "/" + name
			if !spec.ValidID(id) {
				continue
			}
			versions, err := folders(filepath.Join(root, org, name))
			if err != nil {
				return nil, err
			}
			for _, version := range versions {
				dir := filepath.Join(root, org, name, version, Platform())
				if info, err := os.Stat(dir); spec.ValidVersion(version) && err == nil && info.IsDir() {
					out = append(out, Found{ID: id, Version: version, Dir: dir, Root: root})
				}
			}
		}
	}
	return out, nil
}

func folders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, system(dir, err)
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() || e.Type()&fs.ModeSymlink != 0 {
			if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && info.IsDir() {
				out = append(out, e.Name())
			}
		}
	}
	return out, nil
}
