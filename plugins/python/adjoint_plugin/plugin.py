"""Plugins and kernels as an author declares them."""

import re

from . import kernel_pb2 as pb
from .errors import DeclarationError
from .kernel import Kernel

_ID = re.compile(r"[a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9_-]*")
_VERSION = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}(-[0-9A-Za-z.-]+)?")


class Plugin:
    """Collects the kernels of a plugin. The id has the form org/name, the version
    1.2.3; build says what it was made from, for people to read."""

    def __init__(self, id, version, build=""):
        self.id, self.version, self.build = id, version, build
        self.kernels = {}
        if not _ID.fullmatch(id):
            raise DeclarationError(id, "the id is not of the form org/name (lower-case letters, digits, - and _)")
        if not _VERSION.fullmatch(version):
            raise DeclarationError(id, f"the version {version!r} is not of the form 1.2.3")

    def kernel(
        self, *, dtypes, outputs, infer=None, vjp="", jvp="", batch="", deterministic=False, sources=(), samples=(), values=()
    ):
        """Makes a kernel of the function that follows, which stays as it is.

        The function's positional parameters are the inputs, numpy arrays that cannot
        be written. Its keyword-only parameters are attributes; each has a default,
        an int, float, bool or str. It returns an array, or a tuple of them, of
        exactly the declared dtypes and shapes. What it raises becomes an error of
        the host, with the file and line. Its doc string describes the kernel.

        dtypes
            the dtypes that every input takes, as in "float32 float64", or a dict with
            such a text per input. bfloat16 is the uint16 of its bits.
        outputs
            a dict that gives each output a pair of rules for its shape and dtype, in
            the language of the Go package plugins/shape: ("shape(x)", "dtype(x)").
            With infer, the names of the outputs only.
        infer
            a function that gives the types of the outputs where no rule can: it takes
            a Type per input and the attributes by name, and returns a Type or a tuple
            of them. It may raise ValueError. The host remembers what it returns.
        vjp, jvp
            the kernel that takes the inputs and one cotangent per output, and returns
            one gradient per input; and the one that takes the inputs and one tangent
            per input, and returns one tangent per output. Both have the same attributes.
        batch
            "leading" promises that an extra leading axis on every input is a batch,
            which every output has too.
        deterministic
            promises that equal inputs give equal bits.
        sources
            GPU code, a Source each.
        samples
            examples of inputs, with which `adjoint plugin certify` tries the kernel. They
            are needed where not all shapes fit each other. Each is a dict of a shape per
            input, and of values of attributes, which are the defaults otherwise:
            {"x": (64, 32), "y": (32, 8), "scale": 0.5}.
        values
            a dict of the numbers that inputs are for, where not any will do: an interval
            as "0.1..4", or "spd" for symmetric positive definite matrices.
        """

        def declare(function):
            k = Kernel(self.id, function, dtypes, outputs, infer, vjp, jvp, batch, deterministic, sources, samples, values)
            if k.name in self.kernels:
                raise DeclarationError(self.id, "declared twice; kernel names must be unique", k.name)
            self.kernels[k.name] = k
            return function

        return declare

    def validate(self):
        """Raises DeclarationError if the kernels do not fit together."""
        if not self.kernels:
            raise DeclarationError(self.id, "it has no kernel")
        for k in self.kernels.values():
            self._validate_rule(k, "vjp", k.vjp, len(k.inputs) + len(k.outputs), len(k.inputs))
            self._validate_rule(k, "jvp", k.jvp, 2 * len(k.inputs), len(k.outputs))

    def _validate_rule(self, k, kind, name, inputs, outputs):
        if not name:
            return
        rule = self.kernels.get(name)
        if rule is None:
            raise DeclarationError(self.id, f"its {kind} {name} is no kernel of the plugin", k.name)
        if (len(rule.inputs), len(rule.outputs)) != (inputs, outputs):
            raise DeclarationError(
                self.id,
                f"its {kind} {name} has {len(rule.inputs)} inputs and {len(rule.outputs)} outputs; "
                f"it needs {inputs} and {outputs}",
                k.name,
            )
        if rule.attrs != k.attrs:
            raise DeclarationError(self.id, f"its {kind} {name} has other attributes", k.name)

    def describe(self):
        """Returns what a host is told."""
        self.validate()
        return pb.DescribeResponse(
            id=self.id, version=self.version, build=self.build, kernels=[k.describe() for k in self.kernels.values()]
        )

    def main(self):
        """Runs the program: serves a host until that is done, or does what the
        argument says. See program.main."""
        from .program import main

        main(self)
