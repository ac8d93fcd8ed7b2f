// Package store keeps plugins in folders: it finds them, checks them, copies
// them for a host to run, installs and removes them. It never runs one.
//
// A plugin lies in DIR/org/name/version/os_arch, where DIR is a folder that
// [Dirs] lists: its plugin.json (package manifest), the signatures, its program
// and further files. Two folders that provide the same plugin are an error that
// names both, so that no folder can put its own in place of another's.
//
// What lies there may be hostile. A folder or file that everybody may write to,
// a symbolic link, and a path that leads out of the package are refused with an
// [*Error] that wraps [ErrUnsafe]. To run a plugin, [Package.Copy] copies what
// the manifest lists into a private folder and hashes the copy, so that what was
// checked is what runs, whatever happens to the original in between.
//
// [Install] takes a folder, a tar or a tar.gz file. An installation appears at
// once, complete and checked, or not at all.
package store
