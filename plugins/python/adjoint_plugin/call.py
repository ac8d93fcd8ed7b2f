"""The call that a kernel serves at the moment."""

import threading
import time

from .errors import Cancelled


class Call:
    """One call of a kernel: whether the host still wants its result."""

    def __init__(self, timeout_us=0):
        self._ended = threading.Event()
        self._deadline = time.monotonic() + timeout_us / 1e6 if timeout_us else None

    def cancel(self):
        self._ended.set()

    @property
    def cancelled(self):
        return self._ended.is_set() or self._deadline is not None and time.monotonic() > self._deadline


_current = threading.local()


def cancelled():
    """Tells whether the host gave the call up that runs on this thread."""
    call = getattr(_current, "call", None)
    return call is not None and call.cancelled


def check():
    """Raises Cancelled if the host gave the call up that runs on this thread. A
    kernel that takes long calls it now and then."""
    if cancelled():
        raise Cancelled("the host gave the call up")


def within(call, function, *args, **kwargs):
    """Calls function as the work of call."""
    _current.call = call
    try:
        return function(*args, **kwargs)
    finally:
        _current.call = None
