// Package trust decides whether a plugin may run, by its manifest alone.
//
// Two things can vouch for a manifest. A lock file, plugins.lock, lies beside a
// program and pins the SHA-256 of the manifest of each plugin it uses:
//
//	adjoint plugins.lock 1
//	acme/sq 1.0.0 sha256:4c0e…
//
// A signature, plugin.json.sig, lies beside the manifest and is made with an
// ed25519 key over the manifest's bytes. Since a manifest lists the hash of
// every file, either fixes the whole package.
//
// A [Policy] says what is asked for:
//
//	Policy{}                        trust on first use: what the lock file pins must match, what is new is taken
//	Policy{RequireLock: true}       only what the lock file pins
//	Policy{Keys: []PublicKey{k}}    only what one of the keys signed; with RequireLock, both
//
// Every refusal is an [*Error] that wraps one of ErrNotLocked, ErrLockMismatch,
// ErrUnsigned, ErrUnknownKey and ErrSignature.
package trust
