//go:build !asan

package native

const (
	sanitized = false
	buildFlag = ""
)
