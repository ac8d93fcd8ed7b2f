//go:build !cgo || (!linux && !darwin)

package engine

import (
	"errors"
	"unsafe"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// errNoCgo is what the first use of the engine returns in a program that was
// built without cgo.
var errNoCgo = errors.New("adjoint: this program was built without cgo and cannot open the engine; build it with CGO_ENABLED=1 and a C compiler")

func open(string, *native.Manifest) error { return errNoCgo }

// Graph and Program are never made without cgo.
type (
	Graph   uint64
	Program uint64
)

// The engine never opens, so none of these is reached.
func Message() string                                                 { return errNoCgo.Error() }
func Do(Op, *uint64, uint64) int64                                    { return Failed }
func Block(uint64, uint64) []Handle                                   { return nil }
func NewArray(unsafe.Pointer, []int32, int, *Handle) int64            { return Failed }
func Free([]Handle)                                                   {}
func Info(Handle, *[64]int64)                                         {}
func Eval([]Handle, bool, uint64) int                                 { return Failed }
func Read(Handle, unsafe.Pointer, int, uint64) int                    { return Failed }
func Watch(bool)                                                      {}
func Mark(h, in []Handle, line uint64)                                {}
func Inspect([]Handle, int, uint64) int                               { return Failed }
func Found() (string, []Handle)                                       { return "", nil }
func Depth(Handle) int                                                { return 0 }
func Retain(Handle) Handle                                            { return 0 }
func Devices(int) int                                                 { return 0 }
func DeviceInfo(int, int) string                                      { return "" }
func StreamNew(int, int) int64                                        { return Failed }
func StreamDefault(int, int) int64                                    { return Failed }
func StreamCurrent() int64                                            { return Failed }
func StreamUse(int64)                                                 {}
func StreamSync(int64) int                                            { return Failed }
func Scope() int64                                                    { return 0 }
func ScopeSet(int64)                                                  {}
func Memory(int, uint64) (uint64, bool)                               { return 0, false }
func TraceCurrent() uint64                                            { return 0 }
func TraceLive(uint64) bool                                           { return false }
func Grad(Callback, uint64, []Handle, []uint32) ([]Handle, int)       { return nil, Failed }
func VJP(Callback, uint64, []Handle, []uint32) ([]Handle, Graph, int) { return nil, 0, Failed }
func Linearize(Callback, uint64, []Handle, []uint32) ([]Handle, Graph, int) {
	return nil, 0, Failed
}
func (Graph) Run([]Handle) ([]Handle, int) { return nil, Failed }
func (Graph) Free()                        {}
func JVP(Callback, uint64, []Handle, []uint32, []Handle) ([]Handle, int) {
	return nil, Failed
}
func VMap(Callback, uint64, []Handle, []int32) ([]Handle, int)               { return nil, Failed }
func NewProgram() Program                                                    { return 0 }
func (Program) Free()                                                        {}
func (Program) Len() int                                                     { return 0 }
func (Program) Bare(uint64, []Handle, int) bool                              { return false }
func (Program) Clear()                                                       {}
func (Program) Run([]byte, []Handle, []Handle, bool) ([]Handle, uint64, int) { return nil, 0, Failed }
func (Program) Trace(Callback, uint64, []byte, []Handle, bool, int, int, uint64) ([]Handle, int) {
	return nil, Failed
}
func (Program) Take(Program, int) ([]Handle, int)                    { return nil, Failed }
func (Program) Describe(uint64) ([]byte, int)                        { return nil, Failed }
func (Program) Export(uint64, bool) (Tape, int)                      { return Tape{}, Failed }
func (*Foreign) Call(string, []Handle, []int64, int) ([]Handle, int) { return nil, Failed }

// Thread is never reached.
func Thread() uint64 { return 0 }

func Scan(Callback, uint64, []Handle, int, int, bool, bool) ([]Handle, int) { return nil, Failed }
func Branch(Callback, Callback, uint64, []Handle) ([]Handle, int)           { return nil, Failed }
func Loop(Callback, Callback, uint64, []Handle) ([]Handle, int)             { return nil, Failed }

func Arguments([]Handle, bool) ([]Handle, int)               { return nil, Failed }
func (*Foreign) Custom([]Handle, int) ([]Handle, int)        { return nil, Failed }
func Checkpoint([]Handle, int, bool, string) ([]Handle, int) { return nil, Failed }
func Named(Handle, string) ([]Handle, int)                   { return nil, Failed }
func AxisSum(Handle, Handle, uint64) (Handle, int)           { return 0, Failed }

func sweepForeigns() {}
