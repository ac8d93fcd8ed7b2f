package plugins

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/adjoint-go/adjoint/plugins/spec"
	"github.com/adjoint-go/adjoint/plugins/store"
)

// Errors without further facts. Test for them with errors.Is.
var (
	// ErrClosed is the use of a registry after Close.
	ErrClosed = errors.New("plugins: the registry is closed")
	// ErrStopped is the use of a plugin after Stop.
	ErrStopped = errors.New("the plugin was stopped; load it again")
	// ErrStale means that the program was replaced by another one.
	ErrStale = errors.New("the program changed since it was loaded")
	// ErrNotFound means that no folder holds the plugin or the version.
	ErrNotFound = store.ErrNotFound
	// ErrAmbiguous means that two folders provide a plugin.
	ErrAmbiguous = store.ErrAmbiguous
	// ErrNotRunning is returned by Health when there is no process.
	ErrNotRunning = errors.New("the plugin's process is not running; the next call starts it")
)

// The reasons of a StartError. Test for them with errors.Is.
var (
	ErrStartTimeout = errors.New("it did not answer in time")
	ErrNoHandshake  = errors.New("there was no handshake; is it a plugin for this host?")
	ErrBanner       = errors.New("it printed something else than the handshake on standard output")
	ErrProtocol     = errors.New("it shares no protocol version with this host")
	ErrDescribe     = errors.New("its description is not acceptable")
)

// StartError says why a plugin's program could not be started.
type StartError struct {
	Path   string
	Err    error  // one of the reasons above, a context's error, or the system's
	Detail string // what was seen
	Status string // how the process ended; empty: it did not or never began
	Stderr []string
}

func (e *StartError) Error() string {
	s := "plugin " + e.Path + " did not start: " + e.Err.Error()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s + ending(e.Status, e.Stderr)
}

func (e *StartError) Unwrap() error { return e.Err }

// CrashError says that the process ended while a call was running.
type CrashError struct {
	Plugin, Kernel string
	Status         string   // "exit status 3", "signal: killed"
	Stderr         []string // the last lines of standard error
}

func (e *CrashError) Error() string {
	return at(e.Plugin, e.Kernel) + "the process ended during the call" + ending(e.Status, e.Stderr)
}

// TimeoutError says that a call did not end in time. It wraps
// context.DeadlineExceeded, or context.Canceled where the caller gave up.
type TimeoutError struct {
	Plugin, Kernel string
	After          time.Duration
	Killed         bool // the kernel did not stop when asked, so its process was killed
	Err            error
}

func (e *TimeoutError) Error() string {
	s := at(e.Plugin, e.Kernel) + "no result after " + e.After.Round(time.Millisecond).String()
	if errors.Is(e.Err, context.Canceled) {
		s = at(e.Plugin, e.Kernel) + "cancelled after " + e.After.Round(time.Millisecond).String()
	}
	if e.Killed {
		s += "; it did not stop when asked and was killed"
	}
	return s
}

func (e *TimeoutError) Unwrap() error { return e.Err }

// BreakerError says that a plugin crashed so often that it is left alone for a
// while.
type BreakerError struct {
	Plugin  string
	Crashes int
	Window  time.Duration
	Until   time.Time // when the next call will try again
	Last    error     // the last crash, where it is known
}

func (e *BreakerError) Error() string {
	s := fmt.Sprintf("plugin %s: crashed %d times within %s; not started again before %s",
		e.Plugin, e.Crashes, e.Window, e.Until.Format(time.TimeOnly))
	if e.Last != nil {
		s += "; the last: " + e.Last.Error()
	}
	return s
}

func (e *BreakerError) Unwrap() error { return e.Last }

// ReplyError says that a plugin answered with something its kernel cannot
// return.
type ReplyError struct {
	Plugin, Kernel string
	Reason         string
}

func (e *ReplyError) Error() string { return at(e.Plugin, e.Kernel) + "bad reply: " + e.Reason }

// KernelError is an error that the kernel itself returned, or its panic.
type KernelError struct {
	Plugin, Kernel string
	Message        string // at most 4 KiB
	Panicked       bool
	Refused        bool // the plugin did not accept the request
}

func (e *KernelError) Error() string {
	first, _, _ := strings.Cut(e.Message, "\n")
	return at(e.Plugin, e.Kernel) + first
}

// UnknownKernelError names a kernel that a plugin does not have, and those it
// has.
type UnknownKernelError struct {
	Plugin, Kernel string
	Have           []string
}

func (e *UnknownKernelError) Error() string {
	return fmt.Sprintf("plugin %s has no kernel %q; it has %s", e.Plugin, e.Kernel, strings.Join(e.Have, ", "))
}

// NoSourceError says that a kernel cannot run on the GPU that it was asked to.
type NoSourceError struct {
	Plugin, Kernel string
	Backend        spec.Backend
}

func (e *NoSourceError) Error() string {
	return at(e.Plugin, e.Kernel) + "it has no " + string(e.Backend) + " source; run it on core.CPU"
}

func at(plugin, kernel string) string {
	if kernel == "" {
		return "plugin " + plugin + ": "
	}
	return "plugin " + plugin + ": kernel " + kernel + ": "
}

// ending keeps an error to one line: the exit status and the line of standard
// error that is most likely to say why.
func ending(status string, stderr []string) string {
	s := ""
	if status != "" {
		s = " (" + status + ")"
	}
	if line := telling(stderr); line != "" {
		s += fmt.Sprintf("; it said %q", line)
	}
	return s
}

func telling(lines []string) string {
	for _, line := range lines {
		if isCause(line) {
			return clip(line)
		}
	}
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.TrimSpace(lines[i]) != "" {
			return clip(lines[i])
		}
	}
	return ""
}
