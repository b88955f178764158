"""A small JSON-over-HTTP server: routes, a fixed number of workers, every request a span."""

import json
import re
import signal
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

from opentelemetry.trace import SpanKind

from common import environment, telemetry
from common.errors import HttpError
from common.settings import settings

_READ_TIMEOUT_S = 30.0
# Answers larger than this are compressed for callers that understand it.
_LARGE_BYTES = 2048
_STACK_BYTES = 512 * 1024

_duration = telemetry.meter.create_histogram("http.server.request.duration", "ms")
_requests = telemetry.meter.create_counter("http.server.requests")
_errors = telemetry.meter.create_counter("http.server.errors")
_rejected = telemetry.meter.create_counter("http.server.rejected")
_active = telemetry.Peak("http_server_active_requests")
_connections = telemetry.Peak("http_server_open_connections")
_routes = []


def route(method, path):
    """Register a handler: it gets path values, ``query`` and ``body`` and returns what to send as JSON."""
    pattern = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path) + "$")

    def register(handler):
        _routes.append((method, pattern, f"{method} {path}", handler))
        return handler

    return register


def handle(method, target, body, headers, accepted_ns):
    """Answer one request: the status, the headers and the content to send."""
    url = urlsplit(target)
    for verb, pattern, operation, handler in _routes:
        match = pattern.match(url.path)
        if verb == method and match:
            query = {key: values[-1] for key, values in parse_qs(url.query).items()}
            return _observed(operation, handler, {**match.groupdict(), "query": query, "body": body}, headers, accepted_ns)
    return 404, *encoded({"error": f"no route for {method} {url.path}"}, headers)


def encoded(answer, headers):
    """The headers and the content of an answer."""
    content = json.dumps(answer).encode()
    if len(content) <= _LARGE_BYTES or "deflate" not in headers.get("accept-encoding", ""):
        return {}, content
    packer = zlib.compressobj(memLevel=zlib.DEF_MEM_LEVEL + 1)
    return {"Content-Encoding": "deflate"}, packer.compress(content) + packer.flush()


def _observed(operation, handler, values, headers, accepted_ns):
    _active.add(+1)
    with telemetry.span(operation, SpanKind.SERVER, headers, accepted_ns) as span:
        try:
            _limit.check()
            status, answer = 200, encoded(handler(**values), headers)
        except HttpError as error:
            status, reason = error.status, str(error)
        except Exception as error:
            telemetry.log.exception("%s failed: %s: %s", operation, type(error).__name__, error)
            status, reason = 500, f"internal error: {type(error).__name__}"
        if status != 200:
            answer = encoded({"error": reason}, headers)
        if status >= 500:
            telemetry.fail(span, reason)
            _errors.add(1)
    _active.add(-1)
    _requests.add(1)
    _duration.record((time.time_ns() - accepted_ns) / 1e6)
    return status, *answer


class _Limit:
    """At most ``max_requests_per_second``, counted second by second."""

    def __init__(self):
        self._lock = threading.Lock()
        self._second, self._count = 0, 0

    def check(self):
        second, most = int(time.time()), settings["max_requests_per_second"]
        with self._lock:
            if second != self._second:
                self._second, self._count = second, 0
            self._count += 1
            over = self._count > most
        if over:
            _rejected.add(1)
            telemetry.log.warning("request rejected: more than %s requests a second", most)
            raise HttpError(429, f"more than {most} requests a second")


_limit = _Limit()


class _Server(HTTPServer):
    """Each connection is one request, handled by one of ``workers`` threads; others wait their turn."""

    request_queue_size = 512

    def __init__(self, workers):
        super().__init__(("127.0.0.1", environment.PORT), _Handler)
        threading.stack_size(_STACK_BYTES)
        self._workers = ThreadPoolExecutor(workers, "worker")
        telemetry.gauge("http_server_queue_depth", self._workers._work_queue.qsize)

    def process_request(self, request, client_address):
        _connections.add(+1)
        self._workers.submit(self._work, request, client_address, time.time_ns())

    def _work(self, request, client_address, accepted_ns):
        try:
            _Handler(request, client_address, self, accepted_ns)
        except OSError as error:
            telemetry.log.warning("connection dropped: %s", error)
        except Exception as error:
            telemetry.log.exception("request dropped: %s: %s", type(error).__name__, error)
            _requests.add(1)
            _errors.add(1)
        finally:
            self.shutdown_request(request)
            _connections.add(-1)

    def server_close(self):
        super().server_close()
        self._workers.shutdown()


class _Handler(BaseHTTPRequestHandler):
    timeout = _READ_TIMEOUT_S
    # One packet an answer: without these two, small answers can wait 40 ms for an acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def __init__(self, request, client_address, server, accepted_ns):
        self._accepted_ns = accepted_ns
        super().__init__(request, client_address, server)

    def _answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, more, content = handle(self.command, self.path, body, headers, self._accepted_ns)
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(content), **more}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_):
        pass


def serve():
    """Listen until asked to stop; requests under way are finished first."""
    server = _Server(settings["workers"])
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    telemetry.log.info("%s is listening", environment.SERVICE)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    telemetry.log.info("%s stopped", environment.SERVICE)
    telemetry.stop()
