package plugins

// confinement is what a plugin's process may do at most, as far as the system can
// be told. It keeps a mistake from doing harm; it is no sandbox for a program that
// means to.
type confinement struct {
	write  []string // folders that it may write below; nil: all
	files  uint64   // open files
	memory uint64   // bytes of memory of its own; 0: no limit
}

// defaultFiles is the limit on open files.
const defaultFiles = 1024
