"""Calls to other services: JSON over HTTP, each call a span."""

import http.client
import json
import time
import zlib

from opentelemetry.trace import SpanKind

from common import telemetry
from common.addresses import resolve
from common.errors import HttpError

_duration = telemetry.meter.create_histogram("http.client.request.duration", "ms")
_errors = telemetry.meter.create_counter("http.client.errors")
_SLOW_MS = 1000.0


def call(peer, method, path, body=None, timeout_s=5.0, attempts=1):
    """The JSON that ``peer`` answers, trying up to ``attempts`` times where it fails or is late.

    Raises:
        HttpError: with the peer's status; 503 when it cannot be reached, 504 when it is late.
    """
    for attempt in range(1, attempts + 1):
        try:
            return _observed(peer, method, path, body, timeout_s)
        except HttpError as error:
            if error.status < 500 or attempt == attempts:
                raise
            telemetry.log.warning("call to %s failed, attempt %d of %d: %s", peer, attempt, attempts, error)
    raise AssertionError("attempts must be at least 1")


def _observed(peer, method, path, body, timeout_s):
    name = peer.partition(":")[0]
    started = time.perf_counter()
    with telemetry.span(f"{method} {name}", SpanKind.CLIENT, **{"server.address": name}):
        try:
            return _send(peer, method, path, body, timeout_s)
        except HttpError as error:
            if error.status >= 500:
                _errors.add(1, {"peer": name})
            raise
        finally:
            elapsed_ms = (time.perf_counter() - started) * 1000
            _duration.record(elapsed_ms, {"peer": name})
            if elapsed_ms > _SLOW_MS:
                telemetry.log.warning("slow call: %s %s took %d ms", method, name, elapsed_ms)


def _send(peer, method, path, body, timeout_s):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Accept-Encoding": "deflate", **telemetry.trace_headers()}
    connection = None
    try:
        connection = http.client.HTTPConnection(*resolve(peer), timeout=timeout_s)
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.headers.get("Content-Encoding") == "deflate":
            content = zlib.decompress(content)
    except TimeoutError:
        raise HttpError(504, f"{peer} did not answer within {timeout_s:g} s") from None
    except ConnectionRefusedError:
        raise HttpError(503, f"{peer} refused the connection") from None
    except (OSError, http.client.HTTPException, zlib.error) as error:
        raise HttpError(503, f"{peer} is not reachable: {error}") from None
    finally:
        if connection is not None:
            connection.close()
    return _checked(peer, answer.status, content)


def _checked(peer, status, content):
    try:
        decoded = json.loads(content or b"null")
    except ValueError:
        raise HttpError(502, f"{peer} answered {status} with something other than JSON") from None
    if status == 200:
        return decoded
    reason = decoded.get("error", "") if isinstance(decoded, dict) else ""
    # A peer that turns us away is a fault of the shop's, not of the customer's.
    raise HttpError(503 if status == 429 else status, f"{peer} answered {status}: {reason}")
