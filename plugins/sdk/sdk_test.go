package sdk

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/plugins/manifest"
	"github.com/adjoint-go/adjoint/plugins/spec"
)

func one(f func(*Call) error) *Plugin {
	p := New("acme/test", "1.0.0")
	p.Kernel("k").In("x", Float32, Int32).Out("y", "shape(x)", "dtype(x)").CPU(f)
	return p
}

func nothing(*Call) error { return nil }

var x = spec.Of([]int{2}, float32(1), 2)

func TestMistakesAreReported(t *testing.T) {
	for want, change := range map[string]func(p *Plugin){
		"kernel k: declared twice":                  func(p *Plugin) { p.Kernel("k").Out("y", "[1]", "bool").CPU(nothing) },
		"it has no CPU function":                    func(p *Plugin) { p.Kernel("n").Out("y", "[1]", "bool") },
		"Infer was given a nil function":            func(p *Plugin) { p.Kernel("n").Out("y", "", "").Infer(nil).CPU(nothing) },
		`vjp kernel "none" does not exist`:          func(p *Plugin) { p.kernels[0].VJP("none") },
		`jvp kernel "none" does not exist`:          func(p *Plugin) { p.kernels[0].JVP("none") },
		`no function or input "shpe"`:               func(p *Plugin) { p.Kernel("n").Out("y", "shpe(x)", "bool").CPU(nothing) },
		"has a rule, but the kernel also has a fun": func(p *Plugin) { p.kernels[0].Infer(func([]Type) ([]Type, error) { return nil, nil }) },
		"threadgroup of 2000":                       func(p *Plugin) { p.kernels[0].Metal("code", Grid("1").Threads(2000)) },
		"not of the form org/name":                  func(p *Plugin) { p.id = "Acme" },
	} {
		p := one(nothing)
		change(p)
		_, err := p.Manifest()
		var bad *spec.InvalidError
		require.ErrorAs(t, err, &bad, want)
		assert.ErrorContains(t, err, want)
		_, err = p.Run(context.Background(), "k", x)
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, p.main([]string{"manifest"}, new(bytes.Buffer)), want)
	}
}

func TestKernelFaultsBecomeErrors(t *testing.T) {
	for want, f := range map[string]func(*Call) error{
		"disk is full":                             func(*Call) error { return errors.New("disk is full") },
		"kernel k panicked: boom":                  func(*Call) error { panic("boom") },
		"index out of range":                       func(c *Call) error { c.F32Out(0)[5] = 1; return nil },
		"input 0: float32[2] cannot be read as in": func(c *Call) error { return errors.Join(nil, ignore(c.I32In(0)[1])) },
		"there is no input 3; it has 1":            func(c *Call) error { _ = c.F32In(3); return nil },
		"there is no output -1; it has 1":          func(c *Call) error { _ = c.F32Out(-1); return c.Err() },
		"output 0: float32[2] cannot be read as f": func(c *Call) error { _ = c.F64Out(0); return nil },
	} {
		_, err := one(f).Run(context.Background(), "k", x)
		assert.ErrorContains(t, err, want)
	}
}

func ignore(int32) error { return nil }

func TestRunRefuses(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := one(nothing).Run(ctx, "k", x)
	assert.ErrorIs(t, err, context.Canceled)
	_, err = one(nothing).Run(context.Background(), "q", x)
	assert.ErrorContains(t, err, `plugin acme/test has no kernel "q"`)
	_, err = one(nothing).Run(context.Background(), "k", Tensor{Type: x.Type})
	assert.ErrorContains(t, err, "needs 8 bytes, has 0")
}

func TestInferIsAskedAndChecked(t *testing.T) {
	p := New("acme/test", "1.0.0")
	var answer []Type
	p.Kernel("k").In("x", Float32).Out("y", "", "").
		Infer(func([]Type) ([]Type, error) { return answer, nil }).
		CPU(func(c *Call) error { copy(Out[uint8](c, 0), "abc"); return c.Err() })
	answer = []Type{{DType: Bool, Shape: []int{3}}}
	out, err := p.Run(context.Background(), "k", x)
	require.NoError(t, err)
	assert.Equal(t, []byte("abc"), out[0].Data)
	for want, a := range map[string][]Type{
		"declares 1 outputs, got the types of 0": nil,
		"negative size":                          {{DType: Bool, Shape: []int{-3}}},
		"above the limit":                        {{DType: Bool, Shape: []int{1 << 40}}},
	} {
		answer = a
		_, err := p.Run(context.Background(), "k", x)
		assert.ErrorContains(t, err, want)
	}
}

func inline(t Tensor) []*kernelpb.Tensor {
	return kernelpb.RefsToWire([]kernelpb.Ref{{Type: t.Type, Inline: t.Data}})
}

func wanted(t Type) []*kernelpb.Tensor { return kernelpb.RefsToWire([]kernelpb.Ref{{Type: t}}) }

