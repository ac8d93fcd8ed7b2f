"""Differential equations and mechanics."""

import jax
import jax.numpy as jnp

from attention import dense, linear
from peer import program


def net(g, into=2, n=8):
    return dict(a=dense(g, n, into), b=dense(g, n, n), c=dense(g, 1, n))


def field(p, *coordinates):
    """A network as a function of columns of coordinates."""
    h = jnp.stack(coordinates, -1)
    return linear(p["c"], jnp.tanh(linear(p["b"], jnp.tanh(linear(p["a"], h)))))[..., 0]


def along(f, x):
    """The derivative of an elementwise function."""
    return jax.jvp(f, (x,), (jnp.ones_like(x),))[1]


@program(lambda g: (net(g), dict(t=g.uniform(0, 1, 9), x=g.uniform(-1, 1, 9))))
def burgers(p, d):
    t, x = d["t"], d["x"]

    def residual(p):
        u = field(p, t, x)
        ut = along(lambda t: field(p, t, x), t)
        ux = lambda x: along(lambda x: field(p, t, x), x)
        return ut + u * ux(x) - 0.1 * along(ux, x)

    def f(p):
        return jnp.mean(residual(p) ** 2)

    return dict(residual=residual(p), value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (net(g), dict(t=g.uniform(0, 1, 9), x=g.uniform(-1, 1, 9))))
def korteweg_de_vries(p, d):
    t, x = d["t"], d["x"]

    def residual(p):
        u = lambda x: field(p, t, x)
        ux = lambda x: along(u, x)
        uxx = lambda x: along(ux, x)
        return along(lambda t: field(p, t, x), t) + 6 * u(x) * ux(x) + along(uxx, x)

    def f(p):
        return jnp.mean(residual(p) ** 2)

    return dict(residual=residual(p), value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(logk=g.normal(12, scale=0.3), u=g.normal(12)), dict(y=g.normal(12), v=g.normal(12))))
def heat(p, d):
    def f(p):
        k, u = jnp.exp(p["logk"]), p["u"]
        for _ in range(10):
            flow = 0.2 * k * (jnp.roll(u, -1) - u)
            u = u + flow - jnp.roll(flow, 1)
        return u

    def loss(p):
        return jnp.sum((f(p) - d["y"]) ** 2)

    _, pushed = jax.jvp(lambda u: f(dict(p, u=u)), (p["u"],), (d["v"],))
    return dict(u=f(p), pushed=pushed, grad=jax.grad(loss)(p))


@program(lambda g: (net(g), dict(x=g.uniform(0, 1, 6, 2))))
def poisson_network(p, d):
    def u(p, x):
        return x[0] * (1 - x[0]) * x[1] * (1 - x[1]) * field(p, x[0], x[1])

    def laplacian(p, x):
        return jnp.trace(jax.hessian(lambda x: u(p, x))(x))

    def f(p):
        force = 4 * jnp.sin(jnp.pi * d["x"][:, 0]) * jnp.sin(jnp.pi * d["x"][:, 1])
        return jnp.mean((jax.vmap(laplacian, (None, 0))(p, d["x"]) + force) ** 2)

    return dict(laplacian=jax.vmap(laplacian, (None, 0))(p, d["x"]), value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(a=dense(g, 6, 3), b=dense(g, 3, 6)), dict(x=g.normal(4, 3), y=g.normal(4, 3))))
def neural_ode(p, d):
    def f(p):
        dynamics = lambda x: linear(p["b"], jnp.tanh(linear(p["a"], x)))
        x, h = d["x"], 0.1
        for _ in range(8):
            k1 = dynamics(x)
            k2 = dynamics(x + h / 2 * k1)
            k3 = dynamics(x + h / 2 * k2)
            k4 = dynamics(x + h * k3)
            x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return jnp.mean((x - d["y"]) ** 2)

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (dict(q=g.uniform(0.3, 1, 2), v=g.normal(2)), dict(m=g.uniform(0.8, 1.5, 2))))
def double_pendulum(p, d):
    m = d["m"]

    def lagrangian(q, v):
        y1 = -jnp.cos(q[0])
        y2 = y1 - jnp.cos(q[1])
        kinetic = 0.5 * m[0] * v[0] ** 2 + 0.5 * m[1] * (v[0] ** 2 + v[1] ** 2 + 2 * v[0] * v[1] * jnp.cos(q[0] - q[1]))
        return kinetic - 9.81 * (m[0] * y1 + m[1] * y2)

    def acceleration(q, v):
        mass = jax.hessian(lagrangian, 1)(q, v)
        force = jax.grad(lagrangian, 0)(q, v)
        coriolis = jax.jacfwd(jax.grad(lagrangian, 1), 0)(q, v)
        return jnp.linalg.solve(mass, force - coriolis @ v)

    q, v = p["q"], p["v"]
    return dict(
        acceleration=acceleration(q, v),
        dq=jax.jacrev(lambda q: acceleration(q, v))(q),
        dv=jax.jacfwd(lambda v: acceleration(q, v))(v),
    )


@program(lambda g: (g.normal(4, 3, scale=0.1) + 1.3 * g.rng.permutation([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]).astype("float32"), {}))
def lennard_jones(x, _):
    def energy(x):
        i, j = jnp.triu_indices(4, 1)
        r2 = jnp.sum((x[i] - x[j]) ** 2, -1)
        s = 1 / r2**3
        return jnp.sum(4 * (s**2 - s))

    return dict(energy=energy(x), forces=-jax.grad(energy)(x), hessian=jax.hessian(energy)(x))


