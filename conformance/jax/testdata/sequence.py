"""Recurrent networks and dynamic programmes."""

import jax
import jax.numpy as jnp
from jax import lax

from attention import dense, linear
from peer import program


def recurrent(g, gates, n, into):
    return dict(wx=g.normal(gates * n, into, scale=0.5), wh=g.normal(gates * n, n, scale=0.4), b=g.normal(gates * n, scale=0.3))


@program(lambda g: (dict(cell=recurrent(g, 1, 4, 3), out=dense(g, 2, 4)), dict(x=g.normal(7, 2, 3), y=g.normal(7, 2, 2))))
def rnn(p, d):
    def f(p):
        c = p["cell"]

        def step(h, x):
            h = jnp.tanh(x @ c["wx"].T + h @ c["wh"].T + c["b"])
            return h, h

        _, hs = lax.scan(step, jnp.zeros_like(d["x"], shape=(2, 4)), d["x"])
        return jnp.mean((linear(p["out"], hs) - d["y"]) ** 2)

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(cell=recurrent(g, 4, 4, 3), out=dense(g, 2, 4)), dict(x=g.normal(6, 2, 3), y=g.normal(2, 2))))
def lstm(p, d):
    def f(p):
        w = p["cell"]

        def step(hc, x):
            h, c = hc
            i, f, g, o = jnp.split(x @ w["wx"].T + h @ w["wh"].T + w["b"], 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        zero = jnp.zeros_like(d["x"], shape=(2, 4))
        (h, _), _ = lax.scan(step, (zero, zero), d["x"])
        return jnp.mean((linear(p["out"], h) - d["y"]) ** 2)

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(cell=recurrent(g, 3, 4, 3), h=g.normal(2, 4)), dict(x=g.normal(6, 2, 3), w=g.normal(6, 2, 4))))
def gru(p, d):
    def f(p):
        c = p["cell"]

        def step(h, x):
            xr, xz, xn = jnp.split(x @ c["wx"].T + c["b"], 3, -1)
            hr, hz, hn = jnp.split(h @ c["wh"].T, 3, -1)
            r, z = jax.nn.sigmoid(xr + hr), jax.nn.sigmoid(xz + hz)
            h = (1 - z) * jnp.tanh(xn + r * hn) + z * h
            return h, h

        _, hs = lax.scan(step, p["h"], d["x"])
        return jnp.sum(d["w"] * hs)

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(emission=g.normal(3, 5), start=g.normal(3), transition=g.normal(3, 3)), dict(x=g.integers(5, 9))))
def hidden_markov(p, d):
    def f(p):
        t = jax.nn.log_softmax(p["transition"], -1)
        e = jax.nn.log_softmax(p["emission"], -1)
        alpha = jax.nn.log_softmax(p["start"]) + e[:, d["x"][0]]
        for x in d["x"][1:]:
            alpha = jax.nn.logsumexp(alpha[:, None] + t, 0) + e[:, x]
        return jax.nn.logsumexp(alpha)

    hessian = jax.hessian(lambda t: f(dict(p, transition=t)))(p["transition"])
    return dict(value=f(p), grad=jax.grad(f)(p), hessian=hessian)


@program(lambda g: (dict(a=g.normal(3, 3, scale=0.4), logq=g.normal(3, scale=0.3), logr=g.normal(2, scale=0.3)), dict(c=g.normal(2, 3), y=g.normal(8, 2))))
def kalman_filter(p, d):
    def f(p):
        a, q, r, c = p["a"], jnp.diag(jnp.exp(p["logq"])), jnp.diag(jnp.exp(p["logr"])), d["c"]
        m, cov = jnp.zeros_like(a[0]), jnp.eye(3)
        nll = 0.0
        for y in d["y"]:
            m, cov = a @ m, a @ cov @ a.T + q
            s = c @ cov @ c.T + r
            e = y - c @ m
            gain = jnp.linalg.solve(s, c @ cov).T
            nll += 0.5 * (e @ jnp.linalg.solve(s, e) + jnp.linalg.slogdet(s)[1])
            m, cov = m + gain @ e, cov - gain @ c @ cov
        return nll

    hessian = jax.hessian(lambda q: f(dict(p, logq=q)))(p["logq"])
    return dict(value=f(p), grad=jax.grad(f)(p), hessian=hessian)


