"""Linear algebra."""

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from peer import program


@program(lambda g: (dict(a=g.matrix(4), b=g.normal(4, 3)), dict(w=g.normal(4, 3), va=g.normal(4, 4), vb=g.normal(4, 3))))
def solve(p, d):
    def f(p):
        return jnp.sum(d["w"] * jnp.sin(jnp.linalg.solve(p["a"], p["b"])))

    value, grad = jax.value_and_grad(f)(p)
    _, along = jax.jvp(f, (p,), (dict(a=d["va"], b=d["vb"]),))
    return dict(value=value, grad=grad, along=along)


@program(lambda g: (g.matrix(4), dict(w=g.normal(4, 4), v=g.normal(4, 4))))
def inverse(a, d):
    def f(a):
        return jnp.sum(d["w"] * jnp.linalg.inv(a) ** 2)

    grad, hvp = jax.jvp(jax.grad(f), (a,), (d["v"],))
    return dict(grad=grad, hvp=hvp)


@program(lambda g: (dict(factor=g.normal(4, 4), mean=g.normal(4)), dict(x=g.normal(12, 4))))
def gaussian_cholesky(p, d):
    def f(p):
        n, k = d["x"].shape
        cov = p["factor"] @ p["factor"].T + jnp.eye(k)
        l = jnp.linalg.cholesky(cov)
        z = jsl.solve_triangular(l, (d["x"] - p["mean"]).T, lower=True)
        return 0.5 * jnp.sum(z**2) + n * jnp.sum(jnp.log(jnp.diag(l)))

    value, grad = jax.value_and_grad(f)(p)
    hessian = jax.hessian(lambda m: f(dict(factor=p["factor"], mean=m)))(p["mean"])
    return dict(value=value, grad=grad, hessian=hessian)


@program(lambda g: (g.spd(4), dict(w=g.normal(4, 4))))
def logdet(a, d):
    def f(a):
        return jnp.linalg.slogdet(a + 0.1 * d["w"])[1]

    return dict(value=f(a), grad=jax.grad(f)(a), hessian=jax.hessian(f)(a))


@program(lambda g: (g.matrix(4), g.matrix(2)))
def determinant(a, small):
    def both(a):
        return jnp.linalg.det(a) * jnp.linalg.det(a[:2, :2] + small)

    return dict(value=both(a), grad=jax.grad(both)(a), forward=jax.jacfwd(both)(a))


@program(lambda g: (dict(a=g.normal(6, 3), b=g.normal(6)), dict(w=g.normal(3))))
def qr_least_squares(p, d):
    def f(p):
        q, r = jnp.linalg.qr(p["a"])
        return jnp.sum(d["w"] * jsl.solve_triangular(r, q.T @ p["b"]))

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (g.spectrum(5, 3, [3, 2, 0.8]), dict(w=g.normal(5, 3))))
def nuclear_norm(a, d):
    def f(a):
        return jnp.sum(jnp.linalg.svd(a, compute_uv=False)) + 0.5 * jnp.sum((a - d["w"]) ** 2)

    return dict(value=f(a), grad=jax.grad(f)(a))


@program(lambda g: (g.symmetric(4, [-1.5, -0.4, 0.6, 1.8]), dict(w=g.normal(4, 4))))
def spectral_function(a, d):
    def f(a):
        values, vectors = jnp.linalg.eigh((a + a.T) / 2)
        return jnp.sum(d["w"] * ((vectors * jnp.exp(values)) @ vectors.T))

    return dict(value=f(a), grad=jax.grad(f)(a))


@program(lambda g: (g.normal(6), dict(basis=g.normal(6, 3, 3), base=g.symmetric(3, [-3, 0, 4]))))
def eigenvalues(x, d):
    def f(x):
        m = d["base"] + 0.2 * jnp.einsum("k,kij->ij", x, d["basis"])
        return jnp.linalg.eigvalsh((m + m.T) / 2)

    return dict(values=f(x), reverse=jax.jacrev(f)(x), forward=jax.jacfwd(f)(x))


@program(lambda g: (g.spectrum(5, 3, [2.5, 1.6, 0.9]), dict(w=g.normal(3, 5))))
def pseudo_inverse(a, d):
    def f(a):
        return jnp.sum(d["w"] * jnp.linalg.pinv(a))

    return dict(value=f(a), grad=jax.grad(f)(a))


@program(lambda g: (dict(a=g.spectrum(4, 4, [3, 2, 1, 0.5]), x=g.normal(7)), {}))
def norms(p, _):
    def f(p):
        a, x = p["a"], p["x"]
        matrix = [jnp.linalg.norm(a, o) for o in ("fro", "nuc", 1, jnp.inf, 2)]
        vector = [jnp.linalg.norm(x, o) for o in (1, 2, 3, jnp.inf)]
        return jnp.stack(matrix + vector)

    return dict(values=f(p), jacobian=jax.jacrev(f)(p))


