"""Writes print.json: arrays and how NumPy prints them. Run with NumPy 2."""

import json
import pathlib

import numpy as np

rng = np.random.default_rng(0)
cases = []


def case(name, a):
    a = np.asarray(a)
    flat = a.reshape(-1)
    if a.dtype.kind == "c":
        data = [repr(float(x)) for z in flat for x in (z.real, z.imag)]
    elif a.dtype.kind == "f":
        data = [repr(float(x)) for x in flat]
    else:
        data = [str(int(x)) for x in flat]
    cases.append(dict(name=name, dtype=str(a.dtype), shape=list(a.shape), data=data, text=str(a)))


f4, f8, f2, c8 = np.float32, np.float64, np.float16, np.complex64
inf, nan = np.inf, np.nan
for t in (f4, f8, f2):
    n = np.dtype(t).name
    case(f"{n} whole", np.array([[1, 2], [3, 4]], t))
    case(f"{n} mixed", np.array([1, 2.5, -3.25, 100], t))
    case(f"{n} thirds", np.array([1 / 3, 2 / 3, -1 / 3, 10 / 3], t))
    case(f"{n} exponents", np.array([1e-5, 1, 1000], t))
    case(f"{n} ratio", np.array([0.5, 600.25], t))
    case(f"{n} special", np.array([1.5, nan, inf, -inf, 0, -0.0], t))
    case(f"{n} only special", np.array([nan, -inf], t))
    case(f"{n} zeros", np.zeros((2, 3), t))
    for x in (0.0, -0.0, 1.0, 0.1, 1 / 3, 65504.0, 1e-4, 1e-5, 123.456, inf, nan, -inf):
        case(f"{n} scalar {x}", np.array(x, t))
    case(f"{n} normal", rng.standard_normal((4, 7)).astype(t))
    case(f"{n} small", (rng.standard_normal((3, 5)) * 1e-3).astype(t))
    case(f"{n} long", np.arange(40).astype(t))
    case(f"{n} long rows", (np.arange(60) / 7).reshape(2, 30).astype(t))
for x in (1e8, 99999999.0, 1e16, 1e15, 1e20, -1e-7, 12345678.9):
    case(f"f4 scalar {x}", np.array(x, f4))
    case(f"f4 vector {x}", np.array([x, 1], f4))
    case(f"f8 scalar {x}", np.array(x, f8))
    case(f"f8 vector {x}", np.array([x, 1], f8))
for x in (999999.0, 1000000.0, 1000001.0, 500000.0):
    case(f"f4 scalar {x}", np.array(x, f4))
    case(f"complex scalar large {x}", np.array(x + 2e15j, c8))
for x in (999.5, 1000.0, 1024.0, 10000.0):
    case(f"f2 scalar {x}", np.array(x, f2))
case("float32 large", (rng.standard_normal((3, 4)) * 1e9).astype(f4))
case("float64 digits", rng.standard_normal((3, 4)))
case("float64 exact", np.array([0.1, 0.12345678912345, 1e-4]))
case("float32 exponent spread", np.array([1e-38, 3.4e38, -1], f4))
case("float64 exponent spread", np.array([1e-300, 1e300, -1]))
case("float64 carry", np.array([0.999999999, 9.9999999999]))
case("float64 exponent carry", np.array([9.9999999999e10, 1]))
for t in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"):
    i = np.iinfo(t)
    case(f"{t} ends", np.array([i.min, 0, 1, i.max], t))
    case(f"{t} scalar", np.array(7, t))
    case(f"{t} matrix", np.arange(12).reshape(3, 4).astype(t))
case("bool", np.array([[True, False], [False, True]]))
case("bool true", np.array([True, True]))
case("bool scalar", np.array(True))
case("bool scalar false", np.array(False))
case("complex", np.array([1 + 2j, -1.5 - 10j, 0j], c8))
case("complex special", np.array([complex(nan, inf), complex(1, -0.0), complex(-inf, nan)], c8))
case("complex matrix", (rng.standard_normal((3, 4)) + 1j * rng.standard_normal((3, 4))).astype(c8))
case("complex exponents", np.array([1e-9 + 1j, 1 + 1e9j], c8))
for z in (0j, 1j, 1 + 0j, -1.5 - 2j, complex(0, -1), complex(nan, 1), complex(1, inf), complex(-0.0, 1), 1e20 + 1j):
    case(f"complex scalar {z}", np.array(z, c8))
case("empty", np.zeros((0,), f4))
case("empty matrix", np.zeros((2, 0, 3), "int32"))
case("three axes", np.arange(24).reshape(2, 3, 4).astype("int32"))
case("four axes", np.arange(16).reshape(2, 2, 2, 2).astype(f4))
case("one element", np.array([[[5]]], "int32"))
case("cut vector", np.arange(1001).astype("int32"))
case("kept vector", np.arange(1000).astype("int32"))
case("cut matrix", np.arange(40 * 40).reshape(40, 40).astype(f4))
case("cut one axis", np.arange(2 * 600).reshape(2, 600).astype(f4))
case("cut rows", np.arange(600 * 2).reshape(600, 2).astype("int64"))
case("cut three axes", np.arange(10 * 11 * 12).reshape(10, 11, 12).astype("int32"))
case("cut bool", np.arange(2000) % 3 == 0)
case("six and seven", np.arange(6 * 7 * 30).reshape(6, 7, 30).astype("int16"))
case("wide integers", (np.arange(30) * 1000003).reshape(2, 15).astype("int64"))
case("wide bools", np.arange(80).reshape(2, 40) % 2 == 0)
case("fit exactly", np.array([10**6] * 9 + [10**9], "int64"))
for n in range(10, 14):
    case(f"wrap {n}", np.array([[12345] * n] * 2, "int32"))
    case(f"wrap deep {n}", np.array([[[12345] * n] * 2] * 2, "int32"))

out = pathlib.Path(__file__).with_name("print.json")
out.write_text(json.dumps(dict(numpy=np.__version__, cases=cases), indent=0) + "\n")