@program(lambda g: (dict(x=g.normal(5, 2), y=g.normal(6, 2)), {}))
def soft_dtw(p, _):
    gamma = 0.5

    def f(p):
        cost = jnp.sum((p["x"][:, None] - p["y"][None]) ** 2, -1)
        row = [jnp.sum(cost[0, : j + 1]) for j in range(6)]
        for i in range(1, 5):
            new = [row[0] + cost[i, 0]]
            for j in range(1, 6):
                before = jnp.stack([row[j - 1], row[j], new[j - 1]])
                new.append(cost[i, j] - gamma * jax.nn.logsumexp(-before / gamma))
            row = new
        return row[-1]

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(emission=g.normal(7, 4), transition=g.normal(4, 4)), dict(y=g.integers(4, 7))))
def conditional_random_field(p, d):
    def f(p):
        e, t, y = p["emission"], p["transition"], d["y"]

        def step(alpha, x):
            return jax.nn.logsumexp(alpha[:, None] + t, 0) + x, None

        alpha, _ = lax.scan(step, e[0], e[1:])
        score = jnp.take_along_axis(e, y[:, None], 1).sum() + t[y[:-1], y[1:]].sum()
        return jax.nn.logsumexp(alpha) - score

    fisher = jax.hessian(lambda t: f(dict(p, transition=t)))(p["transition"])
    return dict(value=f(p), grad=jax.grad(f)(p), fisher=fisher)


@program(lambda g: (dict(logits=g.normal(6, 5)), dict(event=g.bits(6), at=g.integers(5, 6))))
def discrete_survival(p, d):
    def f(p):
        hazard = jax.nn.sigmoid(p["logits"])
        alive = jnp.cumprod(1 - hazard, 1)
        before = jnp.concatenate([jnp.ones_like(alive[:, :1]), alive[:, :-1]], 1)
        at = d["at"][:, None]
        death = jnp.take_along_axis(before * hazard, at, 1)[:, 0]
        living = jnp.take_along_axis(alive, at, 1)[:, 0]
        return -jnp.sum(jnp.log(d["event"] * death + (1 - d["event"]) * living))

    return dict(value=f(p), grad=jax.grad(f)(p), curvature=jnp.diag(jax.hessian(lambda x: f(dict(logits=x.reshape(6, 5))))(p["logits"].ravel())))


@program(lambda g: (g.normal(3), dict(y=g.normal(20))))
def exponential_smoothing(x, d):
    def f(x):
        alpha, beta, phi = jax.nn.sigmoid(x)

        def step(state, y):
            level, trend = state
            e = y - level - phi * trend
            return (level + phi * trend + alpha * e, phi * trend + beta * e), e

        _, e = lax.scan(step, (d["y"][0], d["y"][1] - d["y"][0]), d["y"][2:])
        return jnp.mean(e**2)

    return dict(value=f(x), grad=jax.grad(f)(x), hessian=jax.hessian(f)(x))


@program(lambda g: (dict(logits=g.normal(8, 5)), dict(label=(g.integers(4, 3) + 1))))
def ctc(p, d):
    """Connectionist temporal classification: all alignments of 3 labels with 8 frames; 0 is the blank."""

    def f(p):
        y = jax.nn.log_softmax(p["logits"])
        path = jnp.zeros(7, jnp.int32).at[1::2].set(d["label"])
        skip = jnp.concatenate([jnp.zeros(2, bool), (path[2:] != 0) & (path[2:] != path[:-2])])
        low = jnp.full_like(y, -1e5, shape=(7,))
        alpha = low.at[:2].set(y[0, path[:2]])
        for t in range(1, 8):
            one = jnp.concatenate([low[:1], alpha[:-1]])
            two = jnp.where(skip, jnp.concatenate([low[:2], alpha[:-2]]), -1e5)
            alpha = jax.nn.logsumexp(jnp.stack([alpha, one, two]), 0) + y[t, path]
        return -jnp.logaddexp(alpha[-1], alpha[-2])

    return dict(value=f(p), grad=jax.grad(f)(p))
