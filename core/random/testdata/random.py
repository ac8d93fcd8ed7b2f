"""Writes random.json: numbers that MLX draws. Run with mlx==0.32.4."""

import json
import pathlib

import mlx.core as mx

r = mx.random
cases = {}


def case(name, a):
    a = a.astype(mx.float32)
    cases[name] = dict(shape=list(a.shape), data=a.reshape(-1).tolist())


for seed in (0, 1, 42, 2**40 + 7):
    k = r.key(seed)
    cases[f"key {seed}"] = dict(shape=[2], data=k.tolist())
    cases[f"split {seed}"] = dict(shape=[3, 2], data=r.split(k, 3).reshape(-1).tolist())
    case(f"uniform {seed}", r.uniform(-1, 2, (3, 4), mx.float32, k))
    case(f"uniform half {seed}", r.uniform(0, 1, (7,), mx.float16, k))
    case(f"uniform bfloat {seed}", r.uniform(0, 1, (7,), mx.bfloat16, k))
    case(f"normal {seed}", r.normal((3, 4), mx.float32, 0.5, 2.0, k))
    case(f"normal half {seed}", r.normal((5,), mx.float16, 0, 1, k))
    case(f"randint {seed}", r.randint(-5, 20, (10,), mx.int32, k))
    case(f"randint byte {seed}", r.randint(3, 9, (10,), mx.uint8, k))
    case(f"bernoulli {seed}", r.bernoulli(0.3, (10,), k))
    case(f"truncated {seed}", r.truncated_normal(-1, 0.5, (10,), mx.float32, k))
    case(f"gumbel {seed}", r.gumbel((10,), mx.float32, k))
    case(f"laplace {seed}", r.laplace((10,), mx.float32, 1.0, 0.5, k))
    logits = mx.array([[0.0, 1.0, 2.0], [3.0, 0.0, -1.0]])
    case(f"categorical {seed}", r.categorical(logits, -1, key=k))
    case(f"categorical many {seed}", r.categorical(logits, -1, num_samples=6, key=k))
    case(f"categorical shape {seed}", r.categorical(logits, -1, shape=(5, 2), key=k))
    case(f"permutation {seed}", r.permutation(mx.arange(9), 0, k))
    case(f"permutation range {seed}", r.permutation(11, key=k))
    with mx.stream(mx.cpu):
        case(f"multivariate {seed}", r.multivariate_normal(mx.array([1.0, -1.0]), mx.array([[2.0, 0.5], [0.5, 1.0]]), (4,), mx.float32, k))

out = pathlib.Path(__file__).with_name("random.json")
out.write_text(json.dumps(cases, indent=0) + "\n")
