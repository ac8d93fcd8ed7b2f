"""Shared memory."""

import os
import socket
import struct
import tempfile
import threading
import unittest

import numpy as np

from adjoint_plugin import Refused, Type, kernel_pb2 as pb
from adjoint_plugin.segment import Segments
from adjoint_plugin.tensor import from_wire

SIZE = 8192


class SharedMemory(unittest.TestCase):
    def setUp(self):
        self.host, end = socket.socketpair()
        self.segments = Segments()
        self.thread = threading.Thread(target=self.segments.follow, args=[end])
        self.thread.start()
        self.addCleanup(end.close)
        self.addCleanup(self.thread.join)
        self.addCleanup(self.host.close)

    def send(self, number, split=False):
        f = tempfile.TemporaryFile()
        self.addCleanup(f.close)
        f.truncate(SIZE)
        head = struct.pack("<Q", number)
        socket.send_fds(self.host, [head[:3] if split else head], [f.fileno()])
        if split:
            self.host.sendall(head[3:])
        return f

    def refuses(self, reason, f, *args):
        with self.assertRaisesRegex(Refused, reason):
            f(*args)

    def test_reading_and_writing(self):
        t = Type("float32", [2, 3])
        for writable in (False, True):
            number = 1 + writable
            f = self.send(number, split=writable)
            os.pwrite(f.fileno(), np.arange(6, dtype=np.float32).tobytes(), 128)
            self.segments.attach(number, SIZE, writable)
            x = self.segments.array(t, number, 128, writable)
            np.testing.assert_array_equal(x, [[0, 1, 2], [3, 4, 5]])
            self.assertEqual(x.flags.writeable, writable)
        x[1, 2] = 7
        self.assertEqual(os.pread(f.fileno(), 4, 128 + 20), np.float32(7).tobytes())
        self.segments.detach(2)
        self.segments.detach(2)
        x[0, 0] = 1  # the memory is there as long as somebody uses it
        self.refuses("there is no segment 2", self.segments.array, t, 2, 0, False)

    def test_places(self):
        self.send(1)
        self.segments.attach(1, SIZE, False)
        t = Type("float32", [2])
        self.refuses("there is no segment 9", self.segments.array, t, 9, 0, False)
        self.refuses("past the end of segment 1", self.segments.array, t, 1, SIZE, False)
        self.refuses("past the end of segment 1", self.segments.array, t, 1, 1 << 63, False)
        self.refuses("no multiple of 64", self.segments.array, t, 1, 4, False)
        self.refuses("for inputs only", self.segments.array, t, 1, 0, True)
        self.assertEqual(self.segments.array(Type("int8", [0, 2]), 1, SIZE, False).shape, (0, 2))

    def test_attaching(self):
        self.refuses("segment 0 of 10 bytes", self.segments.attach, 0, 10, False)
        self.refuses("segment 1 of 0 bytes", self.segments.attach, 1, 0, False)
        self.refuses("its descriptor did not come", self.segments.attach, 1, 10, False, 0.01)
        self.send(2)
        self.refuses("8192 bytes where 8193 were", self.segments.attach, 2, SIZE + 1, False)
        self.send(3)
        self.segments.attach(3, SIZE, False)
        self.send(3)
        self.refuses("attached already", self.segments.attach, 3, SIZE, False)
        self.host.close()
        self.refuses("its descriptor did not come", self.segments.attach, 4, 10, False, 10)

    def test_a_message_without_a_descriptor_ends_the_link(self):
        self.host.sendall(bytes(8))
        self.thread.join(5)
        self.assertFalse(self.thread.is_alive())

    def test_tensors_that_are_refused(self):
        def tensor(**data):
            return pb.Tensor(type=pb.TensorType(dtype=pb.FLOAT32, shape=[2]), **data)

        for reason, wire in {
            "tensor 0: float32.2. needs 8 bytes, has 7": tensor(inline=bytes(7)),
            "neither inline nor in a region": tensor(),
            "needs 8 bytes, its region has 4": tensor(region=pb.Region(segment=1, length=4)),
            "dtype number 99 is not known": pb.Tensor(type=pb.TensorType(dtype=99)),
            "dtype number 0 is not known": pb.Tensor(),
            "has a negative size": pb.Tensor(type=pb.TensorType(dtype=1, shape=[-1])),
            "above the limit of 1024 MiB": pb.Tensor(type=pb.TensorType(dtype=1, shape=[1 << 40, 1 << 40])),
            "a tensor of 33 axes": pb.Tensor(type=pb.TensorType(dtype=1, shape=[1] * 33)),
        }.items():
            self.refuses(reason, from_wire, [wire], self.segments)
        big = pb.Tensor(type=pb.TensorType(dtype=pb.UINT8, shape=[1 << 30]))
        self.refuses("tensor 1: the tensors are above the limit", from_wire, [big, big], self.segments, True)
