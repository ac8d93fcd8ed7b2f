"""Makes the files in this folder that other libraries write, and checks the
files in ours/ that Adjoint writes.

    pip install numpy ml_dtypes safetensors gguf mlx mlx-cpu
    python make.py          # rewrites the files of the others
    python make.py check    # reads ours/ with numpy, safetensors, gguf and mlx

Element i of every array is (37*i + 11) % 101 - 50, without the - 50 where the
dtype has no sign, odd or not for bools, and with its negative as the imaginary
part for complex numbers; the Go tests compute the same.
"""

import os
import sys

import gguf
import ml_dtypes
import mlx.core as mx
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

here = os.path.dirname(os.path.abspath(__file__))
mx.set_default_device(mx.cpu)

DTYPES = ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
          "float16", "float32", "float64", "complex64"]
SHAPES = {"scalar": (), "vector": (5,), "matrix": (2, 3), "empty": (0, 3)}


def values(dtype, shape):
    n = int(np.prod(shape))
    v = (37 * np.arange(n) + 11) % 101
    dtype = np.dtype(dtype)
    if dtype == np.bool_:
        v = v % 2 == 1
    elif dtype.kind == "c":
        v = (v - 50) - 1j * (v - 50)
    elif dtype.kind != "u":
        v = v - 50
    return v.astype(dtype).reshape(shape)


def path(name):
    return os.path.join(here, name)


def to_mlx(a):
    """mlx takes no ml_dtypes, and float64 only when asked."""
    if a.dtype == ml_dtypes.bfloat16:
        return mx.array(a.astype(np.float32)).astype(mx.bfloat16)
    return mx.array(a, dtype=getattr(mx, "bool_" if a.dtype == bool else a.dtype.name))


def npy():
    for d in DTYPES:
        np.save(path(f"numpy-{d}.npy"), values(d, (2, 3)))
    np.save(path("numpy-scalar.npy"), values("float32", ()))
    np.save(path("numpy-empty.npy"), values("float32", (0, 3)))
    np.save(path("numpy-fortran.npy"), np.asfortranarray(values("int16", (2, 3, 4))))
    for d in ["int16", "float64", "complex64"]:
        np.save(path(f"numpy-big-{d}.npy"), values(d, (2, 3)).astype(np.dtype(d).newbyteorder(">")))
    np.save(path("numpy-big-fortran.npy"), np.asfortranarray(values("int32", (3, 2)).astype(">i4")))
    np.save(path("ml_dtypes-bfloat16.npy"), values(ml_dtypes.bfloat16, (2, 3)))
    for v in (2, 3):
        with open(path(f"numpy-version{v}.npy"), "wb") as f:
            np.lib.format.write_array(f, values("int8", (2, 3)), version=(v, 0))
    np.save(path("refused-object.npy"), np.array([None]), allow_pickle=True)
    np.save(path("refused-struct.npy"), np.zeros(2, [("a", "f4"), ("b", "i4")]))
    np.save(path("refused-complex128.npy"), np.zeros(2, "c16"))
    np.save(path("refused-text.npy"), np.array(["a"]))
    mx.save(path("mlx-bfloat16.npy"), to_mlx(values(ml_dtypes.bfloat16, (2, 3))))
    mx.save(path("mlx-transposed.npy"), mx.transpose(to_mlx(values("int32", (2, 3)))))


def several(dtypes):
    return {f"{d}.{s}": values(getattr(ml_dtypes, d, d), shape) for d in dtypes for s, shape in SHAPES.items()}


def npz():
    a = several(["bool", "int64", "float32"])
    np.savez(path("numpy-stored.npz"), **a)
    np.savez_compressed(path("numpy-deflated.npz"), **a)
    mx.savez(path("mlx.npz"), **{k: to_mlx(v) for k, v in several(["float16", "bfloat16"]).items()})


def safetensors():
    save_file(several([d for d in DTYPES if d != "complex64"] + ["bfloat16"]),
              path("official.safetensors"), metadata={"format": "np", "a \"key\"\n": "ü<&>"})
    mx.save_safetensors(path("mlx.safetensors"),
                        {k: to_mlx(v) for k, v in several(["bool", "bfloat16", "complex64", "uint8"]).items()})


METADATA = {
    "a.uint8": (np.uint8(200), "uint8"), "a.int8": (-3, "int8"), "a.uint16": (60000, "uint16"), "a.int16": (-300, "int16"),
    "a.uint32": (4000000000, "uint32"), "a.int32": (-70000, "int32"), "a.float32": (1.5, "float32"),
    "a.uint64": (1 << 63, "uint64"), "a.int64": (-(1 << 40), "int64"), "a.float64": (0.1, "float64"),
    "a.bool": (True, "bool"), "a.string": ("ü\n", "string"),
}


