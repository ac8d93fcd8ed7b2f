"""Makes programs.npz: what JAX computes in float64 for every program.

    python make.py            write the file anew
    python make.py --check    run the programs on the stored inputs and compare

The file holds per program the differentiated inputs (p), the other inputs (d)
and the results (r) by their paths. Results are computed in float64 from float32
inputs and rounded to float32 at the end. Each program also runs in float32, and
is refused when that alone misses the truth by more than a third of what the
tests allow: such a program would test its own conditioning.
"""

import argparse
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

import attention  # noqa: F401
import convolution  # noqa: F401
import learning  # noqa: F401
import likelihood  # noqa: F401
import linear  # noqa: F401
import physics  # noqa: F401
import sequence  # noqa: F401
import structure  # noqa: F401
from peer import PROGRAMS, Draw, leaves, tree

jax.config.update("jax_platforms", "cpu")

FILE = pathlib.Path(__file__).with_name("programs.npz")
ALLOWED = 1e-4  # what the tests allow
ROUNDED = 1e-6  # what two runs in float64, rounded to float32, may differ by


def cast(t, dtype):
    def one(a):
        return jnp.asarray(a, dtype if np.asarray(a).dtype.kind == "f" else np.int32)

    return jax.tree.map(one, t)


def run(f, p, d, wide):
    with jax.enable_x64(wide):
        dtype = np.float64 if wide else np.float32
        r = jax.jit(f)(cast(p, dtype), cast(d, dtype))
        return {path: np.asarray(a) for path, a in leaves(r)}


def error(got, want):
    """The largest difference, relative to the largest element."""
    got, want = np.float64(got), np.float64(want)
    return np.abs(got - want).max() / np.abs(want).max()


def sane(name, results, narrow):
    """Refuses results that cannot fail, and programs that float32 cannot do."""
    worst = 0.0
    for path, a in results.items():
        if not np.isfinite(a).all() or np.abs(a).max() < 1e-4:
            sys.exit(f"{name}: {path} is zero or not finite: {a}")
        e = error(narrow[path], a)
        if not e < ALLOWED / 3:
            sys.exit(f"{name}: {path} in float32 is off by {e:.1e}")
        worst = max(worst, e)
    return worst


def make(names):
    arrays = {}
    for name in names:
        f, inputs = PROGRAMS[name]
        p, d = inputs(Draw(name))
        wide = run(f, p, d, True)
        worst = sane(name, wide, run(f, p, d, False))
        for part, t in (("p", p), ("d", d)):
            for path, a in leaves(t):
                arrays[f"{name}/{part}/{path}"] = np.asarray(a)
        for path, a in wide.items():
            arrays[f"{name}/r/{path}"] = np.float32(a)
        print(f"{name:28} {len(wide):2} results, JAX in float32 is off by {worst:.1e}", flush=True)
    return arrays


def check(names):
    stored = np.load(FILE)
    bad = 0
    for name in names:
        parts = {"p": {}, "d": {}, "r": {}}
        for key in stored.files:
            if key.startswith(name + "/"):
                _, part, path = key.split("/")
                parts[part][path] = stored[key]
        got = run(PROGRAMS[name][0], tree(parts["p"]), tree(parts["d"]), True)
        if got.keys() != parts["r"].keys():
            print(f"{name}: results {sorted(got)}, stored {sorted(parts['r'])}")
            bad += 1
            continue
        worst = max(error(got[path], a) for path, a in parts["r"].items())
        print(f"{name:28} differs from what is stored by {worst:.1e}", flush=True)
        bad += not worst < ROUNDED
    gone = {k.split("/")[0] for k in stored.files} - PROGRAMS.keys()
    if gone:
        print("stored, but no programs:", *sorted(gone))
    sys.exit(bool(bad or gone))


if __name__ == "__main__":
    args = argparse.ArgumentParser()
    args.add_argument("--check", action="store_true", help="compare with the stored results")
    args.add_argument("programs", nargs="*", help="only these; writes nothing")
    a = args.parse_args()
    names = a.programs or list(PROGRAMS)
    if a.check:
        check(names)
    arrays = make(names)
    if not a.programs:
        np.savez_compressed(FILE, **arrays)
        print(f"{len(names)} programs, {len(arrays)} arrays, {FILE.stat().st_size} bytes")
