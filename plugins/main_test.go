package plugins

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// modeEnv makes the test's program a plugin of one kind or another.
const modeEnv = "ADJOINT_TEST_PLUGIN"

func TestMain(m *testing.M) {
	mode := os.Getenv(modeEnv)
	if mode == "" {
		os.Exit(inOwnFolder(m.Run))
	}
	if play, ok := roles[mode]; ok {
		play()
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, "no such role:", mode)
	os.Exit(99)
}

// inOwnFolder runs the tests with a folder for temporary files that no other
// program uses, so that what is left in it is ours.
func inOwnFolder(run func() int) int {
	dir, err := os.MkdirTemp("", "pt")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Setenv("TMPDIR", dir); err != nil {
		panic(err)
	}
	return run()
}

// open returns a registry whose plugins play the role. When the test ends, it
// checks that nothing is left of them.
func open(t *testing.T, role string, o Options) (*Registry, string) {
	t.Helper()
	leavesNothing(t)
	// The race detector's runtime would sleep for a second when a plugin ends.
	o.Env = append(o.Env, modeEnv+"="+role, "GORACE=atexit_sleep_ms=0")
	reg, err := Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, reg.Close()) })
	self, err := os.Executable()
	require.NoError(t, err)
	return reg, self
}

// load returns a running plugin of the role.
func load(t *testing.T, role string, o Options) *Plugin {
	t.Helper()
	reg, self := open(t, role, o)
	p, err := reg.LoadFile(t.Context(), self)
	require.NoError(t, err)
	return p
}

// leavesNothing fails the test if, at its end, there are goroutines, child
// processes, descriptors or socket folders that were not there before.
func leavesNothing(t *testing.T) {
	t.Helper()
	here := goleak.IgnoreCurrent()
	before := descriptors(t)
	folders := socketFolders(t)
	mapped := segmentsMapped(t)
	t.Cleanup(func() {
		goleak.VerifyNone(t, here)
		soon(t, "child processes", func() bool { return len(children(t)) == 0 })
		soon(t, "descriptors", func() bool { return descriptors(t) <= before })
		require.Subset(t, folders, socketFolders(t), "socket folders are left")
		require.LessOrEqual(t, segmentsMapped(t), mapped, "shared memory is left")
	})
}

// soon fails the test if what must be gone is still there after a while that is long
// also on a busy machine.
func soon(t *testing.T, what string, gone func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !gone(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			ps, _ := exec.Command("ps", "--ppid", strconv.Itoa(os.Getpid()), "-o", "pid,stat,etime,args").CombinedOutput()
			t.Fatalf("%s are left:\n%s", what, ps)
		}
	}
}

// segmentsMapped counts the shared memory in this process.
func segmentsMapped(t *testing.T) int {
	t.Helper()
	maps, _ := os.ReadFile("/proc/self/maps")
	return strings.Count(string(maps), "memfd:adjoint-plugin")
}

func socketFolders(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(os.TempDir(), socketPrefix+"*"))
	require.NoError(t, err)
	return found
}

// descriptors and children read /proc; where there is none, they see nothing.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

func children(t *testing.T) []int {
	t.Helper()
	var out []int
	for pid, parent := range processes(t) {
		if parent == os.Getpid() {
			out = append(out, pid)
		}
	}
	return out
}

// processes maps the number of each process to that of its parent.
func processes(t *testing.T) map[int]int {
	t.Helper()
	out := make(map[int]int)
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		rest := string(text[strings.LastIndexByte(string(text), ')')+1:])
		out[pid], _ = strconv.Atoi(strings.Fields(rest)[1])
	}
	return out
}

// alive tells whether a process exists and is no zombie.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return exec.Command("kill", "-0", strconv.Itoa(pid)).Run() == nil
	}
	return !strings.HasPrefix(string(text[strings.LastIndexByte(string(text), ')')+1:]), " Z")
}