@program(lambda g: (dict(k=g.uniform(0.8, 1.2, 3), q=g.normal(3), v=g.normal(3)), dict(w=g.normal(6))))
def implicit_midpoint(p, d):
    def f(p):
        force = lambda q: -p["k"] * jnp.sin(q) - 0.1 * q**3
        q, v, h = p["q"], p["v"], 0.2
        for _ in range(5):
            qm, vm = q, v
            for _ in range(8):
                qm, vm = q + h / 2 * vm, v + h / 2 * force(qm)
            q, v = 2 * qm - q, 2 * vm - v
        return jnp.concatenate([q, v])

    def loss(p):
        return jnp.sum(d["w"] * f(p))

    return dict(state=f(p), grad=jax.grad(loss)(p))


@program(lambda g: (g.normal(6), dict(j=g.symmetric(6, [-0.6, -0.3, 0.1, 0.3, 0.5, 0.7]), w=g.normal(6))))
def mean_field(h, d):
    def m(h):
        m = jnp.tanh(h)
        for _ in range(12):
            m = jnp.tanh(h + d["j"] @ m)
        return m

    def f(h):
        return jnp.sum(d["w"] * m(h) ** 2)

    return dict(m=m(h), response=jax.jacrev(m)(h), hessian=jax.hessian(f)(h))


@program(lambda g: (g.normal(5), dict(patterns=g.normal(4, 5))))
def hopfield(x, d):
    """The energy of a modern Hopfield network and its curvature."""

    def energy(x):
        return 0.5 * jnp.sum(x**2) - jax.nn.logsumexp(2 * d["patterns"] @ x) / 2

    return dict(energy=energy(x), grad=jax.grad(energy)(x), hessian=jax.hessian(energy)(x))


@program(lambda g: (dict(omega=g.normal(3), q=g.uniform(0.4, 1, 4)), dict(x=g.normal(5, 3))))
def quaternion(p, d):
    def product(a, b):
        w1, x1, y1, z1 = a
        w2, x2, y2, z2 = b
        return jnp.stack([
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2, w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2, w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
        ])  # fmt: skip

    def f(omega, q):
        q = q / jnp.linalg.norm(q)
        for _ in range(6):
            q = q + 0.05 * product(q, jnp.concatenate([jnp.zeros_like(omega[:1]), omega]))
            q = q / jnp.linalg.norm(q)
        t = 2 * jnp.cross(q[1:], d["x"])
        return d["x"] + q[0] * t + jnp.cross(q[1:], t)

    jacobian = jax.jacfwd(f, (0, 1))(p["omega"], p["q"])
    return dict(x=f(p["omega"], p["q"]), jacobian=dict(omega=jacobian[0], q=jacobian[1]))


@program(lambda g: (g.normal(6, scale=0.3), dict(x=g.normal(7, 3), y=g.normal(7, 2, scale=0.3))))
def bundle_adjustment(pose, d):
    """A Gauss-Newton step for the pose of a camera."""

    def project(pose):
        w, shift = pose[:3], pose[3:]
        angle = jnp.linalg.norm(w)
        axis = w / angle
        c, s = jnp.cos(angle), jnp.sin(angle)
        x = d["x"] * c + jnp.cross(axis, d["x"]) * s + axis * (d["x"] @ axis)[:, None] * (1 - c)
        x = x + shift + jnp.stack([0 * c, 0 * c, 5 + 0 * c])
        u = x[:, :2] / x[:, 2:]
        return u * (1 + 0.1 * jnp.sum(u**2, -1, keepdims=True))

    def residual(pose):
        return (project(pose) - d["y"]).ravel()

    j = jax.jacfwd(residual)(pose)
    step = jnp.linalg.solve(j.T @ j + 0.01 * jnp.eye(6), j.T @ residual(pose))
    return dict(jacobian=j, reverse=jax.jacrev(residual)(pose), step=step)


@program(lambda g: (dict(q=g.normal(3, 2) * 2, v=g.normal(3, 2, scale=0.5)), dict(m=g.uniform(0.5, 1.5, 3), tq=g.normal(3, 2), tv=g.normal(3, 2))))
def n_body(p, d):
    m = d["m"]

    def potential(q):
        r2 = jnp.sum((q[:, None] - q[None]) ** 2, -1) + 0.1
        return -0.5 * jnp.sum(m[:, None] * m * (1 - jnp.eye(3)) / jnp.sqrt(r2))

    def flow(s):
        q, v, h = s["q"], s["v"], 0.1
        for _ in range(5):
            v = v - h / 2 * jax.grad(potential)(q) / m[:, None]
            q = q + h * v
            v = v - h / 2 * jax.grad(potential)(q) / m[:, None]
        return dict(q=q, v=v)

    end, pushed = jax.jvp(flow, (p,), (dict(q=d["tq"], v=d["tv"]),))
    grad = jax.grad(lambda s: 0.5 * jnp.sum(m[:, None] * flow(s)["v"] ** 2))(p)
    return dict(end=end, pushed=pushed, grad=grad)


@program(lambda g: (dict(speed=g.uniform(0.5, 1, 1)[0], u=g.normal(16)), dict(y=g.normal(16))))
def spectral_wave(p, d):
    def f(p):
        k = jnp.arange(9)
        phase = jnp.exp(-1j * p["speed"] * k) * jnp.exp(-0.02 * k**2)
        return jnp.fft.irfft(jnp.fft.rfft(p["u"]) * phase)

    def loss(p):
        return jnp.sum((f(p) - d["y"]) ** 2)

    return dict(u=f(p), grad=jax.grad(loss)(p))
