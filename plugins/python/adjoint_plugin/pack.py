"""Makes one executable file of a plugin's module and this kit."""

import os
import re
import sys
import zipfile

MAX_SHEBANG = 127  # bytes that every system reads of a program's first line
_MOMENT = (1980, 1, 1, 0, 0, 0)  # equal sources give equal bytes
_MAIN = "from adjoint_plugin.program import start\n\nstart({module!r})\n"


def pack(source, target, python=""):
    """Writes the program target: the module in the file source, with this kit. It is
    run by the interpreter python, the one that runs now if empty, which must have
    what requirements.txt lists and what the module imports."""
    python = os.path.abspath(python or sys.executable)
    module, ext = os.path.splitext(os.path.basename(source))
    if ext != ".py" or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", module) or module == "adjoint_plugin":
        raise ValueError(f"{source}: it must be a file NAME.py")
    # Isolated: neither the environment nor the user's folder says what is imported.
    line = f"#!{python} -I\n".encode()
    if len(line) > MAX_SHEBANG or b" " in os.fsencode(python):
        raise ValueError(f"the path {python} has a space or is longer than {MAX_SHEBANG - 6} bytes; make the environment elsewhere")
    kit = os.path.dirname(__file__)
    files = {"__main__.py": _MAIN.format(module=module).encode(), module + ".py": _read(source)}
    for name in sorted(os.listdir(kit)):
        if name.endswith(".py"):
            files["adjoint_plugin/" + name] = _read(os.path.join(kit, name))
    part = target + ".part"
    with open(part, "wb") as f:
        f.write(line)
        with zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED) as z:
            for name, data in files.items():
                z.writestr(zipfile.ZipInfo(name, _MOMENT), data, zipfile.ZIP_DEFLATED)
    os.chmod(part, 0o755)
    os.replace(part, target)


def _read(path):
    with open(path, "rb") as f:
        return f.read()
