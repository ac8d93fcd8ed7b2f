"""What the programs are made of: inputs that belong to a seed, and a register.

A program is a function of two trees, what is differentiated and what is not, to
a dict of results: values, gradients, Jacobians, Hessians, as it sees fit.
"""

import zlib

import numpy as np

PROGRAMS = {}


def program(inputs):
    """Registers a program with the function that draws its inputs."""

    def register(f):
        assert f.__name__ not in PROGRAMS, f.__name__
        PROGRAMS[f.__name__] = (f, inputs)
        return f

    return register


class Draw:
    """Numbers for one program. All are float32 numbers, or int32."""

    def __init__(self, name):
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))

    def normal(self, *shape, scale=1.0):
        return np.float32(scale * self.rng.standard_normal(shape))

    def uniform(self, low, high, *shape):
        return np.float32(self.rng.uniform(low, high, shape))

    def integers(self, n, *shape):
        return np.int32(self.rng.integers(0, n, shape))

    def bits(self, *shape):
        return np.float32(self.rng.integers(0, 2, shape))

    def poisson(self, rate, *shape):
        return np.float32(self.rng.poisson(rate, shape))

    def simplex(self, *shape):
        a = self.rng.uniform(0.2, 1, shape)
        return np.float32(a / a.sum(-1, keepdims=True))

    def spd(self, n):
        a = self.rng.standard_normal((n, n))
        return np.float32(a @ a.T / n + np.eye(n))

    def matrix(self, n):
        """A matrix far from singular."""
        return np.float32(self.rng.standard_normal((n, n)) / np.sqrt(n) + 2 * np.eye(n))

    def spectrum(self, m, n, values):
        """A matrix whose singular values are given, so that none are close."""
        u = np.linalg.qr(self.rng.standard_normal((m, m)))[0]
        v = np.linalg.qr(self.rng.standard_normal((n, n)))[0]
        k = min(m, n)
        return np.float32(u[:, :k] * np.array(values) @ v[:, :k].T)

    def symmetric(self, n, values):
        """A symmetric matrix whose eigenvalues are given."""
        q = np.linalg.qr(self.rng.standard_normal((n, n)))[0]
        return np.float32(q * np.array(values) @ q.T)


def leaves(tree, path=""):
    """Paths and arrays of a tree of dicts and lists, in the order of the paths."""
    if isinstance(tree, dict):
        return [x for k in sorted(tree) for x in leaves(tree[k], f"{path}.{k}" if path else k)]
    if isinstance(tree, (list, tuple)):
        return [x for i, t in enumerate(tree) for x in leaves(t, f"{path}.{i}" if path else str(i))]
    return [(path, tree)]


def tree(paths):
    """The tree of dicts and lists whose leaves are given by path."""
    if "" in paths:
        return paths[""]
    below = {}
    for path, a in paths.items():
        key, _, rest = path.partition(".")
        below.setdefault(key, {})[rest] = a
    if "0" in below:
        return [tree(below[str(i)]) for i in range(len(below))]
    return {k: tree(t) for k, t in below.items()}
