"""Memory that the host shares with the plugin."""

import mmap
import os
import socket
import struct
import threading

import numpy as np

from .errors import Refused

ALIGNMENT = 64  # bytes, of a region's offset
_HEAD = struct.Struct("<Q")
_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)  # macOS has none


class Segments:
    """The segments that the host has given this process.

    Their descriptors come over the link, a unix stream socket: a number of 8 bytes
    with one descriptor each. They may come before or after the request to attach.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._arrived = {}
        self._mapped = {}
        self._lost = False

    def follow(self, link):
        """Takes descriptors from the link until the host is gone."""
        try:
            while self._receive(link):
                pass
        except OSError:
            pass
        with self._changed:
            self._lost = True
            self._changed.notify_all()

    def _receive(self, link):
        head, fds, _, _ = socket.recv_fds(link, _HEAD.size, 4, _CLOSE_ON_EXEC)
        while head and len(head) < _HEAD.size:
            rest = link.recv(_HEAD.size - len(head))
            if not rest:
                head = b""
            head += rest
        if not head or len(fds) != 1:
            _close(fds)
            return False
        (number,) = _HEAD.unpack(head)
        with self._changed:
            if number in self._arrived:
                _close(fds)
            else:
                self._arrived[number] = fds[0]
            self._changed.notify_all()
        return True

    def attach(self, number, size, writable, timeout=10.0):
        """Maps a segment, waiting for its descriptor for timeout seconds at most."""
        if number == 0 or size == 0 or size > 1 << 40:
            raise Refused(f"segment {number} of {size} bytes")
        with self._changed:
            self._changed.wait_for(lambda: number in self._arrived or self._lost, timeout)
            fd = self._arrived.pop(number, None)
            taken = number in self._mapped
        if fd is None:
            raise Refused(f"segment {number}: its descriptor did not come")
        try:
            have = os.fstat(fd).st_size
            if taken:
                raise Refused(f"segment {number} is attached already")
            if have < size:
                raise Refused(f"segment {number}: {have} bytes where {size} were announced")
            access = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
            memory = mmap.mmap(fd, size, flags=mmap.MAP_SHARED, prot=access)
        except (OSError, ValueError) as e:
            raise Refused(f"segment {number}: {e}") from None
        finally:
            os.close(fd)
        with self._changed:
            self._mapped[number] = (memory, size, writable)

    def detach(self, number):
        """Forgets a segment. Its memory stays as long as an array refers to it."""
        with self._changed:
            self._mapped.pop(number, None)

    def array(self, t, number, offset, write):
        """Returns the elements of a tensor of type t in a segment."""
        with self._changed:
            found = self._mapped.get(number)
        if found is None:
            raise Refused(f"there is no segment {number}")
        memory, size, writable = found
        if offset % ALIGNMENT:
            raise Refused(f"the offset {offset} is no multiple of {ALIGNMENT}")
        if offset + t.nbytes > size:
            raise Refused(f"{t.nbytes} bytes at {offset} are past the end of segment {number}, which has {size}")
        if write and not writable:
            raise Refused(f"segment {number} is for inputs only")
        if t.size == 0:
            return np.empty(t.shape, t.numpy)
        out = np.frombuffer(memory, t.numpy, t.size, offset).reshape(t.shape)
        out.flags.writeable = write
        return out


def _close(fds):
    for fd in fds:
        os.close(fd)
