package kernelpb

import (
	"fmt"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

// PluginToWire converts a description.
func PluginToWire(p *spec.Plugin) *DescribeResponse {
	w := &DescribeResponse{Id: p.ID, Version: p.Version, Build: p.Build}
	for i := range p.Kernels {
		w.Kernels = append(w.Kernels, kernelToWire(&p.Kernels[i]))
	}
	return w
}

// PluginFromWire converts and validates a description.
func PluginFromWire(w *DescribeResponse) (*spec.Plugin, error) {
	p := &spec.Plugin{ID: w.GetId(), Version: w.GetVersion(), Build: w.GetBuild()}
	for _, wk := range w.GetKernels() {
		k, err := kernelFromWire(wk)
		if err != nil {
			return nil, &spec.InvalidError{Plugin: p.ID, Kernel: wk.GetName(), Reason: err.Error()}
		}
		p.Kernels = append(p.Kernels, k)
	}
	return p, p.Validate()
}

func kernelToWire(k *spec.Kernel) *Kernel {
	w := &Kernel{Name: k.Name, Doc: k.Doc, Asks: k.Asks, Vjp: k.VJP, Jvp: k.JVP, Deterministic: k.Deterministic}
	if k.VMap == spec.BatchLeading {
		w.Vmap = VMap_VMAP_LEADING
	}
	for _, in := range k.Inputs {
		wi := &Input{Name: in.Name, Values: in.Values}
		for _, d := range in.DTypes {
			wi.Dtypes = append(wi.Dtypes, toWire[d])
		}
		w.Inputs = append(w.Inputs, wi)
	}
	for _, out := range k.Outputs {
		w.Outputs = append(w.Outputs, &Output{Name: out.Name, Shape: out.Shape, Dtype: out.DType})
	}
	for _, a := range k.Attrs {
		w.Attrs = append(w.Attrs, &AttrSpec{Name: a.Name, Kind: string(a.Kind), Initial: a.Initial})
	}
	for _, s := range k.Sources {
		w.Sources = append(w.Sources, &Source{Backend: string(s.Backend), Code: s.Code, Grid: s.Grid, Threads: int32(s.Threads)})
	}
	for _, s := range k.Samples {
		ws := &Sample{Attrs: s.Attrs}
		for _, shape := range s.Shapes {
			ws.Shapes = append(ws.Shapes, &Shape{Sizes: sizesToWire(shape)})
		}
		w.Samples = append(w.Samples, ws)
	}
	return w
}

func sizesToWire(shape []int) []int64 {
	out := make([]int64, len(shape))
	for i, n := range shape {
		out[i] = int64(n)
	}
	return out
}

func kernelFromWire(w *Kernel) (spec.Kernel, error) {
	k := spec.Kernel{Name: w.GetName(), Doc: w.GetDoc(), Asks: w.GetAsks(), VJP: w.GetVjp(), JVP: w.GetJvp(), Deterministic: w.GetDeterministic()}
	switch w.GetVmap() {
	case VMap_VMAP_NONE:
	case VMap_VMAP_LEADING:
		k.VMap = spec.BatchLeading
	default:
		return k, fmt.Errorf("batch rule number %d is not known", w.GetVmap())
	}
	for _, wi := range w.GetInputs() {
		in := spec.Input{Name: wi.GetName(), Values: wi.GetValues()}
		for _, d := range wi.GetDtypes() {
			plain, ok := fromWire[d]
			if !ok {
				return k, fmt.Errorf("dtype number %d is not known", d)
			}
			in.DTypes = append(in.DTypes, plain)
		}
		k.Inputs = append(k.Inputs, in)
	}
	for _, wo := range w.GetOutputs() {
		k.Outputs = append(k.Outputs, spec.Output{Name: wo.GetName(), Shape: wo.GetShape(), DType: wo.GetDtype()})
	}
	for _, wa := range w.GetAttrs() {
		k.Attrs = append(k.Attrs, spec.Attr{Name: wa.GetName(), Kind: spec.AttrKind(wa.GetKind()), Initial: wa.GetInitial()})
	}
	for _, ws := range w.GetSources() {
		k.Sources = append(k.Sources, spec.Source{
			Backend: spec.Backend(ws.GetBackend()), Code: ws.GetCode(), Grid: ws.GetGrid(), Threads: int(ws.GetThreads()),
		})
	}
	for _, ws := range w.GetSamples() {
		s := spec.Sample{Shapes: [][]int{}, Attrs: ws.GetAttrs()}
		for _, shape := range ws.GetShapes() {
			sizes := make([]int, len(shape.GetSizes()))
			for i, n := range shape.GetSizes() {
				sizes[i] = int(n)
			}
			s.Shapes = append(s.Shapes, sizes)
		}
		k.Samples = append(k.Samples, s)
	}
	return k, nil
}
