"""A plugin whose kernels fail in the ways that a kernel can."""

import os
import sys
import time

import numpy as np

import adjoint_plugin
from adjoint_plugin import Plugin, Type

print("printed while the module is loaded")

plugin = Plugin("acme/faults", "1.0.0", build="for a test")
same = {"outputs": {"y": ("shape(x)", "dtype(x)")}, "dtypes": "float32"}


@plugin.kernel(**same)
def copy(x, *, times=1, scale=1.0, on=True, label="a"):
    """Returns its input.

    What follows is not for the host.
    """
    print("copying", times, scale, on, label)
    os.write(1, b"written to descriptor 1\n")
    return x * np.float32(times * scale) if on else x


@plugin.kernel(**same)
def raises(x):
    return inner(x)


def inner(x):
    raise ValueError("no such luck")


@plugin.kernel(**same)
def raises_in_numpy(x):
    return np.reshape(x, (1000, 1000))


@plugin.kernel(**same)
def leaves(x):
    sys.exit(3)


@plugin.kernel(**same)
def dies(x):
    print("about to die", flush=True)
    os._exit(7)


@plugin.kernel(**same)
def writes(x):
    x[0] = 1
    return x


@plugin.kernel(**same)
def wrong_shape(x):
    return np.zeros(x.size + 1, np.float32)


@plugin.kernel(**same)
def wrong_dtype(x):
    return x.astype(np.float64)


@plugin.kernel(**same)
def wrong_count(x):
    return x, x


@plugin.kernel(dtypes="float32", outputs=["y"], infer=lambda x: Type("float32", [3]))
def lies(x):
    return x


@plugin.kernel(dtypes="float32", outputs=["y"], infer=lambda x: "float32[3]")
def infers_nothing(x):
    return x


@plugin.kernel(**same)
def obeys(x):
    while True:
        adjoint_plugin.check()
        time.sleep(0.001)


@plugin.kernel(**same)
def hangs(x):
    while True:
        time.sleep(1)


@plugin.kernel(**same)
def long(x):
    raise RuntimeError("ä" * 5000)


if __name__ == "__main__":
    plugin.main()
