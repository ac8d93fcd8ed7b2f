"""plugin.json, the file in a plugin's package that says what the package holds."""

import hashlib
import json
import os
import platform
import re
import sys

from google.protobuf import json_format

NAME, SIGNATURE = "plugin.json", "plugin.json.sig"
FORMAT = 1
PROTOCOL = 1  # the version of kernel.proto
_PLATFORM = re.compile(r"[a-z0-9]+_[a-z0-9]+")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def alone(plugin, program):
    """Returns the text for a package that holds nothing but a program for this
    machine."""
    machine = _MACHINES.get(platform.machine(), platform.machine())
    return _text(plugin, {f"{sys.platform}_{machine}": _entry(program, os.path.basename(program))}, [])


def package(plugin, folder):
    """Writes the file for the package in a folder: FOLDER/os_arch/NAME, where NAME is
    what follows the slash in the plugin's id, are its executables, and every other
    file belongs to it too."""
    executables, files = {}, []
    for parent, folders, names in os.walk(folder, onerror=_raise):
        for name in names + [f for f in folders if os.path.islink(os.path.join(parent, f))]:
            path = os.path.join(parent, name)
            below = os.path.relpath(path, folder).replace(os.sep, "/")
            if below in (NAME, SIGNATURE):
                continue
            if os.path.islink(path) or not os.path.isfile(path):
                raise ValueError(f"{path} is a link or a device; a package holds plain files")
            where, _, what = below.rpartition("/")
            if _PLATFORM.fullmatch(where) and what == plugin.id.split("/")[1]:
                executables[where] = _entry(path, below)
            else:
                files.append(_entry(path, below))
    if not executables:
        raise ValueError(f"{folder} holds no program; it is looked for in {folder}/GOOS_GOARCH/{plugin.id.split('/')[1]}")
    files.sort(key=lambda f: f["path"])
    text = _text(plugin, executables, files)
    with open(os.path.join(folder, NAME), "w", encoding="utf-8") as f:
        f.write(text)


def _raise(e):
    raise e


def _entry(path, name):
    with open(path, "rb") as f:
        data = f.read()
    return {"path": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _text(plugin, executables, files):
    about = plugin.describe()
    out = {"format": FORMAT, "id": about.id, "version": about.version}
    if about.build:
        out["build"] = about.build
    out |= {"protocols": [PROTOCOL], "executables": executables}
    if files:
        out["files"] = files
    out["kernels"] = [_kernel(k) for k in about.kernels]
    sources = [
        {"kernel": k.name, "backend": s.backend, "sha256": hashlib.sha256(s.code.encode()).hexdigest()}
        for k in about.kernels
        for s in k.sources
    ]
    if sources:
        out["sources"] = sources
    return json.dumps(out, indent=2, ensure_ascii=False) + "\n"


def _kernel(k):
    out = json_format.MessageToDict(k)
    for i in out.get("inputs", ()):
        i["dtypes"] = [d.lower() for d in i["dtypes"]]
    if "vmap" in out:
        out["vmap"] = "leading"
    for theirs, s in zip(out.get("samples", ()), k.samples):
        theirs["shapes"] = [list(shape.sizes) for shape in s.shapes]
    return out
