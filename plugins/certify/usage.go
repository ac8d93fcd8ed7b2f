package certify

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// usage is what the system says of a process.
type usage struct {
	memory                    int64 // bytes that are its own
	files, threads, processes int   // processes are those of its group
}

var errNoUsage = errors.New("the system does not say what a process uses")

func usageOf(pid int) (usage, error) {
	if runtime.GOOS != "linux" {
		return usageByPS(pid)
	}
	dir := fmt.Sprintf("/proc/%d", pid)
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return usage{}, fmt.Errorf("%w: %w", errNoUsage, err)
	}
	var u usage
	for line := range strings.Lines(string(status)) {
		if name, value, ok := strings.Cut(line, ":"); ok && name == "RssAnon" {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			if err != nil {
				return usage{}, fmt.Errorf("%w: %w", errNoUsage, err)
			}
			u.memory = kb << 10
		}
	}
	if u.files, err = entries(filepath.Join(dir, "fd")); err != nil {
		return usage{}, err
	}
	if u.threads, err = entries(filepath.Join(dir, "task")); err != nil {
		return usage{}, err
	}
	u.processes = groupOf(pid)
	return u, nil
}

func entries(dir string) (int, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errNoUsage, err)
	}
	return len(list), nil
}

// groupOf counts the processes in the group that the process leads.
func groupOf(pid int) (n int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// After the name, in parentheses: state, parent, group.
		rest := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(rest) > 2 && rest[2] == strconv.Itoa(pid) {
			n++
		}
	}
	return n
}

// usageByPS knows no files and no threads.
func usageByPS(pid int) (usage, error) {
	out, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return usage{}, fmt.Errorf("%w: %w", errNoUsage, err)
	}
	kb, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		return usage{}, fmt.Errorf("%w: %w", errNoUsage, err)
	}
	return usage{memory: kb << 10}, nil
}
