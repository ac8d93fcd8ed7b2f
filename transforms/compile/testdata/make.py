"""Makes the .mlxfn files in mlxfn/ with MLX Python, and checks files of Adjoint's
with it. `make mlx-check` does both in an environment of its own.

    python make.py make          # writes mlxfn/ anew
    python make.py make DIR     # writes the same into another folder
    python make.py check DIR    # runs each DIR/NAME.mlxfn on DIR/NAME.safetensors

Beside NAME.mlxfn stands NAME.safetensors with calls of the function: the arrays
CALL.in.K are arguments by position, CALL.key.NAME those by name, CALL.out.K results.
"""

import glob
import os
import sys

import mlx.core as mx
import mlx.nn as nn

here = os.path.dirname(os.path.abspath(__file__))
mx.set_default_device(mx.cpu)


def normal(seed, *shape, dtype=mx.float32):
    return mx.random.normal(shape, key=mx.random.key(seed)).astype(dtype)


class Writer:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def write(self, name, f, *calls, traces=None, shapeless=False):
        """Exports f for traces, the first call alone unless said, and stores calls."""
        path = os.path.join(self.folder, name + ".mlxfn")
        with mx.exporter(path, f, shapeless=shapeless) as export:
            for args, kwargs in traces or calls[:1]:
                export(*args, **kwargs)
        arrays = {}
        for i, (args, kwargs) in enumerate(calls):
            # Not the imported function: MLX's ends the process when an axis of a
            # shapeless one becomes 1.
            out = f(*args, **kwargs)
            out = [out] if isinstance(out, mx.array) else out
            arrays |= {f"{i}.in.{k}": a for k, a in enumerate(args)}
            arrays |= {f"{i}.key.{k}": a for k, a in kwargs.items()}
            arrays |= {f"{i}.out.{k}": a for k, a in enumerate(out)}
        mx.save_safetensors(os.path.join(self.folder, name + ".safetensors"), arrays)


def call(*args, **kwargs):
    return args, kwargs


def mlp(w1, b1, w2, b2, x, y):
    def loss(w1, b1, w2, b2):
        h = mx.tanh(x @ w1 + b1)
        return nn.losses.cross_entropy(h @ w2 + b2, y, reduction="mean")

    l, g = mx.value_and_grad(loss, argnums=[0, 1, 2, 3])(w1, b1, w2, b2)
    return [l, *g]


def convnet(k1, k2, w, x):
    h = nn.relu(mx.conv2d(x, k1, padding=1))
    h = nn.MaxPool2d(2)(h)
    h = nn.gelu(mx.conv2d(h, k2, stride=2, groups=2))
    return h.reshape(h.shape[0], -1) @ w


def attention(q, k, v, w, b):
    q, k = (mx.fast.rope(a, 8, traditional=False, base=10000, scale=1.0, offset=3) for a in (q, k))
    o = mx.fast.scaled_dot_product_attention(q, k, v, scale=0.35, mask="causal")
    return mx.fast.layer_norm(o, w, b, 1e-5), mx.fast.rms_norm(o, w, 1e-5), mx.softmax(o, axis=1, precise=True)


def draws(key):
    a, b, c, d = mx.random.split(key, 4)
    return (mx.random.uniform(shape=(3, 4), key=a), mx.random.normal((5,), key=b),
            mx.random.randint(0, 100, (6,), key=c), mx.random.categorical(mx.zeros((4, 7)), key=d),
            mx.random.permutation(mx.arange(8), key=a))


def algebra(a):
    s = a @ a.T + 3 * mx.eye(a.shape[0])
    q, r = mx.linalg.qr(a)
    values, vectors = mx.linalg.eigh(s)
    return (mx.abs(q), mx.abs(r), mx.linalg.svd(a, compute_uv=False), mx.linalg.inv(s), mx.linalg.cholesky(s), values,
            mx.abs(vectors), mx.linalg.norm(a, axis=1), mx.fft.rfft2(a), mx.fft.irfft(mx.fft.rfft(a), n=5),
            mx.hadamard_transform(s), mx.einsum("ij,kj->ik", a, s))


def indexing(x, i, v):
    y = x.at[i].add(v)
    z = mx.slice_update(x, v[:1, :2], mx.array([1, 1]), (0, 1))
    return (x[i], y, z, x[1:4, ::2], x[::-1], mx.take_along_axis(x, mx.argsort(x, axis=1), axis=1),
            mx.put_along_axis(x, i[:, None] % 3, mx.array(7.0), axis=1), mx.slice(x, mx.array([2]), (0,), (2, 3)),
            mx.topk(x, 2, axis=-1), mx.searchsorted(mx.sort(x[:, 0]), x[:, 1]), mx.pad(x, [(1, 2), (0, 1)], constant_values=-1))


def scans(x):
    return (mx.cumsum(x, axis=0), mx.cumprod(x, axis=1, reverse=True), mx.cummax(x, axis=0, inclusive=False),
            mx.logsumexp(x, axis=-1), mx.median(x, axis=0), mx.var(x, axis=1, ddof=1),
            mx.as_strided(x, (3, 2), (1, 2), 1), *mx.split(x, [1, 2], axis=1), *mx.divmod(x, mx.array(0.7)))


