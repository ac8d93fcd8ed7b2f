package core

import (
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/adjoint-go/adjoint/internal/engine"
)

// Device is a processor of the engine.
type Device struct {
	GPU   bool
	Index int
}

// CPU is the processor; GPU is the first Metal or CUDA device, where there is
// one.
var (
	CPU = Device{}
	GPU = Device{GPU: true}
)

// String is "cpu:0" or "gpu:0".
func (d Device) String() string {
	if d.GPU {
		return fmt.Sprintf("gpu:%d", d.Index)
	}
	return fmt.Sprintf("cpu:%d", d.Index)
}

func (d Device) kind() int {
	if d.GPU {
		return 1
	}
	return 0
}

func (d Device) check(op string) {
	if n := engine.Devices(d.kind()); d.Index < 0 || d.Index >= n {
		engine.Leave()
		panic(newError(op, nil, fmt.Errorf("there is no device %v: this engine has %d of the kind", d, n)))
	}
}

// Devices lists the devices, the one that operations run on by default first.
func Devices() []Device {
	enter("Devices")
	defer engine.Leave()
	var out []Device
	for i := range engine.Devices(1) {
		out = append(out, Device{true, i})
	}
	for i := range engine.Devices(0) {
		out = append(out, Device{false, i})
	}
	return out
}

// Info returns what is known of the device: "device_name", "architecture",
// "memory_size" and others.
func (d Device) Info() map[string]string {
	enter("Device.Info")
	d.check("Device.Info")
	text := engine.DeviceInfo(d.kind(), d.Index)
	engine.Leave()
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			out[k] = v
		}
	}
	return out
}

// Stream is a queue of work on a device. Operations of different streams may run
// at the same time; what one needs of another is waited for.
type Stream struct{ n int64 }

// NewStream makes a stream on a device. Streams live as long as the process.
func NewStream(d Device) Stream {
	enter("NewStream")
	d.check("NewStream")
	n := engine.StreamNew(d.kind(), d.Index)
	msg := engine.Message()
	engine.Leave()
	if n < 0 {
		panic(newError("NewStream", nil, engineError(msg)))
	}
	streamDevices.Store(n, d)
	return Stream{n + 1}
}

// streamDevices maps the numbers of streams to their devices.
var streamDevices sync.Map

// CurrentDevice returns the device on which operations of this goroutine run:
// that of the innermost Using, otherwise the first GPU, or the CPU where there is
// none.
func CurrentDevice() Device {
	enter("CurrentDevice")
	defer engine.Leave()
	if d, ok := streamDevices.Load(engine.StreamCurrent()); ok {
		return d.(Device)
	}
	return Device{GPU: engine.Devices(1) > 0}
}

// DeviceOf returns the device of a target.
func DeviceOf(t Target) Device {
	switch t := t.(type) {
	case Device:
		return t
	case Stream:
		if d, ok := streamDevices.Load(t.n - 1); ok {
			return d.(Device)
		}
	}
	return CPU
}

// Synchronize waits for all work of the stream.
func (s Stream) Synchronize() {
	if s.n == 0 {
		panic(newError("Stream.Synchronize", nil, fmt.Errorf("the zero Stream is none: make one with NewStream")))
	}
	enter("Stream.Synchronize")
	code := engine.StreamSync(s.n - 1)
	if code != engine.OK {
		panic(failed("Stream.Synchronize", nil, 0, code))
	}
	engine.Leave()
}

// Target is where operations run: a Device or a Stream.
type Target interface{ target(op string) int64 }

func (d Device) target(op string) int64 {
	d.check(op)
	n := engine.StreamDefault(d.kind(), d.Index)
	streamDevices.Store(n, d)
	return n
}

func (s Stream) target(op string) int64 {
	if s.n == 0 {
		engine.Leave()
		panic(newError(op, nil, fmt.Errorf("the zero Stream is none: make one with NewStream")))
	}
	return s.n - 1
}

// Using calls f with operations of this goroutine running on t, also inside a
// traced function.
func Using(t Target, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	enter("Using")
	n := t.target("Using")
	if n < 0 {
		panic(failed("Using", nil, 0, engine.Failed))
	}
	old := engine.StreamCurrent()
	engine.StreamUse(n)
	engine.Leave()
	defer func() {
		if engine.Reenter() {
			engine.StreamUse(old)
			engine.Leave()
		}
	}()
	f()
}
