package plugins

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/nn/optim"
	"github.com/adjoint-go/adjoint/transforms/compile"
	"github.com/adjoint-go/adjoint/transforms/grad"
)

const (
	// soakEnv is how long TestSoak runs, such as 30m.
	soakEnv = "ADJOINT_SOAK"
	// soakSeedEnv chooses what is done to which plugin, and the pauses between.
	soakSeedEnv = "ADJOINT_SOAK_SEED"
	// soakCall bounds a call, and soakStep a training step: its calls, one after the
	// other, on a machine that is busy.
	soakCall = time.Second
	soakStep = 30 * time.Second
	// soakCycle is the number of steps after which training begins anew.
	soakCycle = 200
)

// TestSoak trains a network whose three plugins are killed, stopped like a program
// that hangs, and loaded anew at random moments. A step that fails is repeated. The
// loss must be that of the same training in plain Go, bit for bit.
func TestSoak(t *testing.T) {
	engine(t)
	length, seed := 2*time.Second, uint64(1)
	if text := os.Getenv(soakEnv); text != "" {
		var err error
		length, err = time.ParseDuration(text)
		require.NoError(t, err, soakEnv)
	}
	if text := os.Getenv(soakSeedEnv); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, soakSeedEnv)
	}
	s := newSoak(t, seed)
	t.Logf("%s=%d", soakSeedEnv, seed)
	defer func() { s.step.Close() }() // the last one
	want := soakCurve(soakCycle)
	end := time.Now().Add(length)
	chaos := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { s.disturb(chaos) })
	quiet := sync.OnceFunc(func() { close(chaos); wg.Wait() })
	defer quiet()
	watchdog := time.AfterFunc(soakStep, func() { panic("a step hangs") })
	defer watchdog.Stop()

	samples := []soakSample{takeSoakSample(t)}
	every := max(length/120, 50*time.Millisecond)
	params, opt := s.begin()
	for i := 0; time.Now().Before(end); {
		watchdog.Reset(soakStep)
		p, o, loss, err := s.try(params, opt)
		if err != nil {
			s.failed(err)
			continue
		}
		require.Equal(t, want.loss[i], loss, "the loss of step %d after %d steps", i, s.steps)
		params, opt = p, o
		s.steps++
		if i++; i == soakCycle {
			for j, w := range []*core.Array{params.In, params.Out, params.Skip} {
				require.Equal(t, want.params[j], core.Data[float32](w), "parameter %d after %d steps", j, s.steps)
			}
			params, opt = s.begin()
			i = 0
		}
		if time.Since(samples[len(samples)-1].at) >= every {
			samples = append(samples, takeSoakSample(t))
			if len(samples)%20 == 0 {
				t.Logf("%d steps so far; errors: %v", s.steps, s.errors)
			}
		}
	}
	quiet()
	s.report(t, length, samples)
}

// soakNet is a layer, and one that skips it.
type soakNet struct{ In, Out, Skip *core.Array }

type (
	soakOpt      = optim.Opt[soakNet]
	soakStepFunc = func(soakNet, soakOpt, *core.Array, *core.Array) (soakNet, soakOpt, *core.Array)
)

// soak is a training loop's side of the plugins.
type soak struct {
	reg   *Registry
	paths []string
	seed  uint64
	x, y  *core.Array
	step  *compile.Func[soakStepFunc]
	steps int

	errors map[string]int
	odd    []string // errors that are not among those that a caller can expect

	mu      sync.Mutex // held while a plugin is loaded anew
	plugins []*Plugin
	done    map[string]int // what was done to the plugins
	bad     []error        // what went wrong in loading them
}

func newSoak(t *testing.T, seed uint64) *soak {
	t.Helper()
	reg, self := open(t, "soak", Options{CallTimeout: soakCall, CrashLimit: 4, CrashWindow: 2 * time.Second})
	x, y := soakData()
	s := &soak{
		reg: reg, seed: seed, errors: make(map[string]int), done: make(map[string]int),
		x: core.From(x, soakRows, soakIn), y: core.From(y, soakRows, soakOut),
	}
	dir := t.TempDir()
	for _, name := range soakNames {
		path := filepath.Join(dir, name) // by its name the program knows which plugin it is
		require.NoError(t, os.Symlink(self, path))
		p, err := reg.LoadFile(t.Context(), path)
		require.NoError(t, err)
		require.Equal(t, "soak/"+name, p.ID())
		s.paths, s.plugins = append(s.paths, path), append(s.plugins, p)
	}
	s.compile()
	return s
}

// compile makes the training step of the plugins that are loaded now.
func (s *soak) compile() {
	s.mu.Lock()
	defer s.mu.Unlock()
	call := func(i int, kernel string, in ...*core.Array) *core.Array {
		k, err := s.plugins[i].Kernel(kernel)
		if err != nil {
			panic(err)
		}
		return k.Call(in...)[0]
	}
	if s.step != nil {
		s.step.Close()
	}
	s.step = compile.Of(func(p soakNet, o soakOpt, x, y *core.Array) (soakNet, soakOpt, *core.Array) {
		loss, g := grad.ValueAndGrad(func(p soakNet) *core.Array {
			h := call(1, "apply", call(0, "apply", x, p.In))
			return call(2, "apply", call(0, "apply", h, p.Out).Add(call(0, "apply", x, p.Skip)), y)
		})(p)
		p, o = o.Update(p, g)
		return p, o, loss
	})
}

