package kernelpb

import "github.com/adjoint-go/adjoint/plugins/spec"

// Version is the protocol's major version, which go-plugin negotiates.
const Version = 1

// Service is the name under which a plugin offers the Kernels service to
// go-plugin.
const Service = "kernels"

// The cookie tells a plugin that a host, not a person, started it. It is no
// secret.
const (
	CookieKey   = "ADJOINT_PLUGIN_COOKIE"
	CookieValue = "d8f1e4f27c1b4c0e9a35c6d1b7e04f92"
)

// LinkEnv names the environment variable that holds the number of an inherited
// file descriptor. Reading from it blocks as long as the host lives; at its end
// the plugin must exit. Nothing is sent on it in this version.
const LinkEnv = "ADJOINT_PLUGIN_LINK"

// Limits on messages, in bytes.
const (
	ControlLimit = 8 << 20
	RunLimit     = spec.MaxBytes + Overhead
	Overhead     = 64 << 10 // what a message with tensors holds besides their elements
	MessageLimit = 4 << 10  // the text of an Error
)
