"""Standard output belongs to the handshake."""

import os
import sys

_kept = None


def guard():
    """Returns a file on the real standard output, and leads everything else that is
    printed, by C code and child processes too, to standard error."""
    global _kept
    if _kept is None:
        _kept = os.fdopen(os.dup(1), "w", encoding="utf-8")
        sys.stdout.flush()
        os.dup2(2, 1)
        sys.stdout = sys.stderr
    return _kept
