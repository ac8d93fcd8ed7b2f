package install

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/adjoint-go/adjoint/internal/cxx"
	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// findPython returns a Python that has pip.
func findPython(ctx context.Context) (string, error) {
	names := []string{"python3", "python"}
	if named := os.Getenv("PYTHON"); named != "" {
		names = []string{named}
	}
	var detail string
	for _, name := range names {
		out, err := exec.CommandContext(ctx, name, "-m", "pip", "--version").CombinedOutput()
		if err == nil {
			return name, nil
		}
		if detail = cxx.LastLine(string(out)); len(out) == 0 {
			detail = err.Error()
		}
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return "", &PythonError{Tried: names, Detail: detail}
}

// requirements writes the pinned packages of a backend, with their hashes, as a file for pip.
func requirements(dir, backend string) (string, error) {
	var b bytes.Buffer
	for _, p := range native.Packages(backend) {
		b.WriteString(p.String() + "\n")
	}
	path := filepath.Join(dir, "requirements.txt")
	return path, os.WriteFile(path, b.Bytes(), 0o644)
}

// pip installs the packages of a backend into the folder target, from the folder offline where that is not "".
func pip(ctx context.Context, backend, offline, reqs, target string) error {
	args := []string{"install", "--target", target, "--no-compile"}
	if offline != "" {
		args = append(args, "--no-index", "--find-links", offline)
	}
	return runPip(ctx, backend, offline, reqs, args)
}

// pipDownload fetches the packages of a backend into the folder dir, for a later offline setup.
func pipDownload(ctx context.Context, backend, reqs, dir string) error {
	return runPip(ctx, backend, "", reqs, []string{"download", "--dest", dir})
}

func runPip(ctx context.Context, backend, offline, reqs string, args []string) error {
	python, err := findPython(ctx)
	if err != nil {
		return err
	}
	args = append([]string{"-m", "pip"}, args...)
	args = append(args, "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", reqs,
		"--retries", "1", "--timeout", "15", "--no-input", "--disable-pip-version-check", "--progress-bar", "off")
	cmd := exec.CommandContext(ctx, python, args...)
	// A user's own settings may contradict --target.
	cmd.Env = append(os.Environ(), "PIP_USER=0", "PIP_REQUIRE_VIRTUALENV=0", "PYTHONWARNINGS=ignore", "NO_COLOR=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return pipError(backend, offline, out.String())
	}
	return nil
}

// pipError reads the reason out of what pip said. A dead network ends in pip's "no matching distribution" too, so it
// is looked for first.
func pipError(backend, offline, said string) *PipError {
	e := &PipError{Reason: Failed, Backend: backend, Offline: offline, Last: cxx.LastLine(said)}
	has := func(texts ...string) bool {
		for _, t := range texts {
			if strings.Contains(said, t) {
				return true
			}
		}
		return false
	}
	switch {
	case has("DO NOT MATCH THE HASHES", "Hashes are required"):
		e.Reason = BadHash
	case has("Retrying (", "NewConnectionError", "ConnectTimeout", "ReadTimeout", "Failed to establish a new connection",
		"Temporary failure in name resolution", "ProxyError", "SSLError", "Could not fetch URL"):
		e.Reason = NoNetwork
	case has("No matching distribution", "Could not find a version"):
		e.Reason = NoWheel
	}
	for line := range strings.Lines(said) { // pip's notices may follow its error
		if strings.HasPrefix(line, "ERROR:") {
			e.Last = cxx.Shorten(line)
		}
	}
	return e
}
