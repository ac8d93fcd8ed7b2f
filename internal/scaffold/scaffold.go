package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

const module = "github.com/adjoint-go/adjoint"

//go:embed template
var files embed.FS

// Config says what to write.
type Config struct {
	ID      string // "org/name"
	Dir     string // must not exist, or be empty
	Version string // of Adjoint's module: "v1.2.3"
	Replace string // a folder with Adjoint's source to use in its place; empty: none
	needs   []string
}

// Name returns the part of the id after the slash.
func (c Config) Name() string { return path.Base(c.ID) }

// Module returns the path of the new module.
func (c Config) Module() string { return "example.com/" + c.ID }

// Require returns the line of go.mod that names Adjoint.
func (c Config) Require() string { return module + " " + c.Version }

// Needs returns the lines of go.mod for what Adjoint needs, where they are known.
func (c Config) Needs() []string { return c.needs }

// Replaced returns the line of go.mod that leads to a local folder, if any.
func (c Config) Replaced() string {
	if c.Replace == "" {
		return ""
	}
	return fmt.Sprintf("replace %s => %q", module, filepath.ToSlash(c.Replace))
}

// Write writes the files. After an error those that it made may be there.
func Write(c Config) error {
	if !spec.ValidID(c.ID) {
		return fmt.Errorf("the id %q is not of the form org/name (lower-case letters, digits, - and _)", c.ID)
	}
	if c.Replace != "" {
		full, err := filepath.Abs(c.Replace)
		if err != nil {
			return err
		}
		c.Replace = full
		text, err := os.ReadFile(filepath.Join(full, "go.mod"))
		if err != nil || !strings.HasPrefix(string(text), "module "+module+"\n") {
			return fmt.Errorf("%s does not hold the source of %s", full, module)
		}
		c.needs = requirements(string(text))
	}
	if left, err := os.ReadDir(c.Dir); err == nil && len(left) > 0 {
		return fmt.Errorf("%s is not empty", c.Dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	entries, err := files.ReadDir("template")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := c.write(e.Name()); err != nil {
			return err
		}
	}
	if c.Replace == "" {
		return nil
	}
	// With the checksums, as with the requirements, the module builds at once.
	sums, err := os.ReadFile(filepath.Join(c.Replace, "go.sum"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.Dir, "go.sum"), sums, 0o644)
}

// requirements returns the lines in the require blocks of a go.mod.
func requirements(text string) []string {
	var out []string
	inside := false
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), " //")
		switch {
		case line == "require (":
			inside = true
		case line == ")":
			inside = false
		case inside && line != "":
			out = append(out, line)
		}
	}
	return out
}

// write fills in a file. A file in the template has ".txt" behind its name, so
// that the go command does not take it for its own, and "dot-" in place of a
// leading dot.
func (c Config) write(file string) error {
	text, err := files.ReadFile("template/" + file)
	if err != nil {
		return err
	}
	t, err := template.New(file).Delims("<<", ">>").Parse(string(text))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, c); err != nil {
		return err
	}
	name := strings.TrimSuffix(file, ".txt")
	if rest, ok := strings.CutPrefix(name, "dot-"); ok {
		name = "." + rest
	}
	return os.WriteFile(filepath.Join(c.Dir, name), b.Bytes(), 0o644)
}
