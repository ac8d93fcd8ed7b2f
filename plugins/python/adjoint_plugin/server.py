"""The answers to the host's requests."""

import asyncio
import os
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from . import kernel_pb2 as pb
from .call import Call, within
from .errors import Cancelled, Refused
from .segment import Segments
from .tensor import INLINE_LIMIT, from_wire, type_from_wire, type_to_wire

SERVICE = "adjoint.kernelpb.v1.Kernels"
MESSAGE_LIMIT = 8 << 20  # bytes, on both sides
TEXT_LIMIT = 4 << 10  # bytes of an error's text
WORKERS = 32  # kernels that run at the same time

_HERE = os.path.dirname(__file__)


class Server:
    """Serves one plugin. Kernels run on threads of their own, so that requests to
    cancel and to shut down are answered while they compute."""

    def __init__(self, plugin):
        self.about = plugin.describe()
        self.kernels = plugin.kernels
        self.segments = Segments()
        self.done = asyncio.Event()
        self._calls = {}
        self._pool = ThreadPoolExecutor(WORKERS, "kernel")
        self._running = 0
        self._lock = threading.Lock()

    @property
    def busy(self):
        """Tells whether a kernel is still running."""
        return self._running > 0

    async def start(self, address):
        """Starts to listen on a unix socket."""
        limits = [("grpc.max_receive_message_length", MESSAGE_LIMIT), ("grpc.max_send_message_length", MESSAGE_LIMIT)]
        server = grpc.aio.server(options=limits)
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                method, request_deserializer=request.FromString, response_serializer=lambda reply: reply.SerializeToString()
            )
            for name, method, request in (
                ("Describe", self._describe, pb.DescribeRequest),
                ("InferShape", self._infer_shape, pb.InferShapeRequest),
                ("AttachSegment", self._attach, pb.AttachSegmentRequest),
                ("DetachSegment", self._detach, pb.DetachSegmentRequest),
                ("Run", self._run, pb.RunRequest),
                ("Cancel", self._cancel, pb.CancelRequest),
            )
        }
        # Of go-plugin's own services only the one that ends a plugin is needed.
        # Its messages are empty.
        shutdown = grpc.unary_unary_rpc_method_handler(self._shutdown)
        server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(SERVICE, handlers),
                grpc.method_handlers_generic_handler("plugin.GRPCController", {"Shutdown": shutdown}),
            )
        )
        state = health.aio.HealthServicer()
        await state.set("plugin", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(state, server)
        server.add_insecure_port("unix:" + address)
        await server.start()
        return server

    async def _describe(self, request, _):
        return self.about

    async def _infer_shape(self, request, _):
        def infer():
            k = self._kernel(request.kernel)
            types = [type_from_wire(t) for t in request.inputs]
            k.check_inputs(types)
            return k.types(types, k.values(request.attrs))

        out, error = await self._work(infer)
        return pb.InferShapeResponse(outputs=[type_to_wire(t) for t in out or ()], error=error)

    async def _attach(self, request, _):
        def attach():
            self.segments.attach(request.segment, request.size, request.writable)

        return pb.AttachSegmentResponse(error=(await self._work(attach))[1])

    async def _detach(self, request, _):
        self.segments.detach(request.segment)
        return pb.DetachSegmentResponse()

    async def _run(self, request, _):
        call = self._calls[request.call] = Call(request.timeout_us)
        try:
            out, error = await self._work(within, call, self._compute, request)
            if call.cancelled:
                out, error = None, pb.Error(code=pb.CANCELLED, message="the call was cancelled or ran out of time")
        finally:
            del self._calls[request.call]
        return pb.RunResponse(outputs=out, error=error)

    def _compute(self, request):
        k = self._kernel(request.kernel)
        attrs = k.values(request.attrs)
        inputs = from_wire(request.inputs, self.segments)
        outputs = from_wire(request.outputs, self.segments, outputs=True)
        k.check_inputs([t for t, _ in inputs])
        results = k.call([a for _, a in inputs], attrs, [t for t, _ in outputs])
        reply = []
        for wire, (t, memory), result in zip(request.outputs, outputs, results):
            w = pb.Tensor(type=wire.type)
            if memory is None:
                if t.nbytes > INLINE_LIMIT:
                    raise Refused(f"{t} does not fit into a message; it needs a region")
                w.inline = result.tobytes()
            else:
                memory[...] = result
                w.region.CopyFrom(wire.region)
            reply.append(w)
        return reply

    async def _cancel(self, request, _):
        call = self._calls.get(request.call)
        if call is not None:
            call.cancel()
        return pb.CancelResponse()

    async def _shutdown(self, request, _):
        self.done.set()
        return b""

    def _kernel(self, name):
        k = self.kernels.get(name)
        if k is None:
            raise Refused(f"plugin {self.about.id} has no kernel {name!r}")
        return k

    async def _work(self, function, *args):
        """Returns the result of function, which runs on a thread, or its error."""

        def work():
            with self._lock:
                self._running += 1
            try:
                return function(*args), None
            except BaseException as e:  # also sys.exit, which ends no more than the call
                return None, to_error(e)
            finally:
                with self._lock:
                    self._running -= 1

        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def to_error(e):
    """Describes an exception in a line with its place, followed by the traceback."""
    if isinstance(e, Refused):
        return pb.Error(code=pb.REFUSED, message=clip(str(e)))
    if isinstance(e, Cancelled):
        return pb.Error(code=pb.CANCELLED, message=clip(str(e)))
    theirs = [f for f in traceback.extract_tb(e.__traceback__) if os.path.dirname(f.filename) != _HERE]
    first = f"{type(e).__name__}: {e}".rstrip(": ").replace("\n", " ")
    if theirs:
        # The innermost line in the file where the kernel is, rather than in numpy.
        frame = [f for f in theirs if f.filename == theirs[0].filename][-1]
        first += f" ({os.path.basename(frame.filename)}:{frame.lineno})"
    text = first + "\n" + "".join(traceback.format_list(theirs))
    return pb.Error(code=pb.FAILED, message=clip(text.rstrip()))


def clip(text):
    """Cuts a text to what an error may have."""
    data = text.encode("utf-8", "replace")
    if len(data) <= TEXT_LIMIT:
        return data.decode()
    return data[: TEXT_LIMIT - 3].decode("utf-8", "ignore") + "..."