@program(lambda g: (g.matrix(4), dict(wl=g.normal(4, 4), wu=g.normal(4, 4), v=g.normal(4, 4))))
def lu_factors(a, d):
    def f(a):
        _, l, u = jsl.lu(a)
        return jnp.sum(d["wl"] * l**2) + jnp.sum(d["wu"] * jnp.sin(u))

    value, along = jax.jvp(f, (a,), (d["v"],))
    return dict(value=value, along=along, grad=jax.grad(f)(a))


@program(lambda g: (g.normal(4, 4, scale=0.7), dict(w=g.normal(4, 4), v=g.normal(4, 4))))
def matrix_exponential(a, d):
    def expm(a):
        # Scaling, a Padé approximant of order 5, squaring.
        a = a / 8
        one = jnp.eye(4)
        a2 = a @ a
        a4 = a2 @ a2
        u = a @ (a4 + 420 * a2 + 15120 * one)
        v = 30 * a4 + 3360 * a2 + 30240 * one
        r = jnp.linalg.solve(v - u, v + u)
        for _ in range(3):
            r = r @ r
        return r

    def f(a):
        return jnp.sum(d["w"] * expm(a))

    grad, hvp = jax.jvp(jax.grad(f), (a,), (d["v"],))
    return dict(exp=expm(a), grad=grad, hvp=hvp)


@program(lambda g: (dict(raw=g.normal(4, 4), x=g.normal(4, 6)), dict(w=g.normal(4, 6))))
def whitening(p, d):
    def f(p):
        l = jnp.tril(p["raw"], -1) + jnp.diag(jnp.exp(0.3 * jnp.diag(p["raw"])))
        z = jsl.solve_triangular(l, p["x"], lower=True)
        back = jsl.solve_triangular(l.T, z, lower=False)
        return jnp.sum(d["w"] * jnp.tanh(z)) + 0.1 * jnp.sum(back**2)

    return dict(value=f(p), grad=jax.grad(f)(p))


@program(lambda g: (g.spectrum(5, 4, [4, 2.5, 1, 0.4]), dict(w=g.normal(5, 4))))
def low_rank(a, d):
    def f(a):
        u, s, vt = jnp.linalg.svd(a, full_matrices=False)
        return jnp.sum(d["w"] * ((u[:, :2] * s[:2]) @ vt[:2]))

    return dict(value=f(a), grad=jax.grad(f)(a))


@program(lambda g: (g.normal(6), {}))
def cholesky_jacobian(x, _):
    def f(x):
        i, j = jnp.tril_indices(3)
        b = jnp.zeros((3, 3)).at[i, j].set(x)
        return jnp.linalg.cholesky(b @ b.T + jnp.eye(3))

    return dict(factor=f(x), reverse=jax.jacrev(f)(x), forward=jax.jacfwd(f)(x))


@program(lambda g: (g.spectrum(6, 4, [3, 1.2, 0.7, 0.3]), dict(v=g.uniform(0.5, 1, 4))))
def power_iteration(a, d):
    def f(a):
        v = d["v"]
        for _ in range(15):
            v = a.T @ (a @ v)
            v = v / jnp.linalg.norm(v)
        return jnp.linalg.norm(a @ v)

    return dict(value=f(a), grad=jax.grad(f)(a))


@program(lambda g: (g.normal(4, 6), dict(ct=g.normal(4, 6), v=g.normal(4, 6))))
def newton_schulz(g, d):
    def f(g):
        x = g / (jnp.linalg.norm(g) + 1e-7)
        for _ in range(3):
            a = x @ x.T
            x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
        return x

    y, pull = jax.vjp(f, g)
    return dict(value=y, pulled=pull(d["ct"])[0], pushed=jax.jvp(f, (g,), (d["v"],))[1])


@program(lambda g: ([g.normal(3, 4, scale=0.8), g.normal(4, 3, 4, scale=0.8), g.normal(4, 3, 4, scale=0.8), g.normal(4, 3, scale=0.8)], dict(o=g.normal(3, 3))))
def tensor_network(cores, d):
    def f(cores):
        a, b, c, e = cores
        psi = jnp.einsum("ia,ajb,bkc,cl->ijkl", a, b, c, e)
        energy = jnp.einsum("ijkl,jm,imkl->", psi, d["o"], psi)
        return energy / jnp.einsum("ijkl,ijkl->", psi, psi)

    return dict(value=f(cores), grad=jax.grad(f)(cores))


@program(lambda g: (dict(x=g.normal(8, 3), y=g.normal(8, 3)), {}))
def procrustes(p, _):
    def f(p):
        x = p["x"] - p["x"].mean(0)
        y = p["y"] - p["y"].mean(0)
        u, _, vt = jnp.linalg.svd(x.T @ y)
        return jnp.sum(jnp.tanh((x @ (u @ vt) - y) ** 2))

    return dict(value=f(p), grad=jax.grad(f)(p))
