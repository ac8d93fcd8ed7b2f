// Package shm is the shared memory between a host and a plugin, and the link over
// which its descriptors pass. Both sides use it; it needs no C.
//
// The host creates a [Segment] and keeps it mapped; the plugin maps the descriptor
// that it got over the [Link]. On Linux a segment is a memfd whose seals forbid
// everybody to shrink or grow it, so that no access to it can fail, and that
// forbid new writable mappings of what only the host may write. On macOS it is
// a POSIX object without a name, whose size cannot be changed, and the plugin's
// descriptor of what only the host may write is open for reading.
package shm
