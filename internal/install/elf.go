package install

import (
	"debug/elf"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// blasNeeds is what a libmlx imports from BLAS and LAPACK: the names of the libraries, and the functions.
type blasNeeds struct {
	BLAS, LAPACK string // sonames, as in libmlx's DT_NEEDED
	Functions    []string
}

// readBLASNeeds reads them from libmlx and from the reference libraries that came with it in the folder bundled.
func readBLASNeeds(libmlx, bundled string) (*blasNeeds, error) {
	f, err := elf.Open(libmlx)
	if err != nil {
		return nil, &LayoutError{File: filepath.Base(libmlx), Why: err.Error()}
	}
	defer f.Close()
	needed, err := f.ImportedLibraries()
	if err != nil {
		return nil, &LayoutError{File: filepath.Base(libmlx), Why: err.Error()}
	}
	n := new(blasNeeds)
	for _, soname := range needed {
		switch {
		case isLibrary(soname, "blas"):
			n.BLAS = soname
		case isLibrary(soname, "lapack"):
			n.LAPACK = soname
		}
	}
	if n.BLAS == "" || n.LAPACK == "" {
		return nil, &LayoutError{File: filepath.Base(libmlx), Why: fmt.Sprintf("it needs no BLAS and LAPACK by name, but %s", strings.Join(needed, ", "))}
	}
	imported, err := f.ImportedSymbols()
	if err != nil {
		return nil, &LayoutError{File: filepath.Base(libmlx), Why: err.Error()}
	}
	offered := map[string]bool{}
	for _, soname := range []string{n.BLAS, n.LAPACK} {
		names, err := exports(filepath.Join(bundled, soname))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			offered[name] = true
		}
	}
	for _, s := range imported {
		if offered[s.Name] {
			n.Functions = append(n.Functions, s.Name)
		}
	}
	slices.Sort(n.Functions)
	n.Functions = slices.Compact(n.Functions)
	return n, nil
}

// isLibrary tells whether a soname is a library's, with or without the digest that wheels add to it.
func isLibrary(soname, name string) bool {
	rest, ok := strings.CutPrefix(soname, "lib"+name)
	return ok && rest != "" && strings.ContainsRune(".-", rune(rest[0]))
}

// exports lists the functions that a library offers.
func exports(path string) ([]string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, &LayoutError{File: filepath.Base(path), Why: err.Error()}
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return nil, &LayoutError{File: filepath.Base(path), Why: err.Error()}
	}
	var names []string
	for _, s := range symbols {
		if s.Section != elf.SHN_UNDEF && elf.ST_TYPE(s.Info) == elf.STT_FUNC {
			names = append(names, s.Name)
		}
	}
	return names, nil
}
