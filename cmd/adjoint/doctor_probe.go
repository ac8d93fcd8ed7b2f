package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
	"unsafe"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// Device types and the dtype float32, by MLX's numbers.
const (
	deviceCPU = 0
	deviceGPU = 1
	float32s  = 10
)

// figures is what an engine was measured to do.
type figures struct {
	Devices []device `json:"devices"`
	Add     float64  `json:"add_ns"` // one addition built, not evaluated, and freed
}

type device struct {
	Type   string  `json:"type"` // cpu or gpu
	Name   string  `json:"name,omitempty"`
	GFLOPS float64 `json:"matmul_gflops"` // of a 1024x1024x1024 product of float32
}

// probeInSubprocess measures an engine in a process of its own, since a damaged one may take its process down.
func probeInSubprocess(ctx context.Context, dir string) (*figures, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, exe, "self-check", "--measure", dir)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		if first, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n"); first != "" {
			return nil, fmt.Errorf("the engine in %s does not work: %s", dir, first)
		}
		return nil, fmt.Errorf("the engine in %s does not work: %w", dir, err)
	}
	f := new(figures)
	return f, json.Unmarshal(out.Bytes(), f)
}

// probe measures each device for a fraction of a second. The engine is open and its lock held.
func probe() (*figures, error) {
	f := new(figures)
	for typ, name := range []string{"cpu", "gpu"} {
		for index := range engine.Devices(typ) {
			engine.StreamUse(engine.StreamDefault(typ, index))
			gflops, err := probeMatmul(250 * time.Millisecond)
			if err != nil {
				return nil, err
			}
			f.Devices = append(f.Devices, device{Type: name, Name: deviceName(typ, index), GFLOPS: gflops})
		}
	}
	engine.StreamUse(engine.StreamDefault(deviceCPU, 0))
	var err error
	f.Add, err = probeAdd(100 * time.Millisecond)
	return f, err
}

// probeMatmul returns the best of the products that fit in a time, after one that warms up.
func probeMatmul(budget time.Duration) (float64, error) {
	const n = 1024
	ones := make([]float32, n*n)
	for i := range ones {
		ones[i] = 1
	}
	a, err := matrix(ones, n)
	if err != nil {
		return 0, err
	}
	defer engine.Free([]engine.Handle{a})
	best := time.Duration(1<<63 - 1)
	for began, round := time.Now(), 0; round < 3 || time.Since(began) < budget; round++ {
		start := time.Now()
		words := []uint64{uint64(a), uint64(a), 0}
		if engine.Do(engine.OpMatmul, &words[0], 0) < 0 {
			return 0, engineError("a matrix product")
		}
		product := []engine.Handle{engine.Handle(words[0])}
		code := engine.Eval(product, false, 0)
		took := time.Since(start)
		engine.Free(product)
		if code != engine.OK {
			return 0, engineError("a matrix product")
		}
		if round > 0 {
			best = min(best, took)
		}
	}
	return 2 * n * n * n / float64(best.Nanoseconds()), nil
}

// probeAdd returns the nanoseconds that one addition takes to build and free.
func probeAdd(budget time.Duration) (float64, error) {
	a, err := matrix([]float32{1, 2, 3, 4}, 2)
	if err != nil {
		return 0, err
	}
	defer engine.Free([]engine.Handle{a})
	count, began := 0, time.Now()
	for time.Since(began) < budget {
		for range 1000 {
			words := [3]uint64{uint64(a), uint64(a)}
			if engine.Do(engine.OpAdd, &words[0], 0) < 0 {
				return 0, engineError("an addition")
			}
			engine.Free([]engine.Handle{engine.Handle(words[0])})
			count++
		}
	}
	return float64(time.Since(began).Nanoseconds()) / float64(count), nil
}

// matrix makes a square matrix of n rows.
func matrix(data []float32, n int32) (engine.Handle, error) {
	var h engine.Handle
	if engine.NewArray(unsafe.Pointer(&data[0]), []int32{n, n}, float32s, &h) < 0 {
		return 0, engineError("an array")
	}
	return h, nil
}

// compute runs an op and returns the 2x2 matrix it gives.
func compute(what string, op engine.Op, words []uint64) ([]float32, error) {
	if engine.Do(op, &words[0], 0) < 0 {
		return nil, engineError(what)
	}
	h := engine.Handle(words[0])
	defer engine.Free([]engine.Handle{h})
	got := make([]float32, 4)
	if engine.Read(h, unsafe.Pointer(&got[0]), 16, 0) != engine.OK {
		return nil, engineError(what)
	}
	return got, nil
}

func engineError(what string) error { return fmt.Errorf("%s failed: %s", what, engine.Message()) }

// deviceName reads the name out of MLX's description: lines of a key, a tab and a value.
func deviceName(typ, index int) string {
	for line := range strings.Lines(engine.DeviceInfo(typ, index)) {
		if key, value, ok := strings.Cut(line, "\t"); ok && key == "device_name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
