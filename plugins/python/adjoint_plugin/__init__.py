"""Kernel plugins in Python: functions on numpy arrays that a host program calls.

A plugin's module declares its kernels and ends with main:

    import numpy as np
    from adjoint_plugin import Plugin

    plugin = Plugin("acme/sq", "1.0.0")

    @plugin.kernel(dtypes="float32", outputs={"y": ("shape(x)", "dtype(x)")}, vjp="square_vjp", batch="leading")
    def square(x):
        "y = x * x, element by element."
        return x * x

    @plugin.kernel(dtypes="float32", outputs={"dx": ("shape(x)", "dtype(x)")}, batch="leading")
    def square_vjp(x, dy):
        "The gradient of square: dx = 2 * x * dy."
        return 2 * x * dy

    if __name__ == "__main__":
        plugin.main()

`python -m adjoint_plugin pack sq.py sq` makes a program of it. Kernels may be called
at the same time, from several threads. Inputs cannot be written and must not be kept.
"""

from .call import cancelled, check
from .errors import Cancelled, DeclarationError, Refused
from .kernel import Source
from .plugin import Plugin
from .tensor import Type

__all__ = ["Cancelled", "DeclarationError", "Plugin", "Refused", "Source", "Type", "cancelled", "check"]
