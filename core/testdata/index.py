"""Writes index.json: random selections and what NumPy makes of them."""

import json
import pathlib

import numpy as np

rng = np.random.default_rng(7)
cases = []


def bound(n):
    return None if rng.random() < 0.3 else int(rng.integers(-n - 3, n + 4))


def selector(n, arrays, group):
    """One selector for an axis of n elements: its description and NumPy's form."""
    kinds = ["i", "r", "all"] + ["p", "a"] * arrays
    kind = kinds[rng.integers(len(kinds))]
    if kind == "i" and n:
        i = int(rng.integers(-n, n))
        return dict(i=i), i
    if kind == "r":
        step = int(rng.choice([1, 1, 2, 3, -1, -2, 100, -100]))
        r = [bound(n), bound(n), step]
        return dict(r=r), slice(*r)
    if kind == "p" and n:
        # Python's lists broadcast with the others, so their length must fit.
        k = group[-1] if group else 1
        p = rng.integers(-n, n, k).tolist()
        return dict(p=p), np.array(p, dtype=int)
    if kind == "a" and n:
        shape = [d if rng.random() < 0.7 else 1 for d in group[rng.integers(len(group) + 1) :]]
        a = rng.integers(-n, n, shape)
        return dict(a=a.reshape(-1).tolist(), shape=shape), a
    return "all", slice(None)


def add(x, sels, forms):
    key = tuple(forms)
    got = x[key]
    v = rng.integers(1, 6, got.shape).astype(np.float32)
    # Drop some leading axes and make others 1, so that v has to broadcast.
    while v.ndim and rng.random() < 0.3:
        v = v[0] if v.shape[0] else v.reshape(v.shape[1:]) if 0 not in v.shape else np.float32(2)
        v = np.asarray(v)
    for k in range(v.ndim):
        if v.shape[k] > 1 and rng.random() < 0.2:
            v = v.take([0], axis=k)
    out = dict(shape=list(x.shape), sels=sels, want=got.reshape(-1).tolist(), wantShape=list(got.shape),
               v=v.reshape(-1).tolist(), vShape=list(v.shape))
    places = np.arange(x.size).reshape(x.shape)[key].reshape(-1)
    if len(set(places.tolist())) == len(places):
        y = x.copy()
        y[key] = v
        out["AtSet"] = y.reshape(-1).tolist()
    for name, f in dict(AtAdd=np.add, AtMul=np.multiply, AtMax=np.maximum, AtMin=np.minimum).items():
        y = x.copy()
        f.at(y, key, v)
        out[name] = y.reshape(-1).tolist()
    cases.append(out)


def values(shape):
    return (np.arange(np.prod(shape, dtype=int)) % 11).astype(np.float32).reshape(shape)


def random_case(arrays):
    shape = [int(d) for d in rng.integers(0 if rng.random() < 0.1 else 1, 5, rng.integers(1, 5))]
    group = [int(d) for d in rng.integers(1, 4, rng.integers(1, 3))]
    sels, forms = [], []
    used = int(rng.integers(0, len(shape) + 1))
    dots = int(rng.integers(0, used + 1)) if rng.random() < 0.5 else None
    for k in range(used + 1):
        if k == dots:
            sels.append("...")
            forms.append(Ellipsis)
        if k == used:
            break
        axis = k if dots is None or k < dots else len(shape) - used + k
        if rng.random() < 0.2:
            sels.append("new")
            forms.append(None)
        s, f = selector(shape[axis], arrays, group)
        sels.append(s)
        forms.append(f)
    add(values(shape), sels, forms)


for _ in range(200):
    random_case(0)
for _ in range(400):
    random_case(1)
for shape, dims, at in [((4,), (4,), 0), ((3, 4), (3,), 0), ((3, 4), (3, 4), 0), ((2, 3, 4), (3, 4), 1), ((2, 3, 4), (2,), 0), ((2, 3), (3,), 1)]:
    for p in (0.0, 0.5, 1.0):
        m = rng.random(dims) < p
        sel = dict(m=m.reshape(-1).tolist(), shape=list(dims))
        add(values(shape), ["all"] * at + [sel], [slice(None)] * at + [m])
m = np.array([True, False, True])
add(values((3, 4, 2)), [dict(m=m.tolist(), shape=[3]), dict(p=[1, 3])], [m, np.array([1, 3])])
add(values((3, 4, 2)), [dict(m=m.tolist(), shape=[3]), "all", dict(i=1)], [m, slice(None), 1])

out = pathlib.Path(__file__).with_name("index.json")
out.write_text(json.dumps(cases, separators=(",", ":")) + "\n")
