"""Indexing, sorting, running sums, complex numbers."""

import jax
import jax.numpy as jnp

from peer import program


@program(lambda g: (g.normal(9), dict(y=g.normal(9))))
def wasserstein(x, d):
    def f(x):
        return jnp.mean(jnp.abs(jnp.sort(x) - jnp.sort(d["y"])) ** 1.5)

    return dict(value=f(x), grad=jax.grad(f)(x))


@program(lambda g: (dict(w=g.normal(4)), dict(x=g.normal(13, 4))))
def conditional_value_at_risk(p, d):
    def f(p):
        loss = d["x"] @ jax.nn.softmax(p["w"])
        return jnp.mean(jax.lax.top_k(loss, 4)[0]) + 0.5 * jnp.median(loss)

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(edge=g.normal(4, 4), node=g.normal(6, 4)), dict(source=g.integers(6, 10), target=g.integers(6, 10), w=g.normal(6, 4))))
def graph_network(p, d):
    def f(p):
        h = p["node"]
        for _ in range(2):
            message = jnp.tanh(h[d["source"]] @ p["edge"])
            h = h + jnp.zeros_like(h).at[d["target"]].add(message)
        return h

    def loss(p):
        return jnp.sum(d["w"] * f(p))

    return dict(h=f(p), grad=jax.grad(loss)(p))


@program(lambda g: (dict(table=g.normal(8, 3), scale=g.normal(3)), dict(i=g.integers(8, 2, 5), bag=jnp.array([0, 0, 1, 3, 3]), w=g.normal(4, 3))))
def embedding_bag(p, d):
    def f(p):
        rows = p["table"][d["i"]].sum(0) * p["scale"]
        sums = jnp.zeros_like(d["w"]).at[d["bag"]].add(rows)
        peaks = jnp.full_like(d["w"], -2).at[d["bag"]].max(rows)
        return jnp.sum(d["w"] * (sums + peaks**2))

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (g.normal(5, 4), dict(v=g.normal(2, 4), w=g.normal(5, 4))))
def updates(x, d):
    def f(x):
        y = x.at[1:3].set(jnp.sin(x[2:4]) * d["v"])
        y = y.at[jnp.array([0, 4])].multiply(1 + x[jnp.array([3, 3])] ** 2, unique_indices=True)
        y = y.at[:, ::2].add(jnp.cos(y[:, 1::2]))
        return jnp.sum(d["w"] * y)

    return dict(value=f(x), grad=jax.grad(f)(x), hessian=jax.hessian(lambda v: f(v.reshape(5, 4)))(x.ravel()))


@program(lambda g: (dict(color=g.normal(3, 8, 3), density=g.normal(3, 8)), dict(y=g.uniform(0, 1, 3, 3))))
def volume_rendering(p, d):
    def f(p):
        alpha = 1 - jnp.exp(-0.4 * jax.nn.softplus(p["density"]))
        passed = jnp.cumprod(1 - alpha + 1e-10, 1)
        passed = jnp.concatenate([jnp.ones_like(passed[:, :1]), passed[:, :-1]], 1)
        pixel = jnp.sum((passed * alpha)[..., None] * jax.nn.sigmoid(p["color"]), 1)
        return jnp.mean((pixel - d["y"]) ** 2)

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(imag=g.normal(9), real=g.normal(9)), dict(x=g.normal(16), y=g.normal(16))))
def fft_filter(p, d):
    def f(p):
        h = p["real"] + 1j * p["imag"]
        spectrum = jnp.fft.rfft(d["x"]) * h
        y = jnp.fft.irfft(spectrum)
        return jnp.mean((y - d["y"]) ** 2) + 0.01 * jnp.sum(jnp.abs(spectrum))

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(imag=g.normal(4, 4), real=g.normal(4, 4)), dict(psi=g.normal(4))))
def quantum_circuit(p, d):
    """Expectation after a unitary made of a Hermitian generator by a series."""

    def f(p):
        m = p["real"] + 1j * p["imag"]
        h = (m + m.conj().T) * 0.1
        psi = d["psi"] / jnp.linalg.norm(d["psi"])
        term, out = psi + 0j, psi + 0j
        for k in range(1, 9):
            term = (-1j / k) * (h @ term)
            out = out + term
        z = jnp.array([1, 1, -1, -1])
        return jnp.sum(z * (out.real**2 + out.imag**2))

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(factor=[g.normal(4, 3), g.normal(5, 3), g.normal(6, 3)]), dict(t=g.normal(4, 5, 6))))
def tensor_factors(p, d):
    def f(p):
        a, b, c = p["factor"]
        return 0.5 * jnp.sum((jnp.einsum("ir,jr,kr->ijk", a, b, c) - d["t"]) ** 2)

    a = p["factor"][0]
    hessian = jax.hessian(lambda a: f(dict(factor=[a] + list(p["factor"][1:]))))(a)
    return dict(value=f(p), grad=jax.grad(f)(p), hessian=hessian)


@program(lambda g: (g.normal(10), dict(y=g.normal(10))))
def discounted_returns(r, d):
    """Rewards summed backwards in time, discounted by running products."""

    def f(r):
        gamma = jax.nn.sigmoid(r + 2)
        decay = jnp.cumprod(gamma)
        returns = jnp.cumsum((r * decay)[::-1])[::-1] / decay
        return jnp.sum(jnp.tanh(returns - d["y"]))

    return dict(value=f(r), grad=jax.grad(f)(r), hessian=jax.hessian(f)(r))
