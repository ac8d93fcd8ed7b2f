package sdk

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/adjoint-go/adjoint/plugins/kernelpb"
)

// server answers the host's calls.
type server struct {
	kernelpb.UnimplementedKernelsServer
	bound *bound

	mu    sync.Mutex
	calls map[uint64]context.CancelFunc
}

func newServer(b *bound) *server {
	return &server{bound: b, calls: make(map[uint64]context.CancelFunc)}
}

func (s *server) Describe(context.Context, *kernelpb.DescribeRequest) (*kernelpb.DescribeResponse, error) {
	return kernelpb.PluginToWire(s.bound.about), nil
}

func (s *server) InferShape(_ context.Context, r *kernelpb.InferShapeRequest) (*kernelpb.InferShapeResponse, error) {
	in, err := kernelpb.TypesFromWire(r.GetInputs())
	if err != nil {
		return &kernelpb.InferShapeResponse{Error: wireError(refusal{err})}, nil
	}
	out, err := s.bound.infer(r.GetKernel(), in)
	if err != nil {
		return &kernelpb.InferShapeResponse{Error: wireError(err)}, nil
	}
	return &kernelpb.InferShapeResponse{Outputs: kernelpb.TypesToWire(out)}, nil
}

func (s *server) Run(ctx context.Context, r *kernelpb.RunRequest) (*kernelpb.RunResponse, error) {
	ctx, cancel := s.begin(ctx, r)
	defer cancel()
	out, err := s.run(ctx, r)
	if err != nil {
		return &kernelpb.RunResponse{Error: wireError(err)}, nil
	}
	return &kernelpb.RunResponse{Outputs: kernelpb.TensorsToWire(out)}, nil
}

func (s *server) run(ctx context.Context, r *kernelpb.RunRequest) ([]Tensor, error) {
	in, err := kernelpb.TensorsFromWire(r.GetInputs())
	if err != nil {
		return nil, refusal{err}
	}
	want, err := kernelpb.TypesFromWire(r.GetOutputs())
	if err != nil {
		return nil, refusal{err}
	}
	return s.bound.run(ctx, r.GetKernel(), in, want)
}

// begin makes the call known to Cancel until the returned function is called.
func (s *server) begin(ctx context.Context, r *kernelpb.RunRequest) (context.Context, func()) {
	var cancel context.CancelFunc
	if ms := r.GetTimeoutMs(); ms > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	id := r.GetCall()
	s.mu.Lock()
	s.calls[id] = cancel
	s.mu.Unlock()
	return ctx, func() {
		cancel()
		s.mu.Lock()
		delete(s.calls, id)
		s.mu.Unlock()
	}
}

func (s *server) Cancel(_ context.Context, r *kernelpb.CancelRequest) (*kernelpb.CancelResponse, error) {
	s.mu.Lock()
	cancel := s.calls[r.GetCall()]
	s.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	return &kernelpb.CancelResponse{}, nil
}

func wireError(err error) *kernelpb.Error {
	var panicked *PanicError
	var refused refusal
	switch {
	case errors.As(err, &panicked):
		return kernelpb.ErrorToWire(kernelpb.Code_PANICKED, err.Error()+"\n"+panicked.Stack)
	case errors.As(err, &refused):
		return kernelpb.ErrorToWire(kernelpb.Code_REFUSED, err.Error())
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return kernelpb.ErrorToWire(kernelpb.Code_CANCELLED, err.Error())
	}
	return kernelpb.ErrorToWire(kernelpb.Code_FAILED, err.Error())
}

// set offers a server to go-plugin.
type set struct {
	plugin.NetRPCUnsupportedPlugin
	server *server
}

func (s set) GRPCServer(_ *plugin.GRPCBroker, g *grpc.Server) error {
	kernelpb.RegisterKernelsServer(g, s.server)
	return nil
}

// GRPCClient is the host's side, which is not in this package.
func (s set) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("sdk: this is the plugin's side")
}

// newGRPC makes the server. go-plugin leads os.Stdout and os.Stderr through
// this process and the connection, where the last words of a crash are lost; so
// the first request, which comes after that, leads both to the real standard
// error.
func newGRPC(stderr *os.File) func([]grpc.ServerOption) *grpc.Server {
	var once sync.Once
	direct := func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		once.Do(func() { os.Stdout, os.Stderr = stderr, stderr })
		return next(ctx, r)
	}
	return func(options []grpc.ServerOption) *grpc.Server {
		return grpc.NewServer(append(options, grpc.UnaryInterceptor(direct),
			grpc.MaxRecvMsgSize(kernelpb.RunLimit), grpc.MaxSendMsgSize(kernelpb.RunLimit))...)
	}
}