def gguf_files():
    w = gguf.GGUFWriter(path("official.gguf"), "test")
    for k, (v, t) in METADATA.items():
        getattr(w, "add_" + t)(k, v)
    w.add_array("l.int32", [1, -2, 3])
    w.add_array("l.string", ["a", "", "ü"])
    w.add_array("l.bool", [True, False])
    w.add_array("l.list", [[1, 2], [3]])
    for d in ["float32", "float16", "float64", "int8", "int16", "int32", "int64"]:
        w.add_tensor(d, values(d, (2, 3)))
    w.add_tensor("bfloat16", values("float32", (2, 32)).astype(ml_dtypes.bfloat16).view(np.uint8),
                 raw_dtype=gguf.GGMLQuantizationType.BF16)
    write(w)

    w = gguf.GGUFWriter(path("quantised.gguf"), "test")
    for q in ["Q4_0", "Q4_1", "Q8_0"]:
        t = getattr(gguf.GGMLQuantizationType, q)
        w.add_tensor(f"{q}.weight", gguf.quants.quantize(values("float32", (3, 64)), t), raw_dtype=t)
    write(w)
    arrays = mx.load(path("quantised.gguf"))
    mx.save_safetensors(path("quantised-as-mlx-reads-it.safetensors"), arrays)
    deq = {}
    for t in gguf.GGUFReader(path("quantised.gguf")).tensors:
        deq[t.name] = np.ascontiguousarray(gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float32))
    save_file(deq, path("quantised-as-numbers.safetensors"))

    t = gguf.GGMLQuantizationType.Q5_0
    w = gguf.GGUFWriter(path("refused-q5.gguf"), "test")
    w.add_tensor("w", gguf.quants.quantize(values("float32", (1, 32)), t), raw_dtype=t)
    write(w)

    mx.save_gguf(path("mlx.gguf"), {d: to_mlx(values(d, (2, 3))) for d in ["float32", "float16", "int8", "int16", "int32"]},
                 {"s": "text", "n": mx.array(7, dtype=mx.int32), "v": mx.array([1.5, 2.5]), "l": ["a", "b"]})


def write(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def same(got, dtype, shape):
    want = values(dtype, shape)
    got = np.asarray(got)
    assert got.dtype == want.dtype and got.shape == want.shape, (got.dtype, got.shape, want.dtype, want.shape)
    assert got.tobytes() == want.tobytes(), (got, want)


def same_mlx(got, dtype, shape):
    want = to_mlx(values(dtype, shape))
    assert got.dtype == want.dtype and got.shape == want.shape, (got.dtype, want.dtype)
    assert mx.array_equal(got, want).item() or want.size == 0


def named(keys):
    for k in keys:
        d, s = k.split(".")
        yield k, getattr(ml_dtypes, d, d), SHAPES[s]


def check():
    ours = os.path.join(here, "ours")
    for name in os.listdir(ours):
        base, ext = os.path.splitext(name)
        p = os.path.join(ours, name)
        if ext == ".npy":
            a = np.load(p)
            if base == "bfloat16":
                a = a.view(ml_dtypes.bfloat16)
            same(a, getattr(ml_dtypes, base, base), (2, 3))
            same_mlx(mx.load(p), getattr(ml_dtypes, base, base), (2, 3))
        elif ext == ".npz":
            with np.load(p) as z:
                assert z.zip.testzip() is None
                assert len(z.files) == 14 * 4, z.files
                for k, d, s in named(z.files):
                    a = z[k].view(d) if z[k].dtype.kind == "V" else z[k]
                    same(a, d, s)
            for k, d, s in named(mx.load(p)):
                same_mlx(mx.load(p)[k], d, s)
        elif ext == ".safetensors" and base == "arrays":
            with safe_open(p, "numpy") as f:
                assert f.metadata() == {"format": "np", "a \"key\"\n": "ü<&>"}, f.metadata()
                assert len(f.keys()) == 13 * 4
                for k, d, s in named(f.keys()):
                    same(f.get_tensor(k), d, s)
        elif ext == ".safetensors":
            for k, d, s in named(mx.load(p)):
                same_mlx(mx.load(p)[k], d, s)
        elif ext == ".gguf":
            r = gguf.GGUFReader(p)
            for k, (v, t) in METADATA.items():
                assert r.fields[k].contents() == v, (k, r.fields[k].contents(), v)
                assert r.fields[k].types[-1].name.lower() == t, (k, r.fields[k].types)
            assert r.fields["l.int32"].contents() == [1, -2, 3]
            assert r.fields["l.string"].contents() == ["a", "", "ü"]
            seen = 0
            for t in r.tensors:
                if t.tensor_type.name == "BF16":
                    a = t.data.view(np.uint8).view(ml_dtypes.bfloat16).reshape(2, 32)
                    same(a, ml_dtypes.bfloat16, (2, 32))
                else:
                    same(t.data.reshape(2, 3), t.name, (2, 3))
                seen += 1
            assert seen == 8, seen
        print("ok", name)


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        check()
    else:
        npy()
        npz()
        safetensors()
        gguf_files()
