package main

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/plugins"
	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

// python runs the kit's interpreter in the kit's folder.
func python(t *testing.T, args ...string) (stdout []byte, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	root, err := source(ctx)
	require.NoError(t, err)
	kit := filepath.Join(root, "plugins", "python")
	python, err := environment(ctx, filepath.Join(kit, "requirements.txt"))
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, python, append([]string{"-B"}, args...)...)
	cmd.Dir = kit
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	return cmd.Output()
}

// The kit's own tests, in Python.
func TestKit(t *testing.T) {
	_, err := python(t, "-W", "error::ResourceWarning", "-m", "unittest", "discover", "-s", "tests", "-t", ".")
	var failed *exec.ExitError
	if assert.NotErrorAs(t, err, &failed) {
		require.NoError(t, err)
		return
	}
	t.Log(string(failed.Stderr))
}

// All that the kit says is in the protocol, with the same numbers. The protocol may
// have grown since.
func TestKitSpeaksTheProtocol(t *testing.T) {
	text, err := python(t, "-c", "import sys; from adjoint_plugin import kernel_pb2 as pb; sys.stdout.buffer.write(pb.DESCRIPTOR.serialized_pb)")
	require.NoError(t, err)
	theirs, ours := new(descriptorpb.FileDescriptorProto), protodesc.ToFileDescriptorProto(kernelpb.File_kernel_proto)
	require.NoError(t, proto.Unmarshal(text, theirs))
	assert.Equal(t, ours.GetPackage(), theirs.GetPackage())

	ourFields, theirFields := fields("", ours.GetMessageType()), fields("", theirs.GetMessageType())
	assert.Greater(t, len(theirFields), 50)
	for name, f := range theirFields {
		want := ourFields[name]
		assert.True(t, want.GetNumber() == f.GetNumber() && want.GetType() == f.GetType() && want.GetLabel() == f.GetLabel() &&
			want.GetTypeName() == f.GetTypeName(), name)
	}
	ourValues := make(map[string]int32)
	for _, e := range ours.GetEnumType() {
		for _, v := range e.GetValue() {
			ourValues[e.GetName()+"."+v.GetName()] = v.GetNumber()
		}
	}
	for _, e := range theirs.GetEnumType() {
		for _, v := range e.GetValue() {
			want, ok := ourValues[e.GetName()+"."+v.GetName()]
			assert.True(t, ok && want == v.GetNumber(), "%s.%s", e.GetName(), v.GetName())
		}
	}
}

// fields are those of messages and of the messages declared in them.
func fields(in string, messages []*descriptorpb.DescriptorProto) map[string]*descriptorpb.FieldDescriptorProto {
	out := make(map[string]*descriptorpb.FieldDescriptorProto)
	for _, m := range messages {
		for _, f := range m.GetField() {
			out[in+m.GetName()+"."+f.GetName()] = f
		}
		maps.Copy(out, fields(in+m.GetName()+".", m.GetNestedType()))
	}
	return out
}

// The plugin in the guide works as the guide says.
func TestTheGuide(t *testing.T) {
	root, err := source(t.Context())
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "docs", "plugins.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```python\n# (\\w+\\.py)\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	require.Len(t, blocks, 1)
	module := filepath.Join(t.TempDir(), blocks[0][1])
	require.NoError(t, os.WriteFile(module, []byte(blocks[0][2]), 0o600))
	reg, path := open(t)
	require.NoError(t, pack(t.Context(), module, path))
	p, err := reg.LoadFile(t.Context(), path)
	require.NoError(t, err)
	power, err := p.Kernel("power")
	require.NoError(t, err)
	cube, err := power.With(plugins.With{Attrs: map[string]any{"n": 3}})
	require.NoError(t, err)
	sum := func(x *core.Array) *core.Array { return cube.Call(x)[0].Sum() }
	assert.Equal(t, []float32{3, 12, 27}, core.Data[float32](grad.Of(sum)(core.From([]float32{1, 2, -3}))))
}
