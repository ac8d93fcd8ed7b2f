// Plugin-haversine calls a kernel that is written in Python: distances on the
// Earth, by numpy, inside grad, vmap and compile.
//
//	go run ./examples/plugin-haversine
//	go run ./examples/plugin-haversine -plugin PATH
//
// Without -plugin it makes a Python environment with what the kernel needs, once per
// user, and packs haversine-plugin, which is in the folder beside this file.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
	"github.com/adjoint-go/adjoint/transforms/vmap"
)

// startTimeout is generous: Python loads numpy and gRPC at its first start.
const startTimeout = time.Minute

func main() {
	path := flag.String("plugin", "", "the plugin's program; without it, haversine-plugin is packed")
	flag.Parse()
	if err := run(*path, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string, out io.Writer) (err error) {
	ctx := context.Background()
	if path == "" {
		dir, err := os.MkdirTemp("", "plugin-haversine")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		path = filepath.Join(dir, "haversine")
		if err := build(ctx, path); err != nil {
			return err
		}
	}
	reg, err := plugins.Open(plugins.Options{StartTimeout: startTimeout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reg.Close()) }()
	p, err := reg.LoadFile(ctx, path)
	if err != nil {
		return err
	}
	haversine, err := p.Kernel("haversine")
	if err != nil {
		return err
	}
	return show(haversine, out)
}

// cities are latitudes and longitudes in degrees.
var cities = []struct {
	name     string
	lat, lon float32
}{
	{"London", 51.5074, -0.1278},
	{"Paris", 48.8566, 2.3522},
	{"Cairo", 30.0444, 31.2357},
	{"Moscow", 55.7558, 37.6173},
}

func show(haversine *plugins.Kernel, out io.Writer) (err error) {
	defer core.Catch(&err)
	var points []float32
	for _, c := range cities {
		points = append(points, c.lat, c.lon)
	}
	all := core.From(points, len(cities), 2)
	distance := func(a, b *core.Array) *core.Array { return haversine.Call(a, b)[0] }

	table := vmap.Of(vmap.Of(distance, vmap.In(nil, 0)), vmap.In(0, nil))(all, all)
	km := core.Data[float32](table)
	fmt.Fprintf(out, "%-8s", "km")
	for _, c := range cities {
		fmt.Fprintf(out, "%10s", c.name)
	}
	for i, c := range cities {
		fmt.Fprintf(out, "\n%-8s", c.name)
		for j := range cities {
			fmt.Fprintf(out, "%10.1f", km[i*len(cities)+j])
		}
	}

	middle, slope := meet(distance, all)
	at := core.Data[float32](middle)
	fmt.Fprintf(out, "\nthe least mean squared distance is from %.2f° N %.2f° E (slope %.0e)\n", at[0], at[1], slope)
	return nil
}

// meet goes down the slope of the mean squared distance to all points, in units of
// 1,000 km, and returns where it ends and the largest slope left there.
func meet(distance func(a, b *core.Array) *core.Array, all *core.Array) (*core.Array, float64) {
	cost := func(at, all *core.Array) *core.Array {
		return distance(at.BroadcastTo(all.Shape()...), all).MulScalar(1e-3).Square().Mean()
	}
	step := compile.Of(grad.Of2(cost))
	at := all.Mean(0)
	slope := at
	for range 60 {
		slope = step.Call(at, all)
		// The cost's curvature is 2·(0.111)² per degree squared, to the north.
		at = at.Sub(slope.MulScalar(40)).Eval()
	}
	return at, slope.Abs().Max().Item()
}
