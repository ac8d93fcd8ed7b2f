package sdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// server answers the host's calls.
type server struct {
	kernelpb.UnimplementedKernelsServer
	bound    *bound
	segments *segments

	mu    sync.Mutex
	calls map[uint64]context.CancelFunc
}

func newServer(b *bound) *server {
	return &server{bound: b, segments: newSegments(), calls: make(map[uint64]context.CancelFunc)}
}

func (s *server) Describe(context.Context, *kernelpb.DescribeRequest) (*kernelpb.DescribeResponse, error) {
	return kernelpb.PluginToWire(s.bound.about), nil
}

func (s *server) InferShape(_ context.Context, r *kernelpb.InferShapeRequest) (*kernelpb.InferShapeResponse, error) {
	in, err := kernelpb.TypesFromWire(r.GetInputs())
	if err != nil {
		return &kernelpb.InferShapeResponse{Error: wireError(refusal{err})}, nil
	}
	out, err := s.bound.infer(r.GetKernel(), in, kernelpb.AttrsFromWire(r.GetAttrs()))
	if err != nil {
		return &kernelpb.InferShapeResponse{Error: wireError(err)}, nil
	}
	return &kernelpb.InferShapeResponse{Outputs: kernelpb.TypesToWire(out)}, nil
}

func (s *server) AttachSegment(ctx context.Context, r *kernelpb.AttachSegmentRequest) (*kernelpb.AttachSegmentResponse, error) {
	reply := new(kernelpb.AttachSegmentResponse)
	if err := s.segments.attach(ctx, r.GetSegment(), r.GetSize(), r.GetWritable()); err != nil {
		reply.Error = wireError(refusal{err})
	}
	return reply, nil
}

func (s *server) DetachSegment(_ context.Context, r *kernelpb.DetachSegmentRequest) (*kernelpb.DetachSegmentResponse, error) {
	s.segments.detach(r.GetSegment())
	return new(kernelpb.DetachSegmentResponse), nil
}

func (s *server) Run(ctx context.Context, r *kernelpb.RunRequest) (*kernelpb.RunResponse, error) {
	ctx, cancel := s.begin(ctx, r)
	defer cancel()
	out, err := s.run(ctx, r)
	if err != nil {
		return &kernelpb.RunResponse{Error: wireError(err)}, nil
	}
	return &kernelpb.RunResponse{Outputs: kernelpb.RefsToWire(out)}, nil
}

func (s *server) run(ctx context.Context, r *kernelpb.RunRequest) ([]kernelpb.Ref, error) {
	in, err := kernelpb.RefsFromWire(r.GetInputs(), false)
	if err != nil {
		return nil, refusal{err}
	}
	out, err := kernelpb.RefsFromWire(r.GetOutputs(), true)
	if err != nil {
		return nil, refusal{err}
	}
	inputs, done, err := s.tensors(in, false)
	defer done()
	if err != nil {
		return nil, refusal{err}
	}
	outputs, done, err := s.tensors(out, true)
	defer done()
	if err != nil {
		return nil, refusal{err}
	}
	if err := s.bound.run(ctx, r.GetKernel(), kernelpb.AttrsFromWire(r.GetAttrs()), inputs, outputs); err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].Segment == 0 {
			out[i].Inline = outputs[i].Data
		}
	}
	return out, nil
}

// tensors finds the memory of tensors. Outputs have zeros in it. done must be
// called when the tensors are not used any more, also after an error.
func (s *server) tensors(refs []kernelpb.Ref, outputs bool) (out []Tensor, done func(), err error) {
	var used []func()
	done = func() {
		for _, f := range used {
			f()
		}
	}
	out = make([]Tensor, len(refs))
	for i, r := range refs {
		out[i] = Tensor{Type: r.Type, Data: r.Inline}
		switch {
		case r.Segment != 0:
			mem, end, err := s.segments.use(r.Place, outputs)
			if err != nil {
				return nil, done, fmt.Errorf("tensor %d: %w", i, err)
			}
			used = append(used, end)
			out[i].Data = mem
			if outputs {
				clear(mem)
			}
		case outputs:
			if out[i], err = spec.Zeros(r.Type); err != nil {
				return nil, done, fmt.Errorf("tensor %d: %w", i, err)
			}
		}
	}
	return out, done, nil
}

// begin makes the call known to Cancel until the returned function is called.
func (s *server) begin(ctx context.Context, r *kernelpb.RunRequest) (context.Context, func()) {
	var cancel context.CancelFunc
	if us := r.GetTimeoutUs(); us > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(us)*time.Microsecond)
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
			grpc.MaxRecvMsgSize(kernelpb.MessageLimit), grpc.MaxSendMsgSize(kernelpb.MessageLimit))...)
	}
}
