"""Examples of inputs, which a kernel's author gives to who tries the kernel out."""

import math

from . import kernel_pb2 as pb

POSITIVE_DEFINITE = "spd"


def sample(given, inputs, attrs):
    """Returns the message for a sample: a dict of a shape per input and of values of
    attributes. Raises ValueError if it does not fit the kernel's inputs and attributes,
    which are dicts too."""
    if not isinstance(given, dict):
        raise ValueError(f"it is {given!r}; it must be a dict of shapes and attributes")
    for name in given:
        if name not in inputs and name not in attrs:
            raise ValueError(f"there is no input or attribute {name!r}")
    out = pb.Sample()
    for name in inputs:
        if name not in given:
            raise ValueError(f"it gives no shape to input {name}")
        shape = given[name]
        if not isinstance(shape, (tuple, list)) or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError(f"the shape of {name} is {shape!r}; it must be a tuple of sizes")
        out.shapes.add(sizes=shape)
    for name, initial in attrs.items():
        if name not in given:
            continue
        if type(given[name]) is not type(initial):
            raise ValueError(f"attribute {name} is {given[name]!r}; it must be of type {type(initial).__name__}")
        out.attrs[name] = text(given[name])
    return out


def check_values(values):
    """Raises ValueError if a text does not say which numbers an input is for."""
    low, dots, high = values.partition("..") if isinstance(values, str) else ("", "", "")
    try:
        fits = dots and float(low) <= float(high) and math.isfinite(float(high) - float(low))
    except ValueError:
        fits = False
    if not fits and values != POSITIVE_DEFINITE:
        raise ValueError(f'{values!r} is neither "LOW..HIGH" nor "{POSITIVE_DEFINITE}"')


def text(value):
    """Returns the value of an attribute as the protocol has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
