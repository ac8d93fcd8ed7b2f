package nn

import (
	"fmt"
	"slices"

	"github.com/adjoint-go/adjoint/core"
	"github.com/adjoint-go/adjoint/core/random"
	"github.com/adjoint-go/adjoint/core/tree"
)

// Ctx tells layers what a forward pass is for. A nil *Ctx is inference; one of
// [Training] serves one pass, on one goroutine. It is made inside the function
// that is differentiated or compiled, from a key that is an argument, and is no
// argument itself.
type Ctx struct {
	key  *core.Array
	sets []update
}

// update is the new value of an array of the model.
type update struct{ old, latest *core.Array }

// Training returns a context for one forward pass in training. key is what
// random layers draw from; it may be nil when there are none.
func Training(key *core.Array) *Ctx { return &Ctx{key: key} }

// Train says whether the pass is in training.
func (c *Ctx) Train() bool { return c != nil }

// Key returns a new random key. Errors: in inference, or when Training was given
// no key.
func (c *Ctx) Key() *core.Array {
	const op = "nn.Ctx.Key"
	switch {
	case c == nil:
		core.Failf(op, "there is no key in inference: check Train first")
	case c.key == nil:
		core.Failf(op, "the model draws random numbers: give nn.Training a key, as in nn.Training(random.Key(1))")
	}
	var out *core.Array
	c.key, out = random.Split(c.key)
	return out
}

// Set records that latest takes the place of old, an array of the model, once
// [Commit] is called. Errors: in inference; either is nil; the shapes or dtypes
// differ.
func (c *Ctx) Set(old, latest *core.Array) {
	const op = "nn.Ctx.Set"
	if c == nil {
		core.Failf(op, "nothing is recorded in inference: check Train first")
	}
	if old == nil || latest == nil {
		core.Fail(op, nil, core.ErrNil)
	}
	if o, l := old.Spec(), latest.Spec(); o.DType != l.DType || !slices.Equal(o.Shape, l.Shape) {
		core.Failf(op, "%v cannot take the place of %v", l, o)
	}
	for i := range c.sets {
		if c.sets[i].old == old {
			c.sets[i].latest = latest
			return
		}
	}
	c.sets = append(c.sets, update{old, latest})
}

// Latest returns what takes old's place so far, or old: a layer that is used
// twice in a pass goes on from there.
func (c *Ctx) Latest(old *core.Array) *core.Array {
	if c != nil {
		for _, s := range c.sets {
			if s.old == old {
				return s.latest
			}
		}
	}
	return old
}

// Commit returns t with what [Ctx.Set] recorded during the pass; without a
// context it is t. Errors: an array that was set is not in t, because t is not
// the model that ran, or is in t twice.
func Commit[T any](c *Ctx, t T) T {
	const op = "nn.Commit"
	if c == nil || len(c.sets) == 0 {
		return t
	}
	at := make(map[*core.Array]string, len(c.sets))
	out := tree.MapPath(t, func(path string, a *core.Array) *core.Array {
		latest := c.Latest(a)
		if latest == a {
			return a
		}
		if first, twice := at[a]; twice {
			core.Failf(op, "%s and %s hold the same array: give each its own", first, path)
		}
		at[a] = path
		return latest
	})
	for _, s := range c.sets {
		if _, ok := at[s.old]; !ok && s.old != s.latest {
			core.Fail(op, []*core.Array{s.old}, fmt.Errorf("an array that a layer set is not in the model: pass the model whose Forward was called with this context"))
		}
	}
	return out
}
