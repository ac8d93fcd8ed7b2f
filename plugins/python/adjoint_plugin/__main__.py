"""python -m adjoint_plugin pack MODULE.py TARGET: makes the program of a plugin."""

import argparse
import sys

from .pack import pack


def main():
    """Does what the arguments say."""
    parser = argparse.ArgumentParser(prog="adjoint_plugin", description="Tools for kernel plugins in Python.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("pack", help="make one executable file of a plugin's module and this kit")
    verb.add_argument("module", help="the plugin's module, a file NAME.py")
    verb.add_argument("target", help="the program to write")
    verb.add_argument("--python", default="", help="the interpreter that runs it; the one that runs now if absent")
    args = parser.parse_args()
    try:
        pack(args.module, args.target, args.python)
    except (OSError, ValueError) as e:
        sys.exit(f"adjoint_plugin: {e}")


main()