def shapeless(x, w):
    h = mx.softmax(x @ w, axis=-1)
    return h.sum(axis=-1), mx.concatenate([h, h * 2], axis=0), mx.flatten(h), h.mean(), h[:, None, :] - h.max(axis=0)


def keywords(x, *, scale, bias):
    return x * scale + bias, x - bias


def several(*xs):
    return sum(x * big[: x.shape[-1]] for x in xs)


big = normal(99, 64)


def kinds():
    c = {t: mx.array([0, 1, 2, 3]).astype(t) for t in (
        mx.bool_, mx.uint8, mx.uint16, mx.uint32, mx.uint64, mx.int8, mx.int16, mx.int32, mx.int64,
        mx.float16, mx.bfloat16, mx.float32, mx.complex64)}
    c[mx.complex64] = c[mx.complex64] + 1j
    strided = mx.arange(6).reshape(2, 3).T

    def f(x):
        return [*c.values(), strided, x.astype(mx.complex64) * c[mx.complex64], x.astype(mx.bfloat16) * c[mx.bfloat16],
                x.astype(mx.int16) << c[mx.int16], ~(x > 1) & c[mx.bool_], x.view(mx.uint32), mx.array(2.5) * x]

    return f


def make(folder):
    w = Writer(folder)
    n = normal
    w.write("mlp", mlp, call(n(1, 5, 8), n(2, 8), n(3, 8, 3), n(4, 3), n(5, 4, 5), mx.array([0, 2, 1, 1])))
    w.write("convnet", convnet, call(n(1, 4, 3, 3, 2), n(2, 6, 2, 2, 2), n(3, 24, 3), n(4, 2, 8, 8, 2)))
    q = [n(i, 2, 3, 5, 8) for i in range(3)]
    w.write("attention", attention, call(*q, n(4, 8), n(5, 8)))
    w.write("draws", draws, call(mx.random.key(7)), call(mx.random.key(8)))
    w.write("algebra", algebra, call(n(1, 4, 4)))
    w.write("indexing", indexing, call(n(1, 5, 4), mx.array([3, 0, 3, -1, 2]), n(2, 5, 4)))
    w.write("scans", scans, call(mx.abs(n(1, 4, 3))))
    wq = mx.quantize(n(1, 32, 64), group_size=32, bits=4)
    w.write("quantized", lambda x: (mx.quantized_matmul(x, *wq, group_size=32, bits=4), mx.dequantize(*wq, group_size=32, bits=4)),
            call(n(2, 3, 64)))
    x = n(2, 6, 3)
    w.write("shapeless", shapeless, call(n(1, 4, 6), x), call(n(3, 7, 6), x), call(n(4, 1, 6), x), shapeless=True)
    w.write("keywords", keywords, call(n(1, 3), scale=n(2, 3), bias=n(3, 3)))
    traces = [call(n(1, 4)), call(n(2, 8)), call(n(3, 4), n(4, 4)), call(n(5, 2, 4))]
    w.write("several", several, *traces, traces=traces)
    w.write("kinds", kinds(), call(mx.array([0.5, 1.5, 2.5, 3.5])))


def close(got, want):
    if got.shape != want.shape or got.dtype != want.dtype:
        return False
    if not mx.issubdtype(got.dtype, mx.inexact):
        return mx.array_equal(got, want).item()
    tolerance = 2e-2 if got.dtype in (mx.float16, mx.bfloat16) else 2e-4
    kind = mx.complex64 if got.dtype == mx.complex64 else mx.float32
    got, want = got.astype(kind), want.astype(kind)
    scale = mx.max(mx.abs(want)).item() if want.size else 0
    return mx.allclose(got, want, rtol=tolerance, atol=tolerance * min(scale, 1) + 1e-6, equal_nan=True).item()


def calls(path):
    """The calls of a file, each as positional and named arguments and results."""
    found = {}
    for name, a in mx.load(path).items():
        i, kind, key = name.split(".", 2)
        c = found.setdefault(int(i), ({}, {}, {}))
        if kind == "key":
            c[1][key] = a
        else:
            c[0 if kind == "in" else 2][int(key)] = a
    ordered = lambda d: [d[k] for k in sorted(d)]
    return [(ordered(a), k, ordered(o)) for a, k, o in (found[i] for i in sorted(found))]


def check(folder):
    count = bad = 0
    for path in sorted(glob.glob(os.path.join(folder, "*.mlxfn"))):
        name = os.path.basename(path)[:-6]
        count += 1
        try:
            f = mx.import_function(path)
            for i, (args, kwargs, want) in enumerate(calls(path[:-6] + ".safetensors")):
                got = f(*args, **kwargs)
                wrong = [k for k, (g, w) in enumerate(zip(got, want)) if not close(g, w)]
                if len(got) != len(want) or wrong:
                    raise ValueError(f"call {i}: {len(got)} results for {len(want)}, wrong: {wrong}")
        except Exception as e:
            bad += 1
            print(f"{name}: {e}")
    print(f"{count} functions, {bad} wrong")
    return bad > 0 or count == 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make"]:
            make(os.path.join(here, "mlxfn"))
        case ["make", folder]:
            make(folder)
        case ["check", folder]:
            sys.exit(check(folder))
        case _:
            sys.exit(__doc__)
