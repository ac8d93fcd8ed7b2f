package emulate

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

// The file names that the compiler and the debugger's tables see.
const (
	kernelFile = "kernel.metal"
	headerFile = "header.metal"
)

// region is a buffer of a kernel: an argument of its function.
type region struct {
	name     string
	elem     int // bytes
	data     []byte
	bytes    int
	writable bool
	initial  bool
	cast     string // how the function gets it from its address
}

// unit is a kernel as one C++ source.
type unit struct {
	text    string
	regions []region
	shared  []string // threadgroup variables
}

// Metal's names of the dtypes, as MLX writes them into a signature.
var typeNames = map[spec.DType]string{
	spec.Bool: "bool", spec.Uint8: "uint8_t", spec.Uint16: "uint16_t", spec.Uint32: "uint32_t", spec.Uint64: "uint64_t",
	spec.Int8: "int8_t", spec.Int16: "int16_t", spec.Int32: "int32_t", spec.Int64: "int64_t",
	spec.Float16: "float16_t", spec.BFloat16: "bfloat16_t", spec.Float32: "float", spec.Complex64: "complex64_t",
}

// The attributes of a thread that MLX makes arguments when the source mentions
// them, with how the emulator gets them.
var attributes = []struct{ name, typ, value string }{
	{"dispatch_quadgroups_per_threadgroup", "uint", "emu::count(emu_thread.dispatch_threads_per_threadgroup, 4)"},
	{"dispatch_simdgroups_per_threadgroup", "uint", "emu::count(emu_thread.dispatch_threads_per_threadgroup, 32)"},
	{"dispatch_threads_per_threadgroup", "uint3", "emu::three(emu_thread.dispatch_threads_per_threadgroup)"},
	{"grid_origin", "uint3", "uint3(0u)"},
	{"grid_size", "uint3", "emu::three(emu_thread.threads_per_grid)"},
	{"quadgroup_index_in_threadgroup", "uint", "emu_thread.thread_index_in_threadgroup / 4"},
	{"quadgroups_per_threadgroup", "uint", "emu::count(emu_thread.threads_per_threadgroup, 4)"},
	{"simdgroup_index_in_threadgroup", "uint", "emu_thread.thread_index_in_threadgroup / 32"},
	{"simdgroups_per_threadgroup", "uint", "emu::count(emu_thread.threads_per_threadgroup, 32)"},
	{"thread_execution_width", "uint", "32u"},
	{"thread_index_in_quadgroup", "uint", "emu_thread.thread_index_in_threadgroup % 4"},
	{"thread_index_in_simdgroup", "uint", "emu_thread.thread_index_in_threadgroup % 32"},
	{"thread_index_in_threadgroup", "uint", "emu_thread.thread_index_in_threadgroup"},
	{"thread_position_in_grid", "uint3", "emu::three(emu_thread.thread_position_in_grid)"},
	{"thread_position_in_threadgroup", "uint3", "emu::three(emu_thread.thread_position_in_threadgroup)"},
	{"threadgroup_position_in_grid", "uint3", "emu::three(emu_thread.threadgroup_position_in_grid)"},
	{"threadgroups_per_grid", "uint3", "emu::three(emu_thread.threadgroups_per_grid)"},
	{"threads_per_grid", "uint3", "emu::three(emu_thread.threads_per_grid)"},
	{"threads_per_simdgroup", "uint", "32u"},
	{"threads_per_threadgroup", "uint3", "emu::three(emu_thread.threads_per_threadgroup)"},
}

// write makes the C++ of a kernel: its header, a signature as MLX writes it, its
// body, and the call that gives one thread its arguments.
func (k Kernel) write(l Launch, in []spec.Tensor) (*unit, error) {
	u := &unit{}
	header, err := rewrite(k, true, &u.shared)
	if err != nil {
		return nil, err
	}
	body, err := rewrite(k, false, &u.shared)
	if err != nil {
		return nil, err
	}
	params := u.inputs(k, l, in)
	params = append(params, u.outputs(k, l)...)
	infos := len(u.regions) - len(in) - len(k.Outputs)
	var values []string
	for i, r := range u.regions {
		values = append(values, fmt.Sprintf(r.cast, fmt.Sprintf("emu::buffer(%d)", i)))
	}
	for _, a := range attributes {
		if strings.Contains(k.Source, a.name) {
			params = append(params, a.typ+" "+a.name)
			values = append(values, a.value)
		}
	}
	if infos > 0 && len(k.Outputs) > 1 && len(values) == len(u.regions) {
		return nil, k.fault(ErrCompile, "MLX writes no valid signature for a kernel with several outputs that uses the shape of an input and no position of its thread; mention one, such as thread_position_in_grid")
	}
	declared, given := templates(l.Template)
	u.text = fmt.Sprintf(`#include "metal.h"
#line 1 "%s"
%s
#line 1 "signature"
%svoid custom_kernel_%s(%s) {
#line 1 "%s"
%s
}
void emu_kernel(const emu::Thread& emu_thread) { custom_kernel_%s%s(%s); }
void emu_fill(float emu_value) {
%s}
`, headerFile, header, declared, k.Name, strings.Join(params, ", "), kernelFile, body, k.Name, given, strings.Join(values, ", "), u.fill(l))
	return u, nil
}

