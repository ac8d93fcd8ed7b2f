"""Convolutions and what is built on them. Images have their channels last."""

import jax
import jax.numpy as jnp
from jax import lax

from peer import program


def conv(x, w, stride=1, padding=0, dilation=1, groups=1, gaps=1):
    n = x.ndim - 2
    axes = "DHW"[-n:]
    each = lambda v: (v,) * n
    return lax.conv_general_dilated(
        x, w, each(stride), [(q, q) for q in each(padding)], each(gaps), each(dilation),
        (f"N{axes}C", f"O{axes}I", f"N{axes}C"), feature_group_count=groups)  # fmt: skip


def transposed(x, w, stride, padding):
    flipped = jnp.flip(w, tuple(range(1, w.ndim - 1)))
    return conv(x, flipped, padding=w.shape[1] - 1 - padding, gaps=stride)


@program(lambda g: (dict(w=g.normal(4, 3, 3), x=g.normal(2, 11, 3)), dict(ct=g.normal(2, 6, 4))))
def conv1d_strided(p, d):
    y, pull = jax.vjp(lambda p: conv(p["x"], p["w"], stride=2, padding=1), p)
    return dict(value=y, pulled=pull(d["ct"])[0])


@program(lambda g: (dict(weight=g.normal(5, 3, 3, 2, scale=0.4), bias=g.normal(5)), dict(x=g.normal(2, 7, 6, 2), y=g.normal(2, 7, 6, 5))))
def conv2d_same(p, d):
    def f(p):
        y = jax.nn.gelu(conv(d["x"], p["weight"], padding=1) + p["bias"], approximate=False)
        return jnp.mean((y - d["y"]) ** 2)

    value, grad = jax.value_and_grad(f)(p)
    return dict(value=value, grad=grad)


@program(lambda g: (dict(w=g.normal(6, 3, 3, 2), x=g.normal(2, 9, 8, 4)), dict(c=g.normal(2, 3, 2, 6))))
def conv2d_grouped_dilated(p, d):
    def f(p):
        return jnp.sum(d["c"] * jnp.tanh(0.2 * conv(p["x"], p["w"], stride=2, dilation=2, groups=2)))

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(w=g.normal(3, 2, 3, 2, 2), x=g.normal(1, 5, 6, 5, 2)), dict(c=g.normal(1, 4, 3, 3, 3))))
def conv3d(p, d):
    def f(p):
        y = lax.conv_general_dilated(p["x"], p["w"], (1, 2, 2), [(0, 0), (1, 1), (1, 1)], None, (1, 1, 2), ("NDHWC", "ODHWI", "NDHWC"))  # fmt: skip
        return jnp.sum(d["c"] * jnp.sin(0.5 * y))

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(w=g.normal(3, 3, 3, 2), x=g.normal(2, 4, 3, 2)), dict(c=g.normal(2, 7, 5, 3))))
def conv2d_transposed(p, d):
    def f(p):
        return jnp.sum(d["c"] * jnp.sin(0.3 * transposed(p["x"], p["w"], 2, 1)))

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (g.uniform(0.05, 0.4, 1, 3, 3, 1), dict(x=g.uniform(0.2, 1, 2, 8, 8, 1), y=g.uniform(0.2, 1, 2, 8, 8, 1), v=g.normal(1, 3, 3, 1))))
def deblurring(k, d):
    def f(k):
        y = conv(d["x"], k, padding=1)
        return jnp.sum(y - d["y"] * jnp.log(y))

    grad, hvp = jax.jvp(jax.grad(f), (k,), (d["v"],))
    return dict(grad=grad, hvp=hvp, hessian=jax.hessian(f)(k))


@program(lambda g: (dict(conv=dict(weight=g.normal(4, 3, 3, 1, scale=0.5), bias=g.normal(4)), out=dict(weight=g.normal(3, 36, scale=0.3), bias=g.normal(3))), dict(x=g.normal(4, 8, 8, 1), y=g.integers(3, 4))))
def small_cnn(p, d):
    def f(p, x, y):
        h = jax.nn.relu(conv(x[None], p["conv"]["weight"]) + p["conv"]["bias"])
        h = lax.reduce_window(h, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        z = p["out"]["weight"] @ h.reshape(-1) + p["out"]["bias"]
        return -jax.nn.log_softmax(z)[y]

    def mean(p):
        return jnp.mean(jax.vmap(f, (None, 0, 0))(p, d["x"], d["y"]))

    value, grad = jax.value_and_grad(mean)(p)
    return dict(value=value, grad=grad, each=jax.vmap(jax.grad(f), (None, 0, 0))(p, d["x"], d["y"]))


@program(lambda g: (dict(w=g.normal(3, 3, 2), x=g.normal(2, 7, 2)), dict(vw=g.normal(3, 3, 2), vx=g.normal(2, 7, 2))))
def conv1d_forward(p, d):
    def f(p):
        return jnp.tanh(conv(p["x"], p["w"], padding=2, dilation=2))

    value, pushed = jax.jvp(f, (p,), (dict(w=d["vw"], x=d["vx"]),))
    return dict(value=value, pushed=pushed)


@program(lambda g: (g.normal(6), dict(x=g.uniform(0, 1, 9, 9))))
def image_warp(theta, d):
    def f(theta):
        n = 9
        i, j = jnp.meshgrid(jnp.arange(1, n - 1) - 4.0, jnp.arange(1, n - 1) - 4.0, indexing="ij")
        a = 0.05 * theta
        u = i + a[0] + a[1] * i + a[2] * j + 4
        v = j + a[3] + a[4] * i + a[5] * j + 4
        u0, v0 = jnp.floor(jnp.clip(u, 0, n - 2)), jnp.floor(jnp.clip(v, 0, n - 2))
        a, b = u - u0, v - v0
        r, c = u0.astype(jnp.int32), v0.astype(jnp.int32)
        x = d["x"]
        warped = (1 - a) * ((1 - b) * x[r, c] + b * x[r, c + 1]) + a * ((1 - b) * x[r + 1, c] + b * x[r + 1, c + 1])
        return warped

    def loss(theta):
        return jnp.sum((f(theta) - d["x"][1:-1, 1:-1]) ** 2)

    return dict(warped=f(theta), grad=jax.grad(loss)(theta), jacobian=jax.jacfwd(f)(theta))
