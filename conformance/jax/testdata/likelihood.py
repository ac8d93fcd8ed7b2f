"""Statistical models."""

import jax
import jax.flatten_util
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from attention import dense, linear
from peer import program


@program(lambda g: (dict(b=g.normal(), w=g.normal(4)), dict(x=g.normal(15, 4), y=g.bits(15))))
def logistic_regression(p, d):
    def f(p):
        z = d["x"] @ p["w"] + p["b"]
        return jnp.mean(jnp.logaddexp(0, z) - d["y"] * z) + 0.01 * jnp.sum(p["w"] ** 2)

    value, grad = jax.value_and_grad(f)(p)
    flat, unravel = jax.flatten_util.ravel_pytree(p)
    return dict(value=value, grad=grad, hessian=jax.hessian(lambda v: f(unravel(v)))(flat))


@program(lambda g: (g.normal(4, scale=0.5), dict(x=g.normal(15, 4), y=g.poisson(2.0, 15))))
def poisson_regression(w, d):
    def f(w):
        eta = d["x"] @ w
        return jnp.sum(jnp.exp(eta) - d["y"] * eta)

    return dict(value=f(w), grad=jax.grad(f)(w), hessian=jax.hessian(f)(w))


@program(lambda g: (dict(logr=g.normal(scale=0.5), w=g.normal(3, scale=0.5)), dict(x=g.normal(15, 3), y=g.poisson(3.0, 15))))
def negative_binomial(p, d):
    def f(p):
        # log Γ(y + r)/Γ(r) is the sum of log(r + k) over k < y.
        r, mu, y = jnp.exp(p["logr"]), jnp.exp(d["x"] @ p["w"]), d["y"]
        k = jnp.arange(12)
        ratio = jnp.sum(jnp.where(k < y[:, None], jnp.log(r + k), 0), 1)
        return -jnp.sum(ratio + r * jnp.log(r / (r + mu)) + y * jnp.log(mu / (r + mu)))

    flat, unravel = jax.flatten_util.ravel_pytree(p)
    return dict(value=f(p), grad=jax.grad(f)(p), hessian=jax.hessian(lambda v: f(unravel(v)))(flat))


@program(lambda g: (g.normal(3, 4), dict(x=g.normal(12, 4), y=g.integers(3, 12), v=g.normal(3, 4))))
def softmax_regression(w, d):
    def f(w):
        z = jax.nn.log_softmax(d["x"] @ w.T)
        return -jnp.mean(jnp.take_along_axis(z, d["y"][:, None], 1))

    _, hvp = jax.jvp(jax.grad(f), (w,), (d["v"],))
    return dict(value=f(w), grad=jax.grad(f)(w), hessian=jax.hessian(f)(w), hvp=hvp)


@program(lambda g: (g.normal(3, scale=0.3), dict(x=g.normal(9, 2), y=g.normal(9))))
def gaussian_process(theta, d):
    def f(theta):
        scale, length, noise = jnp.exp(theta)
        r2 = jnp.sum((d["x"][:, None] - d["x"]) ** 2, -1)
        k = scale * jnp.exp(-0.5 * r2 / length**2) + (noise + 0.1) * jnp.eye(9)
        l = jnp.linalg.cholesky(k)
        z = jsl.solve_triangular(l, d["y"], lower=True)
        return 0.5 * z @ z + jnp.sum(jnp.log(jnp.diag(l)))

    return dict(value=f(theta), grad=jax.grad(f)(theta), hessian=jax.hessian(f)(theta))


@program(lambda g: (dict(encoder=dense(g, 6, 5), mean=dense(g, 2, 6), logvar=dense(g, 2, 6), decoder=dense(g, 5, 2)), dict(x=g.bits(7, 5), eps=g.normal(7, 2))))
def variational_autoencoder(p, d):
    def f(p):
        h = jnp.tanh(linear(p["encoder"], d["x"]))
        mean, logvar = linear(p["mean"], h), linear(p["logvar"], h)
        logits = linear(p["decoder"], mean + jnp.exp(0.5 * logvar) * d["eps"])
        fit = jnp.sum(jnp.logaddexp(0, logits) - d["x"] * logits)
        kl = -0.5 * jnp.sum(1 + logvar - mean**2 - jnp.exp(logvar))
        return (fit + kl) / 7

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(logits=g.normal(3), mean=g.normal(3, 2) * 2, raw=g.normal(3, 2, scale=0.4)), dict(x=g.normal(14, 2) * 2)))
def gaussian_mixture(p, d):
    def f(p):
        z = (d["x"][:, None] - p["mean"]) * jnp.exp(-p["raw"])
        each = -0.5 * jnp.sum(z**2, -1) - jnp.sum(p["raw"], -1)
        return -jnp.sum(jax.nn.logsumexp(jax.nn.log_softmax(p["logits"]) + each, -1))

    flat, unravel = jax.flatten_util.ravel_pytree(p)
    return dict(value=f(p), grad=jax.grad(f)(p), hessian=jax.hessian(lambda v: f(unravel(v)))(flat))


@program(lambda g: (g.normal(3), dict(x=g.normal(10, 3), event=g.bits(10))))
def cox_regression(w, d):
    def f(w):
        # Rows are in falling order of time: the risk set of a row is what came before.
        eta = d["x"] @ w
        risk = jax.lax.cumlogsumexp(eta)
        return -jnp.sum(d["event"] * (eta - risk))

    return dict(value=f(w), grad=jax.grad(f)(w), hessian=jax.hessian(f)(w))


@program(lambda g: (dict(s=[dense(g, 5, 2), dense(g, 2, 5)], t=[dense(g, 5, 2), dense(g, 2, 5)]), dict(x=g.normal(9, 4))))
def coupling_flow(p, d):
    def mlp(layers, x):
        return linear(layers[1], jnp.tanh(linear(layers[0], x)))

    def f(p):
        a, b = d["x"][:, :2], d["x"][:, 2:]
        total = 0.0
        for _ in range(2):
            s = jnp.tanh(mlp(p["s"], a))
            a, b = b * jnp.exp(s) + mlp(p["t"], a), a
            total = total + jnp.sum(s, -1)
        return jnp.mean(0.5 * jnp.sum(a**2 + b**2, -1) - total)

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(a=dense(g, 6, 3), b=dense(g, 3, 6)), dict(x=g.normal(4, 3))))
def residual_flow(p, d):
    """The density of a flow whose Jacobian is computed, not known."""

    def f(p):
        def step(x):
            return x + 0.3 * linear(p["b"], jnp.tanh(linear(p["a"], x)))

        def nll(x):
            return 0.5 * jnp.sum(step(x) ** 2) - jnp.linalg.slogdet(jax.jacfwd(step)(x))[1]

        return jnp.mean(jax.vmap(nll)(d["x"]))

    return dict(value=f(p), grad=jax.grad(f)(p))
