"""Who may ask, and how much: in front of every endpoint of the scoring service but its health."""

from __future__ import annotations

import ipaddress
import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any

from data.settings import Settings

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = frozenset({"/livez", "/readyz", "/healthz"})
NO_TOKEN = "no token is configured, so only this machine may ask: set QAI_SCORING_TOKEN"
WRONG_TOKEN = "send the token as Authorization: Bearer TOKEN"


class Guard:
    """ASGI middleware. With a token, whoever does not send it is refused; without one, all but this machine are.

    Requests larger than ``scoring_limit_bytes`` are refused before they are read.
    """

    def __init__(self, app: App, *, settings: Callable[[], Settings]) -> None:
        read = settings()
        self._app, self._most = app, read.scoring_limit_bytes
        self._token = read.scoring_token.get_secret_value() if read.scoring_token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN:
            return await self._app(scope, receive, send)
        headers = dict(scope["headers"])
        refusal = self._refused(scope, headers) or self._too_large(headers)
        if refusal is not None:
            return await _answer(send, *refusal)
        await self._app(scope, receive, send)

    def _refused(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        if self._token is None:
            proxied = b"x-forwarded-for" in headers or b"forwarded" in headers
            return (403, NO_TOKEN) if proxied or not _is_loopback(scope.get("client")) else None
        given = headers.get(b"authorization", b"")
        right = secrets.compare_digest(given, b"Bearer " + self._token.encode())
        return None if right else (401, WRONG_TOKEN)

    def _too_large(self, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        length = headers.get(b"content-length")
        if length is None:
            # Every client library sends it; without it a body could grow for ever.
            return (411, "send a Content-Length") if b"transfer-encoding" in headers else None
        if int(length) > self._most:
            return 413, f"the request is larger than {self._most} bytes"
        return None


def _is_loopback(client: Any) -> bool:
    return bool(client) and _is_this_machine(str(client[0]))


@lru_cache(maxsize=1024)
def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _answer(send: Send, status: int, error: str) -> None:
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
