"""fixture.py RESULT.jsonl: writes what Adjoint's own tests compare with: the peers' check values, and figures of the
inputs (first elements, sum and sum of squares), since Adjoint can make the inputs without numpy."""
import json, os, sys
import numpy as np
import data, table

HERE = os.path.dirname(os.path.abspath(__file__))


def write(name, rows):
    path = os.path.join(HERE, "..", "internal", "bench", "testdata", name)
    lines = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in rows.items())
    with open(path + ".new", "w") as f:
        f.write("{\n" + lines + "\n}\n")
    os.replace(path + ".new", path)


checks = table.read(sys.argv[1:])[2]
write("checks.json", {w: {p: c for p, c in by.items() if p in ("mlx", "jax")} for w, by in checks.items()})
inputs = {}
for name, a in data.arrays():
    d = a.astype(np.float64)
    inputs[name] = {"shape": list(a.shape), "dtype": str(a.dtype), "head": d.ravel()[:3].tolist(),
                    "sums": [float(d.sum()), float(np.square(d).sum())]}
write("inputs.json", inputs)
