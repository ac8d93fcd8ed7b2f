"""What a plugin does as a program."""

import asyncio
import base64
import os
import runpy
import signal
import socket
import sys
import tempfile
import threading

from . import manifest, secure, stdio
from .errors import DeclarationError
from .server import Server

CORE_VERSION = 1  # of go-plugin's protocol
COOKIE = ("ADJOINT_PLUGIN_COOKIE", "d8f1e4f27c1b4c0e9a35c6d1b7e04f92")
LINK = "ADJOINT_PLUGIN_LINK"
MAX_SOCKET = 100  # bytes of a socket's path


def start(module):
    """Runs a module as the program. What it prints while it is loaded goes to standard
    error."""
    stdio.guard()
    runpy.run_module(module, run_name="__main__")


def main(plugin):
    """Serves when a host started the program; `manifest` prints the plugin.json of a
    package that holds the program alone, and `manifest DIR` writes that of the package
    in a folder. Run by hand, and with an argument that it does not know, it ends the process
    with status 1 and help on standard error."""
    out = stdio.guard()
    args = sys.argv[1:]
    try:
        plugin.validate()
        if args == ["manifest"]:
            out.write(manifest.alone(plugin, os.path.abspath(sys.argv[0])))
        elif args[:1] == ["manifest"] and len(args) == 2:
            manifest.package(plugin, args[1])
        elif args in ([], ["serve"]) and os.environ.get(COOKIE[0]) == COOKIE[1]:
            serve(plugin, out)
        else:
            sys.exit(_help(plugin))
    except (DeclarationError, OSError, ValueError) as e:
        sys.exit(str(e))
    out.flush()


def _help(plugin):
    name = os.path.basename(sys.argv[0])
    lines = [f"{name} is a kernel plugin ({plugin.id} {plugin.version}): a host program starts it, it is not run by hand."]
    lines += ["", "Kernels:"]
    for k in plugin.describe().kernels:
        lines.append(f"  {k.name}" + (f": {k.doc}" if k.doc else ""))
    lines += ["", "Usage:", f"  {name} manifest       print plugin.json for a package that holds this program alone"]
    short = plugin.id.split("/")[1]
    lines += [f"  {name} manifest DIR   write plugin.json for the package in DIR, whose programs are DIR/GOOS_GOARCH/{short}"]
    return "\n".join(lines)


def serve(plugin, out):
    """Serves the host that started this process until it is done."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the host decides
    busy = asyncio.run(_serve(plugin, out))
    sys.stderr.flush()
    if busy:
        os._exit(0)  # a kernel that does not stop must not keep the process


async def _serve(plugin, out):
    server = Server(plugin)
    _follow_host(server.segments)
    parent = os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or tempfile.gettempdir()
    with tempfile.TemporaryDirectory(prefix="p", dir=parent) as folder:
        path, inner = os.path.join(folder, "s"), os.path.join(folder, "i")
        if len(path) > MAX_SOCKET:
            sys.exit(f"the path {path} is too long for a socket")
        client, cert = os.environ.get("PLUGIN_CLIENT_CERT"), ""
        serving = await server.start(inner if client else path)
        if client:
            tls, der = secure.context(client)
            relay = await secure.relay(path, inner, tls)
            cert = base64.b64encode(der).decode().rstrip("=")
        out.write(f"{CORE_VERSION}|{manifest.PROTOCOL}|unix|{path}|grpc|{cert}\n")
        out.flush()
        await server.done.wait()
        await asyncio.sleep(0.01)  # for the answer to the last request
        await serving.stop(None)
        if client:
            relay.close()
    return server.busy


def _follow_host(segments):
    """Takes shared memory from the host, and ends this process, and those it started,
    when the host is gone."""
    text = os.environ.get(LINK, "")
    if not text.isdigit() or int(text) < 3:
        sys.exit(f"{LINK}={text!r} is no file descriptor")
    os.set_inheritable(int(text), False)
    link = socket.socket(fileno=int(text))

    def follow():
        segments.follow(link)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=follow, name="link", daemon=True).start()
