"""Writes fft.json: transforms by NumPy."""

import json
import pathlib

import numpy as np

rng = np.random.default_rng(3)
cases = []


def pairs(a):
    a = np.asarray(a, dtype=complex).reshape(-1)
    return [float(x) for z in a for x in (z.real, z.imag)]


def case(name, x, n, axes, norm):
    f = getattr(np.fft, name)
    kw = dict(norm=norm)
    if name.endswith("fft"):
        y = f(x, n=n[0] if n else None, axis=axes[0], **kw)
    else:
        y = f(x, s=n or None, axes=axes, **kw)
    cases.append(dict(name=name.upper(), shape=list(x.shape), x=pairs(x), n=n, axes=axes, norm=["backward", "ortho", "forward"].index(norm),
                      want=pairs(y), wantShape=list(y.shape), real=not np.iscomplexobj(y)))


for norm in ("backward", "ortho", "forward"):
    for name in ("fft", "ifft", "rfft", "irfft"):
        for shape, n, axis in [((8,), [], -1), ((7,), [], 0), ((3, 5), [4], 1), ((4, 3), [6], 0), ((2, 3, 4), [], -2)]:
            x = rng.standard_normal(shape)
            case(name, x if name == "rfft" else x + 1j * rng.standard_normal(shape), n, [axis], norm)
    for name in ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"):
        for shape, n, axes in [((4, 6), [], [-2, -1]), ((3, 4), [4, 2], [0, 1]), ((2, 3, 4), [], [0, 2]), ((2, 3, 4), [3, 5], [2, 1])]:
            x = rng.standard_normal(shape)
            case(name, x if name.startswith("rfft") else x + 1j * rng.standard_normal(shape), n, axes, norm)

out = pathlib.Path(__file__).with_name("fft.json")
out.write_text(json.dumps(cases, separators=(",", ":")) + "\n")
