package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"github.com/adjoint-go/adjoint/plugins/kernelpb"
	"github.com/adjoint-go/adjoint/plugins/manifest"
)

// Main runs the program: it serves a host until that is done and returns, or
// does what its argument says (manifest, -debug) and returns. A mistake in the
// declarations, an argument it does not know, and a program that no host
// started end the process with status 1 and a text on standard error.
func (p *Plugin) Main() {
	if err := p.main(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (p *Plugin) main(args []string, out io.Writer) error {
	b, err := p.bind()
	if err != nil {
		return err
	}
	verb := ""
	if len(args) > 0 {
		verb = args[0]
	}
	switch {
	case verb == "manifest" && len(args) <= 2:
		return b.manifest(args[1:], out)
	case len(args) > 1:
		return errors.New(b.help())
	case verb == "-debug":
		return b.debug(out)
	case (verb == "" || verb == "serve") && os.Getenv(kernelpb.CookieKey) == kernelpb.CookieValue:
		return b.serve()
	}
	return errors.New(b.help())
}

func (b *bound) help() string {
	name := filepath.Base(os.Args[0])
	s := fmt.Sprintf("%s is a kernel plugin (%s %s): a host program starts it, it is not run by hand.\n\nKernels:\n", name, b.about.ID, b.about.Version)
	for _, k := range b.about.Kernels {
		s += "  " + k.Name
		if k.Doc != "" {
			s += ": " + k.Doc
		}
		s += "\n"
	}
	return s + fmt.Sprintf("\nUsage:\n  %s manifest       print plugin.json for a package that holds this program alone\n  %s manifest DIR   write plugin.json for the package in DIR, whose programs are DIR/GOOS_GOARCH/%s\n  %s -debug         serve in the foreground, for a debugger",
		name, name, path.Base(b.about.ID), name)
}

// manifest writes plugin.json, into the folder of a package or to out.
func (b *bound) manifest(args []string, out io.Writer) error {
	if len(args) == 1 {
		m, err := manifest.Package(b.about, kernelpb.Version, args[0])
		if err != nil {
			return err
		}
		text, err := m.Encode()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(args[0], manifest.Name), text, 0o644)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	m, err := manifest.Alone(b.about, kernelpb.Version, runtime.GOOS+"_"+runtime.GOARCH, self)
	if err != nil {
		return err
	}
	text, err := m.Encode()
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

func config(s *server) *plugin.ServeConfig {
	return &plugin.ServeConfig{
		HandshakeConfig:  plugin.HandshakeConfig{MagicCookieKey: kernelpb.CookieKey, MagicCookieValue: kernelpb.CookieValue},
		VersionedPlugins: map[int]plugin.PluginSet{kernelpb.Version: {kernelpb.Service: set{server: s}}},
		GRPCServer:       newGRPC(os.Stderr),
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr, JSONFormat: true}),
	}
}

func (b *bound) serve() error {
	s := newServer(b)
	if err := followHost(s.segments); err != nil {
		return err
	}
	config := config(s)
	if err := guardStdout(); err != nil {
		return err
	}
	plugin.Serve(config)
	return nil
}

// debug serves without a host and prints how one may attach.
func (b *bound) debug(out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	attach, closed := make(chan *plugin.ReattachConfig, 1), make(chan struct{})
	s := newServer(b)
	link, err := listen(s.segments)
	if err != nil {
		return err
	}
	defer link.close()
	config := config(s)
	config.Test = &plugin.ServeTestConfig{Context: ctx, ReattachConfigCh: attach, CloseCh: closed}
	go plugin.Serve(config)
	select {
	case a := <-attach:
		text, err := json.Marshal(map[string]any{b.about.ID: map[string]any{
			"network": a.Addr.Network(), "address": a.Addr.String(), "pid": a.Pid, "version": kernelpb.Version, "link": link.path,
		}})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "Serving %s until interrupted. To attach a host that allows it:\nADJOINT_REATTACH_PLUGINS='%s'\n", b.about.ID, text)
		<-closed
	case <-closed:
		return errors.New("sdk: the plugin could not serve")
	}
	return nil
}
