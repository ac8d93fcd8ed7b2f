package install

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// Prune removes the engines below home that this version of Adjoint does not use, and returns their folders and the
// bytes freed. Programs of other versions must then make theirs again.
func Prune(ctx context.Context, home string) (removed []string, freed int64, err error) {
	if home == "" {
		home = native.Home()
	}
	release, err := lock(ctx, native.EnginesDir(home), func() {})
	if err != nil {
		return nil, 0, err
	}
	defer release()
	sweep(home)
	for _, e := range native.Engines(home) {
		if e.Current {
			continue
		}
		size := folderSize(e.Dir)
		if err := os.RemoveAll(e.Dir); err != nil {
			return removed, freed, err
		}
		removed = append(removed, e.Dir)
		freed += size
	}
	return removed, freed, nil
}

func folderSize(dir string) int64 {
	var size int64
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be read is not counted
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	return size
}
