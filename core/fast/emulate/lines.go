package emulate

import (
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"path"
)

// tables tell which line of a kernel an address of its program belongs to.
type tables struct {
	dwarf  *dwarf.Data
	anchor uint64 // where the program's own addresses count from
}

func openTables(program string) (*tables, error) {
	f, err := elf.Open(program)
	if err != nil {
		return nil, fmt.Errorf("emulate: %w", err)
	}
	defer f.Close()
	t := &tables{}
	if t.dwarf, err = f.DWARF(); err != nil {
		return nil, fmt.Errorf("emulate: %w", err)
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, fmt.Errorf("emulate: %w", err)
	}
	for _, s := range symbols {
		if s.Name == "_ZN3emu6anchorEv" {
			t.anchor = s.Value
			return t, nil
		}
	}
	return nil, errors.New("emulate: the program has no anchor")
}

// place is a line of the kernel or of its header.
type place struct {
	line   int
	header bool
}

// first returns the innermost place of the kernel among the calls that end at the
// first address; the zero place if there is none.
func (t *tables) first(pcs []int64) place {
	for _, pc := range pcs {
		if pc == 0 {
			continue
		}
		// An address is that of the instruction after the call.
		if p := t.find(t.anchor + uint64(pc) - 1); p.line > 0 {
			return p
		}
	}
	return place{}
}

func (t *tables) find(pc uint64) place {
	r := t.dwarf.Reader()
	cu, err := r.SeekPC(pc)
	if err != nil {
		return place{}
	}
	lines, err := t.dwarf.LineReader(cu)
	if err != nil || lines == nil {
		return place{}
	}
	var entry dwarf.LineEntry
	if lines.SeekPC(pc, &entry) == nil && entry.File != nil {
		if p := at(entry.File.Name, entry.Line); p.line > 0 {
			return p
		}
	}
	// The address is of a function of the shim, inlined: the place is that of the
	// call, the innermost one of the kernel's.
	var found place
	files := lines.Files()
	for {
		e, err := r.Next()
		if err != nil || e == nil || e.Tag == dwarf.TagCompileUnit {
			return found
		}
		if e.Tag != dwarf.TagInlinedSubroutine && e.Tag != dwarf.TagSubprogram && e.Tag != dwarf.TagLexDwarfBlock {
			continue
		}
		if !t.covers(e, pc) {
			if e.Tag != dwarf.TagLexDwarfBlock {
				r.SkipChildren()
			}
			continue
		}
		file, _ := e.Val(dwarf.AttrCallFile).(int64)
		line, _ := e.Val(dwarf.AttrCallLine).(int64)
		if file > 0 && int(file) < len(files) && files[file] != nil {
			if p := at(files[file].Name, int(line)); p.line > 0 {
				found = p
			}
		}
	}
}

func (t *tables) covers(e *dwarf.Entry, pc uint64) bool {
	ranges, err := t.dwarf.Ranges(e)
	if err != nil {
		return false
	}
	for _, r := range ranges {
		if r[0] <= pc && pc < r[1] {
			return true
		}
	}
	return false
}

func at(file string, line int) place {
	switch path.Base(file) {
	case kernelFile:
		return place{line: line}
	case headerFile:
		return place{line: line, header: true}
	}
	return place{}
}
