package plugins

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/adjoint-go/adjoint/plugins/internal/shm"
	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

// FuzzReply reads replies to a call with an output in the message and one in shared
// memory. Whatever they refer to, nothing outside of the segment is read, and what
// is accepted is what was asked for.
func FuzzReply(f *testing.F) {
	want := []Type{{DType: spec.Float32, Shape: []int{3}}, {DType: spec.Uint8, Shape: []int{32 << 10}}}
	asked, size, err := layout(want)
	require.NoError(f, err)
	const guard = 4096
	memory := bytes.Repeat([]byte{7}, size+guard)
	to := &segment{Segment: &shm.Segment{Mem: memory[:size:size]}, id: 5, access: shm.ReadWrite}
	for i := range asked {
		if asked[i].Segment != 0 {
			asked[i].Segment = to.id
		}
	}
	p := &Plugin{about: &spec.Plugin{ID: "fuzz/reply"}}
	right := kernelpb.RefsToWire([]kernelpb.Ref{{Type: want[0], Inline: make([]byte, 12)}, asked[1]})
	for _, outputs := range [][]*kernelpb.Tensor{right, right[:1], {right[1], right[0]}, nil} {
		b, err := proto.Marshal(&kernelpb.RunResponse{Outputs: outputs})
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var reply kernelpb.RunResponse
		if proto.Unmarshal(b, &reply) != nil {
			return
		}
		j := job{kernel: "k", want: want, out: [][]byte{make([]byte, 12), make([]byte, 32<<10)}}
		err := p.accept(j, reply.GetOutputs(), asked, to)
		if err != nil {
			var bad *ReplyError
			require.ErrorAs(t, err, &bad)
			require.NotContains(t, err.Error(), "\n")
			return
		}
		require.Equal(t, memory[:len(j.out[1])], j.out[1])
		require.Len(t, reply.GetOutputs(), 2)
	})
}
