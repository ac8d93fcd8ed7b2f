"""Computes functions of some numbers to 30 digits, which TestOracles and TestFloat64 compare with.

    pip install mpmath && python make.py > exact.txt

A line is: op, the arguments as hexadecimal numbers, the result in decimal.
"""

import random
import struct

from mpmath import mp, mpf

mp.dps = 80
random.seed(1)


def single(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


# Of each function of one number: itself, and the ranges of its arguments as (least, most) of
# the logarithm to base 2 of the magnitude, and whether they may be negative.
ONE = {
    "exp": (mp.exp, -30, 6.5, True),
    "expm1": (mp.expm1, -40, 6.5, True),
    "log": (mp.log, -140, 127, False),
    "log2": (lambda x: mp.log(x, 2), -140, 127, False),
    "log10": (lambda x: mp.log(x, 10), -140, 127, False),
    "log1p": (mp.log1p, -40, 127, False),
    "sin": (mp.sin, -40, 127, True),
    "cos": (mp.cos, -20, 127, True),
    "tan": (mp.tan, -40, 127, True),
    "arcsin": (mp.asin, -30, 0, True),
    "arccos": (mp.acos, -30, 0, True),
    "arctan": (mp.atan, -30, 30, True),
    "sinh": (mp.sinh, -30, 6.4, True),
    "cosh": (mp.cosh, -20, 6.4, True),
    "tanh": (mp.tanh, -30, 5, True),
    "arcsinh": (mp.asinh, -30, 127, True),
    "arccosh": (mp.acosh, 0, 127, False),
    "arctanh": (mp.atanh, -30, 0, True),
    "sigmoid": (sigmoid, -20, 6.4, True),
    "erf": (mp.erf, -30, 2.5, True),
    "erfinv": (mp.erfinv, -30, 0, True),
    "sqrt": (mp.sqrt, -140, 127, False),
    "rsqrt": (lambda x: 1 / mp.sqrt(x), -126, 127, False),
    "degrees": (mp.degrees, -100, 100, True),
    "radians": (mp.radians, -100, 100, True),
}

# Where functions of one number have edges; those near 1 are the numbers beside it.
NEAR = [1.0, 0.5, 10.0, 1000.0]
for k in (1, 2, 7, 12345):
    NEAR.append(k * float(mp.pi) / 2)

TWO = {
    "power": (lambda x, y: mp.power(x, y), lambda: (abs(random.uniform(0, 8)), random.uniform(-20, 20))),
    "arctan2": (lambda x, y: mp.atan2(x, y), lambda: (random.gauss(0, 3), random.gauss(0, 3))),
    "logaddexp": (lambda x, y: mp.log(mp.exp(x) + mp.exp(y)), lambda: (random.gauss(0, 9), random.gauss(0, 9))),
}


def line(op, args, result):
    print(op, *(a.hex() for a in args), mp.nstr(result, 30, min_fixed=1, max_fixed=0))


for op, (f, least, most, signed) in ONE.items():
    args = []
    for _ in range(60):
        x = single(2 ** random.uniform(least, most))
        args.append(-x if signed and random.random() < 0.5 else x)
    for x in NEAR:
        bits = struct.unpack("<i", struct.pack("<f", x))[0]
        args += [struct.unpack("<f", struct.pack("<i", bits + d))[0] for d in (-1, 0, 1)]
    for _ in range(40):  # numbers that only float64 has
        args.append(2 ** random.uniform(least, most))
    for x in args:
        if op in ("arcsin", "arccos", "arctanh", "erfinv") and abs(x) >= 1 or op == "arccosh" and x <= 1 or x == 0:
            continue
        result = f(mpf(x))
        if result != 0 and mpf(2) ** -126 < abs(result) < mpf(2) ** 127:
            line(op, [x], result)

for op, (f, draw) in TWO.items():
    for i in range(150):
        args = draw() if i % 5 == 0 else map(single, draw())
        args = list(args)
        result = f(*map(mpf, args))
        if mpf(2) ** -126 < abs(result) < mpf(2) ** 127:
            line(op, args, result)

# Powers of numbers near one, of which a product of rounded factors would be far off.
for _ in range(60):
    x, y = single(1 + random.uniform(-1, 1) * 2**-10), single(random.uniform(-1, 1) * 2**16)
    result = mp.power(mpf(x), mpf(y))
    if mpf(2) ** -126 < abs(result) < mpf(2) ** 127:
        line("power", [x, y], result)