// inputs adds the buffers of the inputs, each followed by what the source asks of
// its shape.
func (u *unit) inputs(k Kernel, l Launch, in []spec.Tensor) (params []string) {
	for i, t := range in {
		n, typ := k.Inputs[i], typeNames[t.DType]
		r := region{name: n, elem: t.DType.Size(), data: t.Data, bytes: len(t.Data), initial: true, cast: "(const " + typ + "*)%s"}
		if len(t.Shape) == 0 {
			r.cast = "*" + r.cast
			u.regions = append(u.regions, r)
			params = append(params, "const "+typ+"& "+n)
			continue
		}
		u.regions = append(u.regions, r)
		params = append(params, "const "+typ+"* "+n)
		var strides []int
		if len(l.Strides) > 0 {
			strides = l.Strides[i]
		}
		if strides == nil {
			strides = contiguous(t.Shape)
		}
		for _, info := range []struct {
			name, param, cast string
			elem              int
			values            []int
		}{
			{n + "_shape", "const int* ", "(const int*)%s", 4, t.Shape},
			{n + "_strides", "const int64_t* ", "(const int64_t*)%s", 8, strides},
			{n + "_ndim", "const int& ", "*(const int*)%s", 4, []int{len(t.Shape)}},
		} {
			if strings.Contains(k.Source, info.name) {
				data := integers(info.values, info.elem)
				u.regions = append(u.regions, region{name: info.name, elem: info.elem, data: data, bytes: len(data), initial: true, cast: info.cast})
				params = append(params, info.param+info.name)
			}
		}
	}
	return params
}

func (u *unit) outputs(k Kernel, l Launch) (params []string) {
	for i, t := range l.Outputs {
		bytes, _ := t.Bytes()
		typ := typeNames[t.DType]
		if k.AtomicOutputs {
			typ = "atomic<" + typ + ">"
		}
		u.regions = append(u.regions, region{name: k.Outputs[i], elem: t.DType.Size(), bytes: bytes, writable: true, initial: l.InitValue != nil, cast: "(" + typ + "*)%s"})
		params = append(params, typ+"* "+k.Outputs[i])
	}
	return params
}

// fill writes the loops that give the outputs their initial value.
func (u *unit) fill(l Launch) string {
	var b strings.Builder
	first := len(u.regions) - len(l.Outputs)
	for i, t := range l.Outputs {
		fmt.Fprintf(&b, "  emu::fill<%s>(%d, emu_value);\n", typeNames[t.DType], first+i)
	}
	return b.String()
}

// templates returns the declaration of template parameters, in the order of
// their names, and the arguments.
func templates(args map[string]any) (declared, given string) {
	if len(args) == 0 {
		return "", ""
	}
	var names, params, values []string
	for n := range args {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		switch v := args[n].(type) {
		case int:
			params, values = append(params, "int "+n), append(values, fmt.Sprint(v))
		case bool:
			params, values = append(params, "bool "+n), append(values, fmt.Sprint(v))
		case spec.DType:
			params, values = append(params, "typename "+n), append(values, typeNames[v])
		}
	}
	return "template <" + strings.Join(params, ", ") + ">\n", "<" + strings.Join(values, ", ") + ">"
}

func contiguous(shape []int) []int {
	strides := make([]int, len(shape))
	step := 1
	for i, size := range slices.Backward(shape) {
		strides[i] = step
		step *= size
	}
	return strides
}

// integers returns the bytes of values, little-endian.
func integers(values []int, size int) []byte {
	out := make([]byte, 0, len(values)*size)
	for _, v := range values {
		for i := range size {
			out = append(out, byte(uint64(v)>>(8*i)))
		}
	}
	return out
}
