package plugins

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/adjoint-go/adjoint/plugins/internal/shm"
	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// liar speaks the protocol and does not keep it. The kernel's name says how.
type liar struct {
	kernelpb.UnimplementedKernelsServer
	about        *kernelpb.DescribeResponse
	refuse, deaf bool

	mu       sync.Mutex
	files    map[uint64]*os.File
	segments map[uint64][]byte
}

// lies are told in replies whose tensors are in the message, places in those
// whose tensors are in shared memory.
var (
	lies   = []string{"none", "twice", "dtype", "shape", "short", "long", "negative", "overflow", "enormous", "empty", "status", "places"}
	places = []string{"right", "past", "wrap", "elsewhere", "moved", "inline", "half", "shrink", "scribble", "notbool"}
)

func (l *liar) listen() {
	l.files, l.segments = make(map[uint64]*os.File), make(map[uint64][]byte)
	fd, err := strconv.Atoi(os.Getenv(kernelpb.LinkEnv))
	if err != nil {
		return
	}
	link, err := shm.OpenLink(os.NewFile(uintptr(fd), "link"))
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			id, f, err := link.Receive()
			if err != nil {
				os.Exit(1)
			}
			l.mu.Lock()
			l.files[id] = f
			l.mu.Unlock()
		}
	}()
}

func (l *liar) Describe(context.Context, *kernelpb.DescribeRequest) (*kernelpb.DescribeResponse, error) {
	if l.about != nil {
		return l.about, nil
	}
	p := &spec.Plugin{ID: "acme/liar", Version: "1.0.0"}
	for _, name := range slices.Concat(lies, places, []string{"flood"}) {
		p.Kernels = append(p.Kernels, spec.Kernel{
			Name: name, Inputs: []spec.Input{{Name: "x", DTypes: []spec.DType{spec.Float32, spec.Bool}}},
			Outputs: []spec.Output{{Name: "y", Shape: "shape(x)", DType: "dtype(x)"}},
		})
	}
	for _, name := range []string{"asks", "vast"} {
		p.Kernels = append(p.Kernels, spec.Kernel{Name: name, Asks: true, Outputs: []spec.Output{{Name: "y"}}})
	}
	return kernelpb.PluginToWire(p), nil
}

func (l *liar) InferShape(_ context.Context, r *kernelpb.InferShapeRequest) (*kernelpb.InferShapeResponse, error) {
	if r.GetKernel() == "vast" {
		return &kernelpb.InferShapeResponse{Error: &kernelpb.Error{Message: strings.Repeat("x", 300<<20)}}, nil
	}
	return &kernelpb.InferShapeResponse{Outputs: []*kernelpb.TensorType{{Dtype: kernelpb.DType_FLOAT32, Shape: []int64{-4}}}}, nil
}

func (l *liar) AttachSegment(ctx context.Context, r *kernelpb.AttachSegmentRequest) (*kernelpb.AttachSegmentResponse, error) {
	if l.refuse {
		return &kernelpb.AttachSegmentResponse{Error: &kernelpb.Error{Message: "no room\nfor that"}}, nil
	}
	if l.deaf {
		<-ctx.Done()
		select {}
	}
	var f *os.File
	for f == nil {
		l.mu.Lock()
		f = l.files[r.GetSegment()]
		l.mu.Unlock()
	}
	protection := unix.PROT_READ
	if r.GetWritable() {
		protection |= unix.PROT_WRITE
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, int(r.GetSize()), protection, unix.MAP_SHARED)
	l.mu.Lock()
	l.segments[r.GetSegment()] = mem
	l.mu.Unlock()
	return &kernelpb.AttachSegmentResponse{}, err
}

