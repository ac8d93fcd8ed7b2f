package trust

import (
	"fmt"
	"slices"
)

// Policy says what must vouch for a plugin. The zero value is trust on first
// use.
type Policy struct {
	RequireLock bool        // the lock file must pin it
	Keys        []PublicKey // one of them must have signed it; empty: no signature is asked for
}

// Claim is what there is to judge.
type Claim struct {
	ID, Version string
	Manifest    []byte // the text of plugin.json
	Signatures  []byte // the text of plugin.json.sig; nil: there is none
}

// Check returns nil if the policy lets the plugin run, else an [*Error]. A nil
// lock pins nothing.
func (p Policy) Check(c Claim, lock *Lock) error {
	if err := lock.Check(c.ID, c.Version, c.Manifest); err != nil && (p.RequireLock || !isNotLocked(err)) {
		return err
	}
	if len(p.Keys) == 0 {
		return nil
	}
	if c.Signatures == nil {
		return c.refuse(ErrUnsigned, "")
	}
	signers, err := Signers(c.Manifest, c.Signatures)
	if err != nil {
		return c.refuse(ErrSignature, err.Error())
	}
	if slices.ContainsFunc(signers, func(k PublicKey) bool { return slices.ContainsFunc(p.Keys, k.Equal) }) {
		return nil
	}
	return c.refuse(ErrUnknownKey, fmt.Sprintf("signed by %v, trusted are %v", signers, p.Keys))
}

func (c Claim) refuse(reason error, detail string) error {
	return &Error{Plugin: c.ID + " " + c.Version, Err: reason, Detail: detail}
}
