"""What an author may declare, and the mistakes that are found."""

import hashlib
import json
import os
import tempfile
import unittest

from adjoint_plugin import DeclarationError, Plugin, Source, Type, manifest

SAME = {"y": ("shape(x)", "dtype(x)")}


def declared(function=None, **changes):
    plugin = Plugin("acme/test", "1.0.0")
    options = {"dtypes": "float32", "outputs": SAME} | changes
    if function is None:

        def k(x):
            return x

        function = k
    plugin.kernel(**options)(function)
    return plugin


class Declarations(unittest.TestCase):
    def refuses(self, reason, f):
        with self.assertRaisesRegex(DeclarationError, reason):
            f()

    def test_mistakes(self):
        def k(x, n=1):
            return x

        def star(*x):
            return x

        def attribute(x, *, n=None):
            return x

        self.refuses("the id is not of the form org/name", lambda: Plugin("Acme", "1.0.0"))
        self.refuses("the version 'one' is not", lambda: Plugin("acme/test", "one"))
        self.refuses("kernel k: parameter n=1 is neither", lambda: declared(k))
        self.refuses(r"parameter \*x is neither", lambda: declared(star))
        self.refuses("parameter n=None is neither", lambda: declared(attribute))
        self.refuses("input x: 'float8' is no dtype", lambda: declared(dtypes="float8"))
        self.refuses("input x: '' is no dtype", lambda: declared(dtypes=""))
        self.refuses(r"it has the inputs \['x'\], dtypes names \['z'\]", lambda: declared(dtypes={"z": "int8"}))
        self.refuses("it has no output", lambda: declared(outputs={}))
        self.refuses("output y needs a pair of rules", lambda: declared(outputs={"y": "shape(x)"}))
        self.refuses("batch rule 'trailing'", lambda: declared(batch="trailing"))
        self.refuses("it has no kernel", Plugin("acme/test", "1.0.0").validate)
        self.refuses("its vjp none is no kernel", declared(vjp="none").validate)
        self.refuses("its vjp k has 1 inputs and 1 outputs; it needs 2 and 1", declared(vjp="k").validate)

    def test_mistakes_in_samples(self):
        def k(x, *, n=1):
            return x

        def sampled(given):
            return lambda: declared(k, samples=[{"x": ()}, given])

        self.refuses("kernel k: sample 1: it is 'x'; it must be a dict", sampled("x"))
        self.refuses("sample 1: there is no input or attribute 'y'", sampled({"x": (1,), "y": (1,)}))
        self.refuses("sample 1: it gives no shape to input x", sampled({"n": 2}))
        for shape in "4x3", 4, (2, -1), (2.0,), (True,):
            self.refuses("sample 1: the shape of x is .*; it must be a tuple of sizes", sampled({"x": shape}))
        self.refuses("sample 1: attribute n is 2.0; it must be of type int", sampled({"x": (1,), "n": 2.0}))
        self.refuses("values names 'n', which is no input", lambda: declared(k, values={"n": "0..1"}))
        for numbers in "", "any", "1", "2..1", "0..inf", "nan..1", "a..b", 1, None:
            self.refuses('the values of x: .* is neither "LOW..HIGH" nor "spd"', lambda: declared(k, values={"x": numbers}))

    def test_rules_have_the_same_attributes(self):
        def k(x, *, n=1):
            return x

        def k_vjp(x, dy, *, n=2):
            return dy

        plugin = declared(k, vjp="k_vjp")
        plugin.kernel(dtypes="float32", outputs=SAME)(k_vjp)
        self.refuses("its vjp k_vjp has other attributes", plugin.validate)

    def test_kernels_have_one_name(self):
        def k(x):
            return x

        plugin = declared(k)
        self.refuses("declared twice", lambda: plugin.kernel(dtypes="int8", outputs=SAME)(k))

    def test_description(self):
        def k(x, y, *, n=-3, f=0.5, b=True, s="a"):
            """In one
            sentence.

            And more.
            """
            return x

        plugin = declared(
            k,
            dtypes={"x": "float32 bfloat16", "y": "bool"},
            batch="leading",
            deterministic=True,
            sources=[Source("metal", "z[0] = 1;", "size(x)", 64)],
            samples=[{"x": (2, 3), "y": ()}, {"y": [0], "x": (1,), "f": 1.5, "b": False}],
            values={"x": "-0.5..2"},
        )
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "program")
            with open(path, "wb") as f:
                f.write(b"abc")
            text = manifest.alone(plugin, path)
        self.assertEqual(text[-1], "\n")
        whole = json.loads(text)
        (about,) = whole.pop("kernels")
        (program,) = whole.pop("executables").values()
        (source,) = whole.pop("sources")
        self.assertEqual(whole, {"format": 1, "id": "acme/test", "version": "1.0.0", "protocols": [1]})
        self.assertEqual(program, {"path": "program", "size": 3, "sha256": hashlib.sha256(b"abc").hexdigest()})
        self.assertEqual(source, {"kernel": "k", "backend": "metal", "sha256": hashlib.sha256(b"z[0] = 1;").hexdigest()})
        self.assertEqual(
            about,
            {
                "name": "k",
                "doc": "In one sentence.",
                "inputs": [
                    {"name": "x", "dtypes": ["float32", "bfloat16"], "values": "-0.5..2"},
                    {"name": "y", "dtypes": ["bool"]},
                ],
                "outputs": [{"name": "y", "shape": "shape(x)", "dtype": "dtype(x)"}],
                "attrs": [
                    {"name": "n", "kind": "int", "initial": "-3"},
                    {"name": "f", "kind": "float", "initial": "0.5"},
                    {"name": "b", "kind": "bool", "initial": "true"},
                    {"name": "s", "kind": "string", "initial": "a"},
                ],
                "vmap": "leading",
                "deterministic": True,
                "sources": [{"backend": "metal", "code": "z[0] = 1;", "grid": ["size(x)"], "threads": 64}],
                "samples": [{"shapes": [[2, 3], []]}, {"shapes": [[1], [0]], "attrs": {"f": "1.5", "b": "false"}}],
            },
        )

    def test_the_function_stays_as_it_is(self):
        def k(x):
            return x

        self.assertIs(Plugin("acme/test", "1.0.0").kernel(dtypes="int8", outputs=SAME)(k), k)

    def test_types(self):
        t = Type("bfloat16", [2, 3])
        self.assertEqual((str(t), t.size, t.nbytes), ("bfloat16[2, 3]", 6, 12))
        self.assertNotEqual(t, Type("uint16", [2, 3]))
