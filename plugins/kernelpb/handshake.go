package kernelpb

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
// file descriptor: the plugin's end of the link that kernel.proto describes.
const LinkEnv = "ADJOINT_PLUGIN_LINK"

// Limits, in bytes.
const (
	MessageLimit = 8 << 20  // a message, on both sides
	InlineLimit  = 16 << 10 // the elements of a tensor in a message
	TextLimit    = 4 << 10  // the text of an Error
	Alignment    = 64       // of a region's offset
)
