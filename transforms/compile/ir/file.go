package ir

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// format marks a program among other JSON, and its version.
const format = "adjoint program 1"

// plain is a Program without its methods.
type plain Program

// MarshalJSON writes the program with a mark of its format.
func (p *Program) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Format string `json:"format"`
		*plain
	}{format, (*plain)(p)})
}

// UnmarshalJSON reads what MarshalJSON wrote. Errors: another format, and nodes
// or outputs that use a value which is not there. Costs are estimated anew.
func (p *Program) UnmarshalJSON(text []byte) error {
	var file struct {
		Format string `json:"format"`
		plain
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return fmt.Errorf("no program: %w", err)
	}
	if file.Format != format {
		return fmt.Errorf("no program of this version: its format is %q, want %q", file.Format, format)
	}
	read := Program(file.plain)
	if err := read.check(); err != nil {
		return fmt.Errorf("no whole program: %w", err)
	}
	read.Estimate()
	*p = read
	return nil
}

// Read reads a program that WriteFile has written as JSON.
func Read(path string) (*Program, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := new(Program)
	if err := json.Unmarshal(text, p); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("%s is no program: at byte %d: %w", path, syntax.Offset, err)
		}
		return nil, fmt.Errorf("%s is %w", path, err)
	}
	return p, nil
}

// WriteFile writes the program in the form that the name's extension tells: .json,
// .dot or .txt. For pictures write JSON and use the command adjoint graph.
func (p *Program) WriteFile(path string) error {
	var text []byte
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".json":
		var err error
		if text, err = json.MarshalIndent(p, "", "  "); err != nil {
			return err
		}
		text = append(text, '\n')
	case ".dot":
		text = []byte(p.DOT())
	case ".txt":
		text = []byte(p.String())
	case ".svg", ".png":
		return fmt.Errorf("cannot write %s: write a .json file and draw it with: adjoint graph FILE.json -o %s", path, filepath.Base(path))
	default:
		return fmt.Errorf("cannot write %s: unknown extension %q, want .json, .dot or .txt", path, ext)
	}
	return replace(path, text)
}

// replace writes a file that is there whole or not at all.
func replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".program-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

// limits of what is read.
const (
	maxID   = 1 << 30
	maxSize = 1 << 46
)

// check says what of a program that was read cannot be.
func (p *Program) check() error {
	known := map[int]bool{}
	add := func(where string, v Value) error {
		switch {
		case v.ID < 0 || v.ID > maxID:
			return fmt.Errorf("%s has the number %d", where, v.ID)
		case known[v.ID]:
			return fmt.Errorf("%s has the number %d, which is taken", where, v.ID)
		case !v.DType.Valid():
			return fmt.Errorf("%s has no dtype", where)
		}
		size := 1
		for _, d := range v.Shape {
			if d < 0 || d > 0 && size > maxSize/d {
				return fmt.Errorf("%s has the shape %v", where, v.Shape)
			}
			size *= d
		}
		known[v.ID] = true
		return nil
	}
	for i, v := range p.Inputs {
		if err := add(fmt.Sprintf("input %d", i), v.Value); err != nil {
			return err
		}
	}
	for i, v := range p.Constants {
		if err := add(fmt.Sprintf("constant %d", i), v.Value); err != nil {
			return err
		}
	}
	for i := range p.Nodes {
		if err := p.Nodes[i].check(fmt.Sprintf("node %d", i), known, add); err != nil {
			return err
		}
	}
	for i, o := range p.Outputs {
		if !known[o.ID] {
			return fmt.Errorf("output %d is value %d, which nothing makes", i, o.ID)
		}
	}
	return nil
}

func (n *Node) check(where string, known map[int]bool, add func(string, Value) error) error {
	for _, id := range n.In {
		if !known[id] {
			return fmt.Errorf("%s reads value %d, which nothing before it makes", where, id)
		}
	}
	for i := range n.Body {
		b := &n.Body[i]
		if len(b.Body) > 0 {
			return fmt.Errorf("%s has a body within a body", where)
		}
		if err := b.check(fmt.Sprintf("%s, body %d", where, i), known, add); err != nil {
			return err
		}
	}
	if len(n.Body) > 0 && len(n.Out) == 0 {
		return fmt.Errorf("%s has a body and no result", where)
	}
	made := map[int]bool{} // a fused node's results are those of its body
	for _, b := range n.Body {
		for _, v := range b.Out {
			made[v.ID] = true
		}
	}
	for _, v := range n.Out {
		if len(n.Body) > 0 && !n.named() {
			if !made[v.ID] {
				return fmt.Errorf("%s gives value %d, which its body does not make", where, v.ID)
			}
			continue
		}
		if err := add(where, v); err != nil {
			return err
		}
	}
	return nil
}