func (s *soak) begin() (soakNet, soakOpt) {
	w := soakParams()
	p := soakNet{
		In: core.From(w[0], soakIn, soakWide), Out: core.From(w[1], soakWide, soakOut), Skip: core.From(w[2], soakIn, soakOut),
	}
	return p, optim.New(optim.SGD{LR: soakRate, Momentum: soakMomentum}, p)
}

// try makes a step, or leaves everything as it is.
func (s *soak) try(p soakNet, o soakOpt) (_ soakNet, _ soakOpt, loss float32, err error) {
	defer core.Catch(&err)
	p, o, l := s.step.Call(p, o, s.x, s.y)
	core.Eval(p, o, l)
	return p, o, core.Data[float32](l)[0], nil
}

// failed counts the error by its type, and gets what has to be got before the step
// can be repeated.
func (s *soak) failed(err error) {
	var (
		op      *core.Error
		crash   *CrashError
		timeout *TimeoutError
		breaker *BreakerError
		start   *StartError
	)
	kind := "other"
	switch {
	case !errors.As(err, &op):
	case errors.As(err, &breaker): // before the crash that it wraps
		kind = "BreakerError"
		time.Sleep(min(time.Until(breaker.Until), 100*time.Millisecond))
	case errors.As(err, &crash):
		kind = "CrashError"
	case errors.As(err, &timeout):
		kind = "TimeoutError"
	case errors.As(err, &start):
		kind = "StartError"
	case errors.Is(err, ErrStopped):
		kind = "ErrStopped"
		s.compile()
	}
	if s.errors[kind]++; kind == "other" {
		s.odd = append(s.odd, err.Error())
	}
}

// disturb does something to one of the plugins now and then.
func (s *soak) disturb(end <-chan struct{}) {
	r := rand.New(rand.NewPCG(s.seed, 0))
	for {
		select {
		case <-end:
			return
		case <-time.After(time.Duration(r.Int64N(int64(time.Second)))):
		}
		i := r.IntN(len(s.plugins))
		switch what := r.IntN(6); what {
		case 0:
			s.reload(i)
		case 1:
			s.signal(i, "hang", syscall.SIGSTOP)
		default:
			s.signal(i, "kill", syscall.SIGKILL)
		}
	}
}

func (s *soak) signal(i int, what string, sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	proc := s.plugins[i].current.Load()
	if proc == nil || !proc.runner.alive() {
		return
	}
	if pid, err := strconv.Atoi(proc.runner.ID()); err == nil && syscall.Kill(pid, sig) == nil {
		s.done[what]++
	}
}

func (s *soak) reload(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done["restart"]++
	err := s.plugins[i].Stop()
	p, loadErr := s.reg.LoadFile(context.Background(), s.paths[i])
	if err = errors.Join(err, loadErr); err != nil {
		s.bad = append(s.bad, err)
		return
	}
	s.plugins[i] = p
}

// report prints what happened, and fails if there was anything that should not
// have been or if something grew.
func (s *soak) report(t *testing.T, length time.Duration, samples []soakSample) {
	t.Logf("%d steps in %s, each loss exact", s.steps, length)
	t.Logf("plugins: %v", s.done)
	t.Logf("errors: %v", s.errors)
	assert.Empty(t, s.odd)
	assert.Empty(t, s.bad)
	assert.Positive(t, s.steps)
	assert.NotEmpty(t, s.done)
	long := length >= time.Minute
	if long {
		assert.Len(t, s.done, 3, "each kind of disturbance")
		assert.Greater(t, len(samples), 40)
	}
	warm := samples[len(samples)/10:]
	quarter := max(len(warm)/4, 1)
	early, late := warm[:quarter], warm[len(warm)-quarter:]
	for _, m := range soakMeasures {
		before, after := soakMedian(early, m.of), soakMedian(late, m.of)
		t.Logf("%-22s %8d at first, median %8d of the first quarter, %8d of the last", m.name, m.of(samples[0]), before, after)
		if long {
			assert.LessOrEqual(t, after, before+before/20+m.allow, m.name)
		}
	}
}

// soakSample is what the test's process uses.
type soakSample struct {
	at                                       time.Time
	resident, files, routines, procs, active int
}

var soakMeasures = []struct {
	name  string
	of    func(soakSample) int
	allow int
}{
	{"resident KiB", func(s soakSample) int { return s.resident }, 8 << 10},
	{"descriptors", func(s soakSample) int { return s.files }, 4},
	{"goroutines", func(s soakSample) int { return s.routines }, 8},
	{"child processes", func(s soakSample) int { return s.procs }, 1},
	{"bytes of live arrays", func(s soakSample) int { return s.active }, 64 << 10},
}

func takeSoakSample(t *testing.T) soakSample {
	runtime.GC()
	s := soakSample{
		at: time.Now(), files: descriptors(t), routines: runtime.NumGoroutine(),
		procs: len(children(t)), active: core.Memory().Active,
	}
	text, _ := os.ReadFile("/proc/self/statm")
	if fields := strings.Fields(string(text)); len(fields) > 1 {
		pages, _ := strconv.Atoi(fields[1])
		s.resident = pages * os.Getpagesize() >> 10
	}
	return s
}

func soakMedian(samples []soakSample, of func(soakSample) int) int {
	var all []int
	for _, s := range samples {
		all = append(all, of(s))
	}
	slices.Sort(all)
	return all[len(all)/2]
}
