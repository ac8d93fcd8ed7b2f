"""Types and elements of tensors, as they travel and as numpy has them."""

import numpy as np

from . import kernel_pb2 as pb
from .errors import Refused

INLINE_LIMIT = 16 << 10  # bytes of elements in a message
MAX_BYTES = 1 << 30  # of the inputs of a call, and of its outputs, together
MAX_RANK = 32

# The numpy dtype of each. numpy has no bfloat16: it is the uint16 of its bits.
DTYPES = {
    "bool": np.bool_,
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "float16": np.float16,
    "bfloat16": np.uint16,
    "float32": np.float32,
    "float64": np.float64,
    "complex64": np.complex64,
}


class Type:
    """The dtype, by its name, and the shape of a tensor."""

    def __init__(self, dtype, shape):
        self.dtype, self.shape = dtype, tuple(int(n) for n in shape)
        self.numpy = np.dtype(DTYPES[dtype]).newbyteorder("<")

    @property
    def size(self):
        """The number of elements."""
        n = 1
        for s in self.shape:
            n *= s
        return n

    @property
    def nbytes(self):
        """The bytes of all elements."""
        return self.size * self.numpy.itemsize

    def __eq__(self, other):
        return isinstance(other, Type) and (self.dtype, self.shape) == (other.dtype, other.shape)

    def __hash__(self):
        return hash((self.dtype, self.shape))

    def __repr__(self):
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


def number(dtype):
    """Returns the protocol's number of a dtype."""
    return pb.DType.Value(dtype.upper())


def type_from_wire(wire):
    """Converts a tensor's type and checks it."""
    try:
        dtype = pb.DType.Name(wire.dtype).lower()
    except ValueError:
        dtype = ""
    if dtype not in DTYPES:
        raise Refused(f"dtype number {wire.dtype} is not known")
    if len(wire.shape) > MAX_RANK:
        raise Refused(f"a tensor of {len(wire.shape)} axes; at most {MAX_RANK} are allowed")
    t = Type(dtype, wire.shape)
    if any(n < 0 for n in t.shape):
        raise Refused(f"{t} has a negative size")
    if t.nbytes > MAX_BYTES:
        raise Refused(f"{t} is above the limit of {MAX_BYTES >> 20} MiB")
    return t


def type_to_wire(t):
    """Converts a tensor's type."""
    return pb.TensorType(dtype=number(t.dtype), shape=t.shape)


def from_wire(tensors, segments, outputs=False):
    """Returns type and array of each tensor. An input's array cannot be written.
    An output that is wanted inline has None."""
    out, total = [], 0
    for i, w in enumerate(tensors):
        try:
            t = type_from_wire(w.type)
            total += t.nbytes
            if total > MAX_BYTES:
                raise Refused(f"the tensors are above the limit of {MAX_BYTES >> 20} MiB together")
            out.append((t, _array(t, w, segments, outputs)))
        except Refused as e:
            raise Refused(f"tensor {i}: {e}") from None
    return out


def _array(t, w, segments, outputs):
    kind = w.WhichOneof("data")
    if kind == "region":
        r = w.region
        if r.length != t.nbytes:
            raise Refused(f"{t} needs {t.nbytes} bytes, its region has {r.length}")
        return segments.array(t, r.segment, r.offset, outputs)
    if kind == "inline":
        if len(w.inline) != t.nbytes:
            raise Refused(f"{t} needs {t.nbytes} bytes, has {len(w.inline)}")
        return np.frombuffer(w.inline, t.numpy).reshape(t.shape)
    if not outputs and t.nbytes:
        raise Refused("its elements are neither inline nor in a region; this version knows no other place")
    return None if outputs else np.empty(t.shape, t.numpy)
