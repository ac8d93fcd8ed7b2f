"""Makes the fixtures of package nn and those below it with MLX's Python layers.

    pip install 'mlx[cpu]==0.32.4' numpy
    python nn/testdata/make.py

Each fixture is a list of cases: a name, settings, arrays that go in, and arrays
that should come out, gradients of sum(y * ct) among them.
"""

import json
import os

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(7)


def plain(a):
    a = np.array(a)
    if a.dtype.kind == "f":
        data = [float(f"{v:.9g}") for v in a.astype(np.float64).ravel()]
    else:
        data = [int(v) for v in a.ravel()]
    return {"shape": list(a.shape), "data": data, "int": a.dtype.kind != "f"}


def case(name, ins, outs, **settings):
    return {
        "name": name,
        "settings": settings,
        "in": {k: plain(v) for k, v in ins.items()},
        "out": {k: plain(v) for k, v in outs.items()},
    }


def write(path, cases):
    with open(os.path.join(HERE, path), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
    print(path, len(cases))


def normal(*shape):
    return mx.array(rng.normal(size=shape).astype(np.float32))


def differentiated(name, f, ins, ints=(), **settings):
    """A case of y = f(**ins) with the gradients of sum(y * ct)."""
    y = f(**ins)
    ct = normal(*y.shape)
    keys = [k for k in ins if k not in ints]

    def total(*args):
        return (f(**{**ins, **dict(zip(keys, args))}) * ct).sum()

    grads = mx.grad(total, argnums=list(range(len(keys))))(*[ins[k] for k in keys])
    grads = list(grads) if len(keys) > 1 else [grads]
    outs = {"y": y, **{"d" + k: g for k, g in zip(keys, grads)}}
    return case(name, {**ins, "ct": ct}, outs, **settings)


def activations():
    x = mx.array([-30.0, -4.2, -3.1, -2.0, -0.7, -0.51, -0.3, -1e-3, 1e-3, 0.2, 0.49, 0.8, 2.5, 3.3, 6.5, 30.0])
    fs = {
        "ReLU": nn.relu, "ReLU2": nn.relu2, "ReLU6": nn.relu6,
        "LeakyReLU": lambda x: nn.leaky_relu(x, 0.1), "ELU": lambda x: nn.elu(x, 1.3),
        "CELU": lambda x: nn.celu(x, 0.7), "SELU": nn.selu, "GELU": nn.gelu, "GELUApprox": nn.gelu_approx,
        "GELUFast": nn.gelu_fast_approx, "SiLU": nn.silu, "Mish": nn.mish, "Sigmoid": nn.sigmoid,
        "LogSigmoid": nn.log_sigmoid, "Tanh": nn.tanh, "Softplus": nn.softplus, "Softsign": nn.softsign,
        "Hardswish": nn.hardswish, "HardTanh": nn.hard_tanh, "HardShrink": nn.hard_shrink,
        "Softshrink": nn.softshrink, "Step": lambda x: nn.step(x, 0.1), "Softmax": nn.softmax,
        "Softmin": nn.softmin, "LogSoftmax": nn.log_softmax, "GLU": nn.glu,
    }
    cases = [differentiated(name, lambda x, f=f: f(x), {"x": x}) for name, f in fs.items()]
    cases.append(differentiated("PReLU", lambda x, weight: nn.prelu(x, weight), {"x": x, "weight": mx.array([0.3])}))
    write("activations.json", cases)


def conv(x, weight, bias=None, **kw):
    y = mx.conv2d(x, weight, **kw)
    return y if bias is None else y + bias


def pool(kind, kernel, stride, padding):
    return lambda x: kind(kernel, stride, padding)(x)


def layers():
    cases = [
        differentiated("Linear", lambda x, weight, bias: x @ weight.T + bias,
                       {"x": normal(2, 3, 4), "weight": normal(5, 4), "bias": normal(5)}),
        differentiated("Linear", lambda x, weight: x @ weight.T, {"x": normal(3, 4), "weight": normal(5, 4)}),
        differentiated("Linear", lambda x, weight, bias: weight @ x + bias,
                       {"x": normal(4), "weight": normal(5, 4), "bias": normal(5)}),
        differentiated("Conv2d", conv, {"x": normal(2, 5, 6, 3), "weight": normal(4, 3, 2, 3), "bias": normal(4)}),
        differentiated("Conv2d", lambda x, weight: conv(x, weight, stride=(2, 1), padding=(1, 2), dilation=(1, 2)),
                       {"x": normal(2, 6, 5, 2), "weight": normal(3, 3, 3, 2)},
                       stride=[2, 1], padding=[1, 2], dilation=[1, 2]),
        differentiated("Conv2d", lambda x, weight, bias: conv(x, weight, bias, padding=1, groups=2),
                       {"x": normal(1, 4, 4, 4), "weight": normal(6, 3, 3, 2), "bias": normal(6)},
                       padding=[1, 1], groups=2),
        differentiated("Embedding", lambda x, weight: weight[x],
                       {"x": mx.array([[1, 0, 3], [3, 3, 2]], dtype=mx.int32), "weight": normal(4, 3)}, ints=("x",)),
        differentiated("LayerNorm", lambda x, weight, bias: mx.fast.layer_norm(x, weight, bias, 1e-5),
                       {"x": normal(3, 6), "weight": normal(6), "bias": normal(6)}),
        differentiated("LayerNorm", lambda x: mx.fast.layer_norm(x, None, None, 1e-3), {"x": normal(2, 2, 5)}, eps=1e-3),
        differentiated("RMSNorm", lambda x, weight: mx.fast.rms_norm(x, weight, 1e-5),
                       {"x": normal(3, 6), "weight": normal(6)}),
    ]
    for kernel, stride, padding, shape in [
        ((2, 2), None, 0, (2, 4, 6, 3)), ((3, 2), None, 0, (1, 7, 5, 2)), ((3, 3), (2, 2), 0, (2, 7, 8, 2)),
        ((3, 3), (1, 2), (1, 1), (1, 5, 5, 2)), ((2, 3), (2, 3), (1, 0), (1, 4, 6, 1)),
    ]:
        cfg = dict(kernel=list(kernel), stride=list(stride or (0, 0)),
                   padding=list(padding) if padding else [0, 0])
        for name, kind in [("MaxPool2d", nn.MaxPool2d), ("AvgPool2d", nn.AvgPool2d)]:
            cases.append(differentiated(name, pool(kind, kernel, stride or kernel, padding), {"x": normal(*shape)}, **cfg))
    cases.append(batch_norm())
    write("layers.json", cases)


def batch_norm():
    layer = nn.BatchNorm(3)
    layer.weight, layer.bias = normal(3), normal(3)
    x1, x2, ct = normal(4, 2, 3), normal(5, 3), normal(4, 2, 3)

    def total(x, weight, bias):
        layer.weight, layer.bias = weight, bias
        return (layer(x) * ct).sum()

    w, b = layer.weight, layer.bias
    dx, dw, db = mx.grad(total, argnums=[0, 1, 2])(x1, w, b)
    layer.weight, layer.bias = w, b
    layer.running_mean, layer.running_var = mx.zeros(3), mx.ones(3)
    y1 = layer(x1)
    y2 = layer(x2)
    layer.eval()
    y3 = layer(x2)
    return case("BatchNorm", {"x": x1, "x2": x2, "ct": ct, "weight": w, "bias": b},
                {"y": y1, "y2": y2, "y3": y3, "mean": layer.running_mean, "var": layer.running_var,
                 "dx": dx, "dweight": dw, "dbias": db})


def losses():
    L = nn.losses
    p, t = normal(3, 4), normal(3, 4)
    logits, classes = normal(2, 3, 5) * 3, mx.array([[0, 4, 2], [1, 1, 3]], dtype=mx.int32)
    probs = mx.softmax(normal(2, 3, 5), -1)
    weights = mx.array(rng.uniform(0.2, 2, size=(2, 3)).astype(np.float32))
    binary, chance = mx.array([[0.0, 1, 1, 0], [1, 0, 0, 1], [1, 1, 0, 0]]), mx.sigmoid(p)
    sign = binary * 2 - 1
    logp, logq = nn.log_softmax(p), nn.log_softmax(t)
    cases = []

    def add(name, f, **ins):
        settings = ins.pop("settings", {})
        for r in ["none", "sum", "mean"]:
            cases.append(differentiated(name, lambda **k: f(reduction=r, **k), ins,
                                        ints=[k for k in ins if k != "p"], reduction=r, **settings))

    add("MSE", lambda p, t, reduction: L.mse_loss(p, t, reduction), p=p, t=t)
    add("L1", lambda p, t, reduction: L.l1_loss(p, t, reduction), p=p, t=t)
    for beta in [1.0, 0.3]:
        add("SmoothL1", lambda p, t, reduction: L.smooth_l1_loss(p, t, beta, reduction), p=p, t=t, settings={"beta": beta})
        add("Huber", lambda p, t, reduction: L.huber_loss(p, t, beta, reduction), p=p, t=t, settings={"beta": beta})
    add("LogCosh", lambda p, t, reduction: L.log_cosh_loss(p, t, reduction), p=p, t=t)
    add("Hinge", lambda p, t, reduction: L.hinge_loss(p, t, reduction), p=p, t=sign)
    add("GaussianNLL", lambda p, t, v, reduction: L.gaussian_nll_loss(p, t, v, reduction=reduction), p=p, t=t, v=mx.exp(normal(3, 4)))
    add("CrossEntropy", lambda p, t, reduction: L.cross_entropy(p, t, reduction=reduction), p=logits, t=classes)
    add("CrossEntropy", lambda p, t, reduction: L.cross_entropy(p, t, reduction=reduction), p=logits, t=probs)
    add("CrossEntropyWith", lambda p, t, v, reduction: L.cross_entropy(p, t, v, label_smoothing=0.2, reduction=reduction),
        p=logits, t=classes, v=weights, settings={"smoothing": 0.2})
    add("CrossEntropyWith", lambda p, t, v, reduction: L.cross_entropy(p, t, v, label_smoothing=0.1, reduction=reduction),
        p=logits, t=probs, v=weights, settings={"smoothing": 0.1})
    add("NLL", lambda p, t, reduction: L.nll_loss(p, t, reduction=reduction), p=nn.log_softmax(logits), t=classes)
    add("BinaryCrossEntropy", lambda p, t, reduction: L.binary_cross_entropy(p, t, None, False, reduction), p=chance, t=binary)
    add("BinaryCrossEntropyLogits", lambda p, t, reduction: L.binary_cross_entropy(p, t, None, True, reduction), p=p, t=binary)
    add("KLDiv", lambda p, t, reduction: L.kl_div_loss(p, t, reduction=reduction), p=logp, t=logq)
    add("CosineSimilarity", lambda p, t, reduction: L.cosine_similarity_loss(p, t, axis=-1, reduction=reduction), p=p, t=t)
    add("Triplet", lambda p, t, v, reduction: L.triplet_loss(p, t, v, reduction=reduction), p=p, t=t, v=normal(3, 4))
    add("MarginRanking", lambda p, t, v, reduction: L.margin_ranking_loss(p, t, v, margin=0.4, reduction=reduction), p=p, t=t, v=sign)
    write("../loss/testdata/losses.json", cases)


def optimisers():
    decay = lambda step: 0.1 / (1.0 + step)
    rules = {
        "SGD": (optim.SGD, dict(learning_rate=0.1)),
        "SGDMomentum": (optim.SGD, dict(learning_rate=0.1, momentum=0.9, weight_decay=0.02, dampening=0.3)),
        "SGDNesterov": (optim.SGD, dict(learning_rate=0.1, momentum=0.8, nesterov=True)),
        "SGDSchedule": (optim.SGD, dict(learning_rate=decay, momentum=0.5)),
        "Adam": (optim.Adam, dict(learning_rate=0.05, bias_correction=True)),
        "AdamBetas": (optim.Adam, dict(learning_rate=0.05, betas=[0.8, 0.95], eps=1e-3, bias_correction=True)),
        "AdamPlain": (optim.Adam, dict(learning_rate=0.05)),
        "AdamSchedule": (optim.Adam, dict(learning_rate=decay, bias_correction=True)),
        "AdamW": (optim.AdamW, dict(learning_rate=0.05, bias_correction=True)),
        "AdamWDecay": (optim.AdamW, dict(learning_rate=0.05, weight_decay=0.3, bias_correction=True)),
        "RMSprop": (optim.RMSprop, dict(learning_rate=0.05)),
        "Adagrad": (optim.Adagrad, dict(learning_rate=0.05)),
        "Lion": (optim.Lion, dict(learning_rate=0.05, weight_decay=0.1)),
    }
    cases = []
    for name, (rule, kw) in rules.items():
        p = {"w": normal(2, 3), "b": normal(3)}
        ins, outs = {"w": p["w"], "b": p["b"]}, {}
        o = rule(**kw)
        for i in range(5):
            g = {"w": normal(2, 3), "b": normal(3)}
            p = o.apply_gradients(g, p)
            ins.update({f"gw{i}": g["w"], f"gb{i}": g["b"]})
            outs.update({f"w{i}": p["w"], f"b{i}": p["b"]})
        cases.append(case(name, ins, outs))
    g = {"w": normal(2, 3), "b": normal(3)}
    for limit in [0.5, 100.0]:
        clipped, norm = optim.clip_grad_norm(g, limit)
        cases.append(case("ClipGradNorm", g, {**clipped, "norm": norm}, limit=limit))
    write("../optim/testdata/optimisers.json", cases)


if __name__ == "__main__":
    for folder in ["../loss/testdata", "../optim/testdata"]:
        os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    activations()
    layers()
    losses()
    optimisers()
