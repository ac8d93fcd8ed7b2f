"""Writes linalg.json: numbers by NumPy and SciPy."""

import json
import pathlib

import numpy as np
import scipy.linalg as sl

rng = np.random.default_rng(11)
cases = {}


def case(name, *outs):
    cases[name] = [dict(shape=list(np.shape(o)), data=np.asarray(o, dtype=float).reshape(-1).tolist()) for o in outs]


a = rng.standard_normal((4, 4)).astype(np.float32)
batch = rng.standard_normal((2, 3, 3)).astype(np.float32)
tall = rng.standard_normal((5, 3)).astype(np.float32)
spd = (a @ a.T + 4 * np.eye(4)).astype(np.float32)
b = rng.standard_normal((4, 2)).astype(np.float32)
case("inputs", a, batch, tall, spd, b)
case("Inv", np.linalg.inv(a))
case("InvBatch", np.linalg.inv(batch))
case("Pinv", np.linalg.pinv(tall))
case("Solve", np.linalg.solve(a, b))
case("SolveTriangular", sl.solve_triangular(a, b), sl.solve_triangular(a, b, lower=True))
case("Cholesky", np.linalg.cholesky(spd), np.linalg.cholesky(spd).T)
case("CholeskyInv", np.linalg.inv(spd))
case("Det", np.linalg.det(a), np.linalg.det(batch))
case("SlogDet", *np.linalg.slogdet(batch))
case("SVDVals", np.linalg.svd(tall, compute_uv=False))
case("EigValsh", np.linalg.eigvalsh(spd))
case("EigVals", np.sort(np.linalg.eigvals(a + a.T).real))
case("Cross", np.cross(batch[0], batch[1]))
case("TriInv", np.linalg.inv(np.tril(a)), np.linalg.inv(np.triu(a)))
case("Norm", np.linalg.norm(a), np.linalg.norm(a, axis=1), np.linalg.norm(a, axis=1, keepdims=True))
for o in (1, 2, 3, 0.5, np.inf, -np.inf, 0):
    case(f"NormOrd {o}", np.linalg.norm(tall[:, 0], o), np.linalg.norm(tall, o, axis=0))
for o in ("fro", "nuc"):
    case(f"NormMatrix {o}", np.linalg.norm(tall, o), np.linalg.norm(batch, o, axis=(1, 2)))
for o in (1, -1, 2, -2, np.inf):
    case(f"NormMatrixOrd {o}", np.linalg.norm(tall, o))

out = pathlib.Path(__file__).with_name("linalg.json")
out.write_text(json.dumps(cases, indent=0) + "\n")