func TestServerAnswersWithCodes(t *testing.T) {
	s := func(f func(*Call) error) *server {
		b, err := one(f).bind()
		require.NoError(t, err)
		return newServer(b)
	}
	in, y := inline(x), wanted(x.Type)
	for _, c := range []struct {
		f    func(*Call) error
		r    *kernelpb.RunRequest
		code kernelpb.Code
	}{
		{nothing, &kernelpb.RunRequest{Kernel: "k", Inputs: in, Outputs: y}, 0},
		{nothing, &kernelpb.RunRequest{Kernel: "k", Inputs: in}, kernelpb.Code_REFUSED},
		{nothing, &kernelpb.RunRequest{Kernel: "k", Inputs: []*kernelpb.Tensor{nil}}, kernelpb.Code_REFUSED},
		{nothing, &kernelpb.RunRequest{}, kernelpb.Code_REFUSED},
		{func(*Call) error { return errors.New("no") }, &kernelpb.RunRequest{Kernel: "k", Inputs: in, Outputs: y}, kernelpb.Code_FAILED},
		{func(*Call) error { panic(1) }, &kernelpb.RunRequest{Kernel: "k", Inputs: in, Outputs: y}, kernelpb.Code_PANICKED},
		{func(c *Call) error { <-c.Context().Done(); return c.Err() }, &kernelpb.RunRequest{Kernel: "k", Inputs: in, Outputs: y, TimeoutUs: 1000}, kernelpb.Code_CANCELLED},
	} {
		reply, err := s(c.f).Run(context.Background(), c.r)
		require.NoError(t, err)
		assert.Equal(t, c.code, reply.GetError().GetCode(), reply.GetError().GetMessage())
	}
}

func TestCancelEndsTheCall(t *testing.T) {
	started := make(chan struct{})
	b, err := one(func(c *Call) error { close(started); <-c.Context().Done(); return c.Err() }).bind()
	require.NoError(t, err)
	s := newServer(b)
	go func() {
		<-started
		_, _ = s.Cancel(context.Background(), &kernelpb.CancelRequest{Call: 8})
		_, _ = s.Cancel(context.Background(), &kernelpb.CancelRequest{Call: 7})
	}()
	reply, err := s.Run(context.Background(), &kernelpb.RunRequest{Call: 7, Kernel: "k",
		Inputs: inline(x), Outputs: wanted(x.Type)})
	require.NoError(t, err)
	assert.Equal(t, kernelpb.Code_CANCELLED, reply.GetError().GetCode())
	assert.Empty(t, s.calls)
}

func TestMainByHand(t *testing.T) {
	var out bytes.Buffer
	for _, args := range [][]string{nil, {"serve"}, {"help"}, {"manifest", "x", "y"}} {
		err := one(nothing).main(args, &out)
		require.Error(t, err)
		assert.Contains(t, err.Error(), "is a kernel plugin (acme/test 1.0.0)")
		assert.Contains(t, err.Error(), "manifest")
	}
	assert.Empty(t, out.String())
	require.NoError(t, one(nothing).main([]string{"manifest"}, &out))
	m, err := manifest.Decode(out.Bytes())
	require.NoError(t, err)
	assert.Equal(t, "k", m.Kernels[0].Name)
	self, err := os.Executable()
	require.NoError(t, err)
	program := m.Executables[runtime.GOOS+"_"+runtime.GOARCH]
	assert.Equal(t, filepath.Base(self), program.Path)
	text, err := os.ReadFile(self)
	require.NoError(t, err)
	assert.Equal(t, manifest.Digest(text), program.SHA256)
}

func TestManifestOfAFolder(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	assert.ErrorContains(t, one(nothing).main([]string{"manifest", dir}, &out), "holds no program")
	assert.ErrorContains(t, one(nothing).main([]string{"manifest", filepath.Join(dir, "none")}, &out), "no such file")
	for name, text := range map[string]string{"plan9_arm/test": "a", "linux_arm64/test": "b", "linux_arm64/table": "c", "NOTICE": "d", "plugin.json": "old", "plugin.json.sig": "old"} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	require.NoError(t, one(nothing).main([]string{"manifest", dir}, &out))
	assert.Empty(t, out.String())
	text, err := os.ReadFile(filepath.Join(dir, "plugin.json"))
	require.NoError(t, err)
	m, err := manifest.Decode(text)
	require.NoError(t, err)
	assert.Equal(t, []string{"linux_arm64", "plan9_arm"}, m.Platforms())
	file := func(name, text string) manifest.File {
		return manifest.File{Path: name, Size: 1, SHA256: manifest.Digest([]byte(text))}
	}
	assert.Equal(t, []manifest.File{file("linux_arm64/test", "b"), file("NOTICE", "d"), file("linux_arm64/table", "c")}, m.For("linux_arm64"))

	require.NoError(t, os.Symlink("NOTICE", filepath.Join(dir, "link")))
	assert.ErrorContains(t, one(nothing).main([]string{"manifest", dir}, &out), "is a link or a device")
}

// The kit must not pull the engine, or anything that needs a C compiler, into a
// plugin.
func TestImportsStaySmall(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{len .CgoFiles}}", ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	allowed := map[string]bool{"plugins/sdk": true, "plugins/spec": true, "plugins/shape": true, "plugins/kernelpb": true, "plugins/manifest": true, "plugins/internal/shm": true}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		pkg, cgo, _ := strings.Cut(line, " ")
		assert.Equal(t, "0", cgo, pkg)
		if ours, ok := strings.CutPrefix(pkg, "github.com/adjoint-go/adjoint/"); ok {
			assert.True(t, allowed[ours], "the kit imports %s", ours)
		}
	}
}
