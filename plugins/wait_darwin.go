package plugins

import (
	"syscall"
	"unsafe"
)

// waitUntilExited blocks until the child has ended and leaves it to be reaped.
func waitUntilExited(pid int) {
	const (
		byPID  = 1
		exited = 0x4
		noWait = 0x20
	)
	var info [16]uint64 // larger than the system's siginfo_t, which must be given
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, byPID, uintptr(pid), uintptr(unsafe.Pointer(&info[0])), exited|noWait, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}
