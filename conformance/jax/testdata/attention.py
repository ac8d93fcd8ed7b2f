"""Attention, transformers and normalisation."""

import jax
import jax.numpy as jnp

from peer import program


def linear(p, x):
    y = x @ p["weight"].T
    return y + p["bias"] if "bias" in p else y


def layer_norm(p, x, eps=1e-5):
    mean = x.mean(-1, keepdims=True)
    var = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(var + eps) * p["weight"] + p["bias"]


def rms_norm(weight, x, eps=1e-5):
    return x / jnp.sqrt((x**2).mean(-1, keepdims=True) + eps) * weight


def attend(q, k, v, causal):
    s = jnp.einsum("...qd,...kd->...qk", q, k) / jnp.sqrt(q.shape[-1])
    if causal:
        s = jnp.where(jnp.tril(jnp.ones(s.shape[-2:], bool)), s, -jnp.inf)
    return jax.nn.softmax(s, -1) @ v


def heads(x, h):
    b, t, e = x.shape
    return x.reshape(b, t, h, e // h).transpose(0, 2, 1, 3)


def merged(x):
    b, h, t, e = x.shape
    return x.transpose(0, 2, 1, 3).reshape(b, t, h * e)


def dense(g, out, into, bias=True):
    w = dict(weight=g.normal(out, into, scale=into**-0.5))
    return dict(w, bias=g.normal(out, scale=0.2)) if bias else w


def norm(g, n):
    return dict(weight=g.uniform(0.7, 1.3, n), bias=g.normal(n, scale=0.2))


@program(lambda g: (dict(q=g.normal(1, 2, 5, 4), k=g.normal(1, 2, 5, 4), v=g.normal(1, 2, 5, 4)), dict(ct=g.normal(1, 2, 5, 4))))
def causal_attention(p, d):
    y, pull = jax.vjp(lambda p: attend(p["q"], p["k"], p["v"], True), p)
    forward = jax.jacfwd(lambda q: attend(q, p["k"], p["v"], True)[:, 0, 2:4])(p["q"])
    return dict(value=y, pulled=pull(d["ct"])[0], forward=forward)


@program(lambda g: (dict(q=dense(g, 8, 8), k=dense(g, 8, 8, False), v=dense(g, 8, 8), o=dense(g, 8, 8)), dict(x=g.normal(2, 4, 8), memory=g.normal(2, 6, 8), y=g.normal(2, 4, 8))))
def multi_head_attention(p, d):
    def f(p):
        q, k, v = (heads(linear(p[n], d[m]), 2) for n, m in (("q", "x"), ("k", "memory"), ("v", "memory")))
        y = linear(p["o"], merged(attend(q, k, v, False)))
        return jnp.mean((y - d["y"]) ** 2)

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(norm1=norm(g, 8), qkv=dense(g, 24, 8), out=dense(g, 8, 8), norm2=norm(g, 8), up=dense(g, 16, 8), down=dense(g, 8, 16)), dict(x=g.normal(2, 5, 8), y=g.normal(2, 5, 8), v=g.normal(2, 5, 8))))
def transformer_block(p, d):
    def block(p, x):
        q, k, v = jnp.split(linear(p["qkv"], layer_norm(p["norm1"], x)), 3, -1)
        x = x + linear(p["out"], merged(attend(heads(q, 2), heads(k, 2), heads(v, 2), True)))
        return x + linear(p["down"], jax.nn.gelu(linear(p["up"], layer_norm(p["norm2"], x)), approximate=False))

    def f(p, x):
        return jnp.mean((block(p, x) - d["y"]) ** 2)

    value, grad = jax.value_and_grad(f)(p, d["x"])
    _, pushed = jax.jvp(lambda x: block(p, x), (d["x"],), (d["v"],))
    return dict(value=value, grad=grad, pushed=pushed)


@program(lambda g: (dict(norm=norm(g, 6), x=g.normal(3, 6)), dict(w=g.normal(3, 6), v=g.normal(3, 6))))
def layer_norm_curvature(p, d):
    def f(x):
        return jnp.sum(d["w"] * jnp.sin(layer_norm(p["norm"], x)))

    def row(x):
        return layer_norm(p["norm"], x)

    grad, hvp = jax.jvp(jax.grad(f), (p["x"],), (d["v"],))
    return dict(grad=grad, hvp=hvp, jacobians=jax.vmap(jax.jacrev(row))(p["x"]))


@program(lambda g: (dict(norm=dict(weight=g.uniform(0.7, 1.3, 6)), gate=dense(g, 10, 6, False), up=dense(g, 10, 6, False), down=dense(g, 6, 10, False)), dict(x=g.normal(4, 6), y=g.normal(4, 6))))
def swiglu(p, d):
    def f(p):
        h = rms_norm(p["norm"]["weight"], d["x"])
        y = linear(p["down"], jax.nn.silu(linear(p["gate"], h)) * linear(p["up"], h))
        return jnp.mean((d["x"] + y - d["y"]) ** 2)

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(hidden=dense(g, 5, 3, False), norm=norm(g, 5), out=dense(g, 2, 5)), dict(x=g.normal(8, 3), y=g.normal(8, 2))))
def batch_norm(p, d):
    def f(p):
        h = linear(p["hidden"], d["x"])
        h = (h - h.mean(0)) / jnp.sqrt(h.var(0) + 1e-5) * p["norm"]["weight"] + p["norm"]["bias"]
        return jnp.mean((linear(p["out"], jnp.tanh(h)) - d["y"]) ** 2)

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(q=g.normal(1, 2, 6, 4), k=g.normal(1, 2, 6, 4), v=g.normal(1, 2, 6, 4)), dict(w=g.normal(1, 2, 6, 4))))
def rotary_attention(p, d):
    def rope(x):
        half = x.shape[-1] // 2
        angle = jnp.arange(x.shape[-2])[:, None] * 10000.0 ** (-jnp.arange(half) / half)
        c, s = jnp.cos(angle), jnp.sin(angle)
        a, b = x[..., :half], x[..., half:]
        return jnp.concatenate([a * c - b * s, a * s + b * c], -1)

    def f(p):
        return jnp.sum(d["w"] * attend(rope(p["q"]), rope(p["k"]), p["v"], True))

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(table=dict(weight=g.normal(9, 6)), position=g.normal(5, 6, scale=0.3), mix=dense(g, 6, 6)), dict(x=g.integers(9, 3, 5), y=g.integers(9, 3, 5))))
def tied_language_model(p, d):
    def f(p):
        h = p["table"]["weight"][d["x"]] + p["position"]
        h = jnp.tanh(linear(p["mix"], jnp.cumsum(h, 1) / jnp.arange(1, 6)[:, None]))
        logits = h @ p["table"]["weight"].T
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), d["y"][..., None], -1))

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(q=g.normal(7, 4), k=g.normal(7, 4), v=g.normal(7, 3)), dict(w=g.normal(7, 3), tq=g.normal(7, 4), tk=g.normal(7, 4), tv=g.normal(7, 3))))
def linear_attention(p, d):
    def f(p):
        q, k = jax.nn.elu(p["q"]) + 1, jax.nn.elu(p["k"]) + 1
        state = jnp.cumsum(k[:, :, None] * p["v"][:, None, :], 0)
        weight = jnp.sum(q * jnp.cumsum(k, 0), 1, keepdims=True)
        return jnp.sum(d["w"] * jnp.einsum("ti,tij->tj", q, state) / weight)

    value, along = jax.jvp(f, (p,), (dict(q=d["tq"], k=d["tk"], v=d["tv"]),))
    return dict(value=value, along=along, grad=jax.grad(f)(p))
