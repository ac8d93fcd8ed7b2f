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
                "inputs": [{"name": "x", "dtypes": ["float32", "bfloat16"]}, {"name": "y", "dtypes": ["bool"]}],
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