func (l *liar) Run(_ context.Context, r *kernelpb.RunRequest) (*kernelpb.RunResponse, error) {
	out := func(d kernelpb.DType, n int, shape ...int64) *kernelpb.Tensor {
		return &kernelpb.Tensor{Type: &kernelpb.TensorType{Dtype: d, Shape: shape}, Data: &kernelpb.Tensor_Inline{Inline: make([]byte, n)}}
	}
	f := kernelpb.DType_FLOAT32
	right := out(f, 8, 2)
	reply := map[string][]*kernelpb.Tensor{
		"twice":    {right, right},
		"dtype":    {out(kernelpb.DType_INT32, 8, 2)},
		"shape":    {out(f, 8, 2, 1)},
		"short":    {out(f, 4, 2)},
		"long":     {out(f, 12, 2)},
		"negative": {out(f, 8, -2)},
		"overflow": {out(f, 8, 1<<62, 1<<62)},
		"enormous": {out(f, 8, 1<<40)},
		"empty":    {nil},
		"places":   {{Type: right.Type, Data: &kernelpb.Tensor_Region{Region: &kernelpb.Region{Segment: 1, Length: 8}}}},
	}
	switch r.GetKernel() {
	case "flood":
		return &kernelpb.RunResponse{Outputs: []*kernelpb.Tensor{out(f, 300<<20, 2)}}, nil
	case "status":
		return nil, errors.New("this is not\nhow errors travel")
	}
	if outputs, ok := reply[r.GetKernel()]; ok || r.GetKernel() == "none" {
		return &kernelpb.RunResponse{Outputs: outputs}, nil
	}
	return l.place(r)
}

// place answers with tensors in shared memory.
func (l *liar) place(r *kernelpb.RunRequest) (*kernelpb.RunResponse, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from, to := r.GetInputs()[0].GetRegion(), r.GetOutputs()[0].GetRegion()
	mem := l.segments[to.GetSegment()]
	copy(mem[to.GetOffset():], l.segments[from.GetSegment()][from.GetOffset():][:from.GetLength()])
	at := &kernelpb.Region{Segment: to.GetSegment(), Offset: to.GetOffset(), Length: to.GetLength()}
	t := &kernelpb.Tensor{Type: r.GetOutputs()[0].GetType(), Data: &kernelpb.Tensor_Region{Region: at}}
	switch r.GetKernel() {
	case "past":
		at.Offset = uint64(len(mem)) - 64
	case "wrap":
		at.Offset = math.MaxUint64 - 63
	case "elsewhere":
		at.Segment = 1 << 40
	case "moved":
		at.Offset += 64
	case "inline":
		t.Data = &kernelpb.Tensor_Inline{Inline: make([]byte, to.GetLength())}
	case "half":
		at.Length /= 2
	case "notbool":
		mem[to.GetOffset()+5] = 9
	case "scribble":
		// By copies, since stores that nobody in the program reads may be left out.
		go func() {
			noise := make([]byte, len(mem))
			for {
				for j := range noise {
					noise[j]++
				}
				copy(mem, noise)
			}
		}()
	case "shrink":
		done := l.tamper(from.GetSegment(), false) + l.tamper(to.GetSegment(), true)
		clear(mem)
		copy(mem[4:], done)
		binary.LittleEndian.PutUint32(mem, math.Float32bits(float32(len(done))))
	}
	return &kernelpb.RunResponse{Outputs: []*kernelpb.Tensor{t}}, nil
}

// tamper tries all that the seals should forbid and says what worked.
func (l *liar) tamper(id uint64, output bool) (done string) {
	fd := int(l.files[id].Fd())
	try := func(what string, err error) {
		if err == nil {
			done += fmt.Sprintf("%s of segment %d; ", what, id)
		}
	}
	try("shrinking", unix.Ftruncate(fd, 0))
	try("growing", unix.Ftruncate(fd, 1<<40))
	try("sealing", seal(fd))
	if output {
		return done
	}
	_, err := unix.Mmap(fd, 0, 4096, unix.PROT_WRITE, unix.MAP_SHARED)
	try("mapping", err)
	_, err = unix.Pwrite(fd, []byte{1}, 0)
	try("writing", err)
	err = unix.Mprotect(l.segments[id][:4096], unix.PROT_READ|unix.PROT_WRITE)
	try("unprotecting", err)
	if f, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_RDWR, 0); err == nil {
		_, err = f.WriteAt([]byte{1}, 0)
		try("writing through /proc", err)
		_, err = unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_WRITE, unix.MAP_SHARED)
		try("mapping through /proc", err)
		_ = f.Close()
	}
	return done
}
