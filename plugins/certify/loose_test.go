package certify

import (
	"context"
	"errors"
	"os"
	"strconv"
	"sync"

	"github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"github.com/adjoint-go/adjoint/plugins/internal/shm"
	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// loose is a plugin that was written without the kit and takes any dtype. It copies
// its input, and with reply it answers with a dtype or shape that it did not
// declare.
type loose struct {
	kernelpb.UnimplementedKernelsServer
	reply string

	mu       sync.Mutex
	files    map[uint64]*os.File
	segments map[uint64][]byte
}

func serve(l *loose) {
	l.files, l.segments = make(map[uint64]*os.File), make(map[uint64][]byte)
	fd, err := strconv.Atoi(os.Getenv(kernelpb.LinkEnv))
	if err != nil {
		panic(err)
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
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  plugin.HandshakeConfig{MagicCookieKey: kernelpb.CookieKey, MagicCookieValue: kernelpb.CookieValue},
		VersionedPlugins: map[int]plugin.PluginSet{kernelpb.Version: {kernelpb.Service: looseSet{server: l}}},
		GRPCServer:       plugin.DefaultGRPCServer,
	})
}

type looseSet struct {
	plugin.NetRPCUnsupportedPlugin
	server *loose
}

func (s looseSet) GRPCServer(_ *plugin.GRPCBroker, g *grpc.Server) error {
	kernelpb.RegisterKernelsServer(g, s.server)
	return nil
}

func (looseSet) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.ErrUnsupported
}

func (l *loose) Describe(context.Context, *kernelpb.DescribeRequest) (*kernelpb.DescribeResponse, error) {
	return kernelpb.PluginToWire(&spec.Plugin{ID: "acme/wrong", Version: "1.0.0", Kernels: []spec.Kernel{{
		Name: "k", Inputs: []spec.Input{{Name: "x", DTypes: []spec.DType{spec.Float32}}},
		Outputs: []spec.Output{{Name: "y", Shape: "shape(x)", DType: "dtype(x)"}}, Deterministic: true,
	}}}), nil
}

func (l *loose) AttachSegment(_ context.Context, r *kernelpb.AttachSegmentRequest) (*kernelpb.AttachSegmentResponse, error) {
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

func (l *loose) Run(_ context.Context, r *kernelpb.RunRequest) (*kernelpb.RunResponse, error) {
	if len(r.GetInputs()) != 1 {
		return &kernelpb.RunResponse{Error: &kernelpb.Error{Code: kernelpb.Code_REFUSED, Message: "one input, please"}}, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	x, y := r.GetInputs()[0], r.GetOutputs()[0]
	from := x.GetInline()
	if at := x.GetRegion(); at != nil {
		from = l.segments[at.GetSegment()][at.GetOffset():][:at.GetLength()]
	}
	if at := y.GetRegion(); at != nil {
		copy(l.segments[at.GetSegment()][at.GetOffset():][:at.GetLength()], from)
	} else {
		n := 4
		for _, size := range y.GetType().GetShape() {
			n *= int(size)
		}
		y.Data = &kernelpb.Tensor_Inline{Inline: append(make([]byte, 0, n), from...)[:n]}
	}
	switch l.reply {
	case "dtype":
		y.Type.Dtype = kernelpb.DType_INT32
	case "shape":
		y.Type.Shape = append(y.Type.Shape, 1)
	}
	return &kernelpb.RunResponse{Outputs: []*kernelpb.Tensor{y}}, nil
}
