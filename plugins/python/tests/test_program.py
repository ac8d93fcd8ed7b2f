"""The program: its file, its handshake, its end."""

import asyncio
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

from cryptography import x509

from adjoint_plugin import pack, program, secure
from adjoint_plugin.server import TEXT_LIMIT, clip

MODULE = """
from adjoint_plugin import Plugin
plugin = Plugin("acme/test", "1.0.0")
@plugin.kernel(dtypes="float32", outputs={"y": ("shape(x)", "dtype(x)")})
def k(x):
    return x
plugin.main()
"""


class Programs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.module = os.path.join(self.folder, "test_module.py")
        with open(self.module, "w") as f:
            f.write(MODULE)
        self.path = os.path.join(self.folder, "test")

    def start(self, **environment):
        """Starts the program with nothing in its environment but what a host gives."""
        pack.pack(self.module, self.path)
        host, end = socket.socketpair()
        self.addCleanup(host.close)
        env = {"TMPDIR": self.folder, program.COOKIE[0]: program.COOKIE[1], program.LINK: str(end.fileno())}
        process = subprocess.Popen(
            [self.path], env=env | environment, pass_fds=[end.fileno()], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        end.close()
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, host

    def test_equal_sources_give_equal_bytes(self):
        def packed():
            pack.pack(self.module, self.path)
            with open(self.path, "rb") as f:
                return f.read()

        first = packed()
        self.assertTrue(first.startswith(b"#!" + os.fsencode(sys.executable) + b" -I\n"))
        self.assertEqual(first, packed())
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o755)

    def test_what_cannot_be_packed(self):
        for source, python, reason in (
            ("x.txt", "", "it must be a file NAME.py"),
            ("a-b.py", "", "it must be a file NAME.py"),
            ("adjoint_plugin.py", "", "it must be a file NAME.py"),
            (self.module, "/a b/python", "has a space"),
            (self.module, "/" + "a" * 200, "is longer than"),
        ):
            with self.assertRaisesRegex(ValueError, reason):
                pack.pack(source, self.path, python)
        with self.assertRaises(FileNotFoundError):
            pack.pack(os.path.join(self.folder, "none.py"), self.path)

    def test_handshake_without_tls(self):
        process, _ = self.start()
        line = process.stdout.readline().decode().strip().split("|")
        self.assertEqual((line[:3], line[4:]), (["1", "1", "unix"], ["grpc", ""]))
        self.assertTrue(os.path.exists(line[3]))
        self.assertIsNone(process.poll())

    def test_it_ends_when_the_host_is_gone(self):
        process, host = self.start()
        process.stdout.readline()
        began = time.monotonic()
        host.close()
        process.wait(5)
        self.assertLess(time.monotonic() - began, 1)

    def test_a_link_that_is_none(self):
        process, _ = self.start(**{program.LINK: "two"})
        self.assertEqual(process.wait(30), 1)
        self.assertIn(b"'two' is no file descriptor", process.stderr.read())

    def test_texts_are_cut_between_letters(self):
        text = clip("ä" * TEXT_LIMIT)
        self.assertEqual(text, "ä" * ((TEXT_LIMIT - 3) // 2) + "...")
        self.assertEqual(clip("\ud800"), "?")


class MutualTLS(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path, inner = os.path.join(self.folder, "s"), os.path.join(self.folder, "i")

        async def echo(reader, writer):
            writer.write(await reader.read(1 << 20))
            writer.close()

        self.addAsyncCleanup(self.closed, await asyncio.start_unix_server(echo, inner))
        self.pem, self.key, _ = secure.certificate()
        tls, self.server = secure.context(self.pem.decode())
        self.addAsyncCleanup(self.closed, await secure.relay(self.path, inner, tls))

    async def closed(self, server):
        server.close()
        await server.wait_closed()

    async def ask(self, pem, key, server):
        tls = ssl.create_default_context(cadata=server)
        if pem:
            path = os.path.join(self.folder, "client.pem")
            with open(path, "wb") as f:
                f.write(key + pem)
            tls.load_cert_chain(path)
        reader, writer = await asyncio.open_unix_connection(self.path, ssl=tls, server_hostname="localhost")
        try:
            writer.write(b"hello" * 1000)
            await writer.drain()
            return await reader.read()
        finally:
            writer.close()

    async def test_the_host_is_admitted(self):
        self.assertEqual(await self.ask(self.pem, self.key, self.server), b"hello" * 1000)
        cert = x509.load_der_x509_certificate(self.server)
        self.assertEqual(cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value[0].value, "localhost")
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)

    async def test_others_are_not(self):
        logged = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: logged.append(what))
        pem, key, other = secure.certificate()
        for client in ((None, None), (pem, key)):
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                if await self.ask(*client, self.server) == b"":
                    raise ConnectionError("closed without an answer")
        with self.assertRaises(ssl.SSLCertVerificationError):
            await self.ask(self.pem, self.key, other)
