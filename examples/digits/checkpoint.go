package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/mlxio"
	"github.com/adjoint-go/adjoint/core/tree"
	"github.com/adjoint-go/adjoint/nn"
)

const (
	modelFile      = "model.safetensors"      // the weights
	checkpointFile = "checkpoint.safetensors" // all that training needs to go on
	progressKey    = "progress"
)

// save writes the model and the checkpoint.
func (t *trainer) save(dir string) (err error) {
	defer core.Catch(&err)
	p, err := json.Marshal(t.Progress)
	if err != nil {
		return err
	}
	if err := nn.Save(filepath.Join(dir, modelFile), t.state.Net); err != nil {
		return err
	}
	return mlxio.SaveSafetensors(filepath.Join(dir, checkpointFile), tree.Flatten(t.state), map[string]string{progressKey: string(p)})
}

// readProgress returns where the run in dir stands.
func readProgress(dir string) (p Progress, arrays map[string]*core.Array, err error) {
	path := filepath.Join(dir, checkpointFile)
	arrays, meta, err := mlxio.LoadSafetensors(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil, fmt.Errorf("nothing to resume: there is no %s; run without --resume first", path)
	}
	if err != nil {
		return p, nil, err
	}
	if err := json.Unmarshal([]byte(meta[progressKey]), &p); err != nil {
		return p, nil, fmt.Errorf("%s has no readable progress: it is no checkpoint of this program", path)
	}
	if err := p.Settings.check(); err != nil {
		return p, nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, arrays, nil
}

// resume puts the trainer where p stands.
func (t *trainer) resume(p Progress, arrays map[string]*core.Array) error {
	state, err := tree.Unflatten(t.state, arrays)
	if err != nil {
		return err
	}
	if p.Images < 0 || p.Images >= t.train.size() {
		return fmt.Errorf("the checkpoint stands at image %d of %d", p.Images, t.train.size())
	}
	t.state, t.Progress = state, p
	return nil
}
