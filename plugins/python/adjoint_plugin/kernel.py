"""One kernel: what is declared of a function, and how it is called."""

import inspect
import re

import numpy as np

from . import kernel_pb2 as pb
from .errors import DeclarationError, Refused
from .sample import check_values, sample, text
from .tensor import DTYPES, Type, number

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KINDS = {bool: "bool", int: "int", float: "float", str: "string"}


class Source:
    """The body of a GPU kernel, which the host compiles: backend is metal or cuda,
    grid has one to three integer expressions for the threads per axis, and threads is
    the size of a threadgroup, 0 to leave it to the host."""

    def __init__(self, backend, code, grid, threads=0):
        self.backend, self.code, self.grid, self.threads = backend, code, [grid] if isinstance(grid, str) else list(grid), threads


class Kernel:
    """A declared kernel. Plugin.kernel makes it."""

    def __init__(self, plugin, function, dtypes, outputs, infer, vjp, jvp, batch, deterministic, sources, samples, values):
        self.plugin, self.name, self.function = plugin, function.__name__, function
        self.infer, self.vjp, self.jvp, self.batch = infer, vjp, jvp, batch
        self.deterministic, self.sources = deterministic, list(sources)
        if not _NAME.fullmatch(self.name):
            self._fail("the name must be letters, digits and _")
        if batch not in ("", "leading"):
            self._fail(f'the batch rule {batch!r} is not known; it is "leading" or absent')
        self._read_parameters()
        self._read_dtypes(dtypes)
        self._read_samples(samples, values)
        self.outputs = {name: ("", "") for name in outputs} if infer else dict(outputs)
        if not self.outputs:
            self._fail("it has no output")
        for name, rules in self.outputs.items():
            if not isinstance(rules, tuple) or len(rules) != 2:
                self._fail(f"output {name} needs a pair of rules, for its shape and its dtype")

    def _fail(self, reason):
        raise DeclarationError(self.plugin, reason, self.name)

    def _read_parameters(self):
        self.inputs, self.attrs = {}, {}
        for p in inspect.signature(self.function).parameters.values():
            if p.kind == p.POSITIONAL_OR_KEYWORD and p.default is p.empty or p.kind == p.POSITIONAL_ONLY:
                self.inputs[p.name] = ()
            elif p.kind == p.KEYWORD_ONLY and type(p.default) in _KINDS:
                self.attrs[p.name] = p.default
            else:
                self._fail(
                    f"parameter {p} is neither an input nor an attribute: inputs are positional and have no default, "
                    "attributes are keyword-only with an int, float, bool or str as default"
                )

    def _read_dtypes(self, dtypes):
        if isinstance(dtypes, str):
            dtypes = dict.fromkeys(self.inputs, dtypes)
        if set(dtypes) != set(self.inputs):
            self._fail(f"it has the inputs {list(self.inputs)}, dtypes names {list(dtypes)}")
        for name, text in dtypes.items():
            self.inputs[name] = tuple(text.split())
            for d in self.inputs[name] or ("",):
                if d not in DTYPES:
                    self._fail(f"input {name}: {d!r} is no dtype")

    def _read_samples(self, samples, values):
        self.samples, self.domains = [], dict.fromkeys(self.inputs, "")
        for i, given in enumerate(samples):
            try:
                self.samples.append(sample(given, self.inputs, self.attrs))
            except ValueError as e:
                self._fail(f"sample {i}: {e}")
        for name, numbers in dict(values).items():
            if name not in self.inputs:
                self._fail(f"values names {name!r}, which is no input")
            try:
                check_values(numbers)
            except ValueError as e:
                self._fail(f"the values of {name}: {e}")
            self.domains[name] = numbers

    def describe(self):
        """Returns what a host is told."""
        return pb.Kernel(
            name=self.name,
            doc=" ".join((inspect.getdoc(self.function) or "").split("\n\n")[0].split()),
            inputs=[pb.Input(name=n, dtypes=map(number, d), values=self.domains[n]) for n, d in self.inputs.items()],
            outputs=[pb.Output(name=n, shape=s, dtype=d) for n, (s, d) in self.outputs.items()],
            asks=self.infer is not None,
            vjp=self.vjp,
            jvp=self.jvp,
            vmap=pb.VMAP_LEADING if self.batch else pb.VMAP_NONE,
            deterministic=self.deterministic,
            attrs=[pb.AttrSpec(name=n, kind=_KINDS[type(v)], initial=text(v)) for n, v in self.attrs.items()],
            sources=[pb.Source(backend=s.backend, code=s.code, grid=s.grid, threads=s.threads) for s in self.sources],
            samples=self.samples,
        )

    def values(self, wire):
        """Returns the attributes of a call by name, checked against the declaration."""
        got = {}
        for a in wire:
            kind = a.WhichOneof("value")
            got[a.name] = getattr(a, kind) if kind else None
        if {n: type(v) for n, v in got.items()} != {n: type(v) for n, v in self.attrs.items()}:
            raise Refused(f"it has the attributes {list(self.attrs)}, got {list(got)} or other kinds")
        return got

    def check_inputs(self, types):
        """Refuses inputs that are not those declared."""
        if len(types) != len(self.inputs):
            raise Refused(f"takes {len(self.inputs)} inputs {list(self.inputs)}, got {len(types)}")
        for (name, takes), t in zip(self.inputs.items(), types):
            if t.dtype not in takes:
                raise Refused(f"input {name}: takes {list(takes)}, got {t}")

    def types(self, inputs, attrs):
        """Returns what infer says of the outputs."""
        if self.infer is None:
            raise Refused(f"it has rules for its outputs")
        out = _tuple(self.infer(*inputs, **attrs))
        if len(out) != len(self.outputs) or not all(isinstance(t, Type) for t in out):
            raise TypeError(f"infer must return a Type for each of {list(self.outputs)}")
        return out

    def call(self, arrays, attrs, want):
        """Calls the function, and returns its results once they are of the types that
        the host expects."""
        if len(want) != len(self.outputs):
            raise Refused(f"it has {len(self.outputs)} outputs, the host expects {len(want)}")
        out = [np.asarray(r) for r in _tuple(self.function(*arrays, **attrs))]
        if len(out) != len(want):
            raise TypeError(f"it returned {len(out)} arrays; its outputs are {list(self.outputs)}")
        for name, got, t in zip(self.outputs, out, want):
            if got.dtype != t.numpy or got.shape != t.shape:
                raise TypeError(f"output {name} is {got.dtype}{list(got.shape)}; its rules say {t}")
        return out


def _tuple(results):
    return tuple(results) if isinstance(results, (tuple, list)) else (results,)
