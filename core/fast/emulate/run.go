package emulate

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

// patience is how long the process may outlive its own limit.
const patience = 5 * time.Second

// Run emulates the kernel over the grid and returns its outputs. What is wrong
// with the kernel or the launch is an [*Error]; a machine without a compiler, or
// one that refuses what the emulator needs, is another error; the end of ctx is
// its own.
func (k Kernel) Run(ctx context.Context, l Launch, in ...spec.Tensor) ([]spec.Tensor, error) {
	if err := k.check(l, in); err != nil {
		return nil, err
	}
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("%w: the emulator runs on Linux", ErrSystem)
	}
	if l.Limit == 0 {
		l.Limit = minute
	}
	u, err := k.write(l, in)
	if err != nil {
		return nil, err
	}
	program, err := k.build(ctx, u)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "adjoint-emulate-")
	if err != nil {
		return nil, fmt.Errorf("emulate: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := u.lay(dir, l); err != nil {
		return nil, fmt.Errorf("emulate: %w", err)
	}
	if err := k.execute(ctx, program, dir, l.Limit); err != nil {
		return nil, err
	}
	if err := k.judge(program, dir, u, l); err != nil {
		return nil, err
	}
	return u.collect(dir, l)
}

// lay writes the files that the process reads: the plan, and one for each buffer.
func (u *unit) lay(dir string, l Launch) error {
	plan := []uint64{uint64(l.Limit.Milliseconds())}
	for _, list := range [][3]int{l.Grid, l.Group} {
		for i, v := range list {
			plan = append(plan, uint64(min(v, l.Grid[i])))
		}
	}
	if l.InitValue != nil {
		plan = append(plan, 1, uint64(math.Float32bits(float32(*l.InitValue))))
	} else {
		plan = append(plan, 0, 0)
	}
	plan = append(plan, uint64(len(u.regions)))
	for i, r := range u.regions {
		plan = append(plan, uint64(r.bytes), uint64(r.elem), flag(r.writable), flag(r.initial))
		path := filepath.Join(dir, fmt.Sprintf("r%d", i))
		if err := os.WriteFile(path, r.data, 0o600); err != nil {
			return err
		}
		if r.writable {
			if err := os.Truncate(path, int64(r.bytes)); err != nil {
				return err
			}
		}
	}
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, plan); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "plan"), b.Bytes(), 0o600)
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// execute runs the program. Its own timer is the first to end it, since that
// tells the line; the deadline here is for one that ignores it.
func (k Kernel) execute(ctx context.Context, program, dir string, limit time.Duration) error {
	hard, cancel := context.WithTimeout(ctx, limit+patience)
	defer cancel()
	cmd := exec.CommandContext(hard, program, dir)
	cmd.Env = []string{}
	cmd.WaitDelay = patience
	var said bytes.Buffer
	cmd.Stderr = &said
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case hard.Err() != nil:
		return k.fault(ErrTimeout, "it was ended after %s", limit+patience)
	case err == nil:
		return nil
	}
	if _, none := os.Stat(filepath.Join(dir, "report")); none == nil {
		return k.fault(ErrCrash, "its process ended with %v, as one does that asks the system for something or finds no memory", err)
	}
	if _, ended := errors.AsType[*exec.ExitError](err); ended {
		return k.systemError(ctx, strings.Join(strings.Fields(said.String()), " "))
	}
	return fmt.Errorf("emulate: kernel %s: %w", k.Name, err)
}

// collect reads the outputs.
func (u *unit) collect(dir string, l Launch) ([]spec.Tensor, error) {
	out := make([]spec.Tensor, len(l.Outputs))
	first := len(u.regions) - len(out)
	for i, t := range l.Outputs {
		data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("r%d", first+i)))
		if err != nil {
			return nil, fmt.Errorf("emulate: %w", err)
		}
		out[i] = spec.Tensor{Type: t, Data: data}
	}
	return out, nil
}
