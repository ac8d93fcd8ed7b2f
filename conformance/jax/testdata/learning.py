"""Losses and ways of learning."""

import jax
import jax.numpy as jnp

from attention import dense, linear
from peer import program


def mlp(p, x):
    return linear(p["b"], jnp.tanh(linear(p["a"], x)))


@program(lambda g: (dict(x=g.normal(5, 4), y=g.normal(5, 4)), dict(t=g.uniform(0.4, 0.6, 1)[0])))
def contrastive(p, d):
    def f(p):
        x, y = (a / jnp.linalg.norm(a, axis=-1, keepdims=True) for a in (p["x"], p["y"]))
        s = x @ y.T / d["t"]
        return -jnp.mean(jnp.diag(jax.nn.log_softmax(s, 0)) + jnp.diag(jax.nn.log_softmax(s, 1))) / 2

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(a=dense(g, 6, 4), b=dense(g, 3, 6, False)), dict(x=g.normal(3, 7, 4))))
def triplet(p, d):
    def f(p):
        anchor, near, far = mlp(p, d["x"])
        distance = lambda a, b: jnp.sqrt(jnp.sum((a - b) ** 2, -1) + 1e-6)
        return jnp.mean(jnp.maximum(distance(anchor, near) - distance(anchor, far) + 1, 0))

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (g.normal(6, 3), dict(y=g.normal(5, 3), a=g.simplex(6), b=g.simplex(5))))
def sinkhorn(x, d):
    eps = 0.8

    def f(x):
        cost = jnp.sum((x[:, None] - d["y"]) ** 2, -1)
        u, v = jnp.zeros_like(x[:, 0]), jnp.zeros_like(d["y"][:, 0])
        for _ in range(20):
            u = eps * (jnp.log(d["a"]) - jax.nn.logsumexp((v - cost) / eps, 1))
            v = eps * (jnp.log(d["b"]) - jax.nn.logsumexp((u[:, None] - cost) / eps, 0))
        plan = jnp.exp((u[:, None] + v - cost) / eps)
        return jnp.sum(plan * cost)

    return dict(value=f(x), grad=jax.grad(f)(x))


@program(lambda g: (g.normal(7, 7), dict(w=g.normal(7))))
def page_rank(links, d):
    def rank(links):
        m = 0.85 * jax.nn.softmax(links, 0) + 0.15 / 7
        r = jnp.full_like(links, 1 / 7, shape=(7,))
        for _ in range(15):
            r = m @ r
        return r

    def f(links):
        return jnp.sum(d["w"] * jnp.log(rank(links)))

    return dict(rank=rank(links), value=f(links), grad=jax.grad(f)(links))


@program(lambda g: (dict(a=dense(g, 5, 3), b=dense(g, 2, 5)), dict(x=g.normal(6, 3), y=g.normal(6, 2))))
def per_example(p, d):
    def f(p, x, y):
        return jnp.sum((mlp(p, x) - y) ** 2)

    each = jax.vmap(jax.grad(f), (None, 0, 0))(p, d["x"], d["y"])
    size = jnp.sqrt(sum(jnp.sum(g.reshape(6, -1) ** 2, 1) for g in jax.tree.leaves(each)))
    clipped = jax.tree.map(lambda g: jnp.tensordot(jnp.minimum(1, 2 / size), g, 1), each)
    return dict(each=each, size=size, clipped=clipped)


@program(lambda g: (dict(a=dense(g, 5, 1), b=dense(g, 1, 5)), dict(x=g.normal(3, 4, 1), y=g.normal(3, 4, 1), tx=g.normal(3, 4, 1), ty=g.normal(3, 4, 1))))
def meta_learning(p, d):
    def inner(p, x, y):
        return jnp.mean((mlp(p, x) - y) ** 2)

    def task(p, x, y, tx, ty):
        for _ in range(2):
            p = jax.tree.map(lambda w, g: w - 0.1 * g, p, jax.grad(inner)(p, x, y))
        return inner(p, tx, ty)

    def f(p):
        return jnp.mean(jax.vmap(task, (None, 0, 0, 0, 0))(p, d["x"], d["y"], d["tx"], d["ty"]))

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (g.normal(6), {}))
def rosenbrock(x, _):
    def f(x):
        return jnp.sum(10 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    third = jax.jacfwd(jax.hessian(f))(x)
    return dict(value=f(x), grad=jax.grad(f)(x), hessian=jax.hessian(f)(x), third=third)


@program(lambda g: (dict(a=dense(g, 8, 3), b=dense(g, 1, 8, False)), dict(x=g.normal(7, 3))))
def gradient_penalty(p, d):
    def f(p):
        slopes = jax.vmap(jax.grad(lambda x: mlp(p, x)[0]))(d["x"])
        return jnp.mean((jnp.sqrt(jnp.sum(slopes**2, -1)) - 1) ** 2)

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (g.normal(), dict(x=g.normal(9, 4), y=g.normal(9), vx=g.normal(8, 4), vy=g.normal(8))))
def ridge_hypergradient(loglambda, d):
    def f(loglambda):
        x = d["x"]
        w = jnp.linalg.solve(x.T @ x + jnp.exp(loglambda) * jnp.eye(4), x.T @ d["y"])
        return jnp.mean((d["vx"] @ w - d["vy"]) ** 2)

    return dict(value=f(loglambda), grad=jax.grad(f)(loglambda), second=jax.hessian(f)(loglambda))


@program(lambda g: (dict(spot=g.uniform(80, 120, 5), vol=g.uniform(0.2, 0.4, 5)), dict(strike=g.uniform(90, 110, 5), time=g.uniform(0.5, 1.5, 5))))
def black_scholes(p, d):
    def price(s, v, k, t):
        cdf = lambda x: 0.5 * (1 + jax.lax.erf(x / 2**0.5))
        d1 = (jnp.log(s / k) + (0.02 + v**2 / 2) * t) / (v * jnp.sqrt(t))
        return s * cdf(d1) - k * jnp.exp(-0.02 * t) * cdf(d1 - v * jnp.sqrt(t))

    delta = jax.grad(price)
    gamma = jax.grad(delta)
    greeks = dict(
        price=price, delta=delta, gamma=gamma, speed=jax.grad(gamma),
        vega=jax.grad(price, 1), vanna=jax.grad(delta, 1), theta=jax.grad(price, 3),
    )  # fmt: skip
    return {n: jax.vmap(f)(p["spot"], p["vol"], d["strike"], d["time"]) for n, f in greeks.items()}
