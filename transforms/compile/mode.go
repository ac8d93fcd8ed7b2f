package compile

import (
	"fmt"
	"os"
	"sync/atomic"

	"github.com/adjoint-go/adjoint/core"
)

// Mode says how much compile does.
type Mode uint8

// The modes.
const (
	Enabled    Mode = iota // trace, simplify and fuse
	NoFuse                 // do not put elementwise operations together
	NoSimplify             // do not drop or merge operations
	Disabled               // call the function as it is
	modes
)

// String is "enabled", "no fuse", "no simplify" or "disabled".
func (m Mode) String() string {
	if m >= modes {
		return fmt.Sprintf("mode(%d)", uint8(m))
	}
	return [modes]string{"enabled", "no fuse", "no simplify", "disabled"}[m]
}

func (m Mode) check(op string) {
	if m >= modes {
		core.Failf(op, "%v is no mode: want Enabled, NoFuse, NoSimplify or Disabled", m)
	}
}

// mode is that of every Func without one of its own.
var mode atomic.Uint32

func init() {
	switch os.Getenv("ADJOINT_DISABLE_COMPILE") {
	case "", "0", "false":
	default:
		mode.Store(uint32(Disabled))
	}
}

// SetMode sets the mode of every Func, also of those that exist. Traces of one
// mode are not used in another.
func SetMode(m Mode) {
	m.check("compile.SetMode")
	mode.Store(uint32(m))
}

// InMode gives a Func a mode of its own. While all are disabled it is too.
func InMode(m Mode) Option {
	m.check("compile.InMode")
	return func(c *config) { c.mode = &m }
}

// Disable is SetMode(Disabled). The environment variable
// ADJOINT_DISABLE_COMPILE=1 does the same.
func Disable() { SetMode(Disabled) }

// Enable is SetMode(Enabled).
func Enable() { SetMode(Enabled) }

// now is the mode of the next call.
func (p *program) now() Mode {
	m := Mode(mode.Load())
	if p.mode != nil && m != Disabled {
		return *p.mode
	}
	return m
}

// passes is the mode of the next trace, which is recorded ahead of time when
// calls are disabled.
func (p *program) passes() Mode {
	if m := p.now(); m != Disabled {
		return m
	}
	return Enabled
}
