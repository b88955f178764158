"""Where monitors post their alerts: refuse what is not theirs, keep what is, answer, then hand it on.

An alert is in the database before 202 is said. Senders try again on 5xx only (Datadog and Alertmanager both), so
whatever may pass (overload, a locked database) is 503 with ``Retry-After``, and what will not is a 4xx.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, Field
from sqlalchemy import exc
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from data.domain import Alert, now
from data.errors import InputError
from data.parse import parse_time
from data.settings import Settings
from data.store import Store
from pipelines import intake
from serving.api import Problem
from serving.services import Services
from serving.signatures import is_recent, relay_matches, token_matches
from serving.webhook_schema import ALERTMANAGER, DATADOG, RELAY_HEADERS

log = logging.getLogger(__name__)

RETRY_AFTER_S = 15
# What a later try may get past: locked or lost database, no free connection, the same alert inserted at once.
_PASSING = (exc.OperationalError, exc.InterfaceError, exc.IntegrityError, exc.TimeoutError)

TOKEN_HEADERS = ("X-QAI-Token", "X-AISRE-Token")
Normalise = Callable[[Any], Sequence[Alert]]


class AlertReceipt(BaseModel):
    """One alert that is now stored; ``duplicate`` when it was stored before."""

    key: str
    duplicate: bool


class Accepted(BaseModel):
    accepted: int = Field(ge=1, description="How many alerts the payload held; every one of them is stored.")
    alerts: list[AlertReceipt]


_SCHEMES = [
    Security(APIKeyHeader(name=header, auto_error=False, scheme_name=header, description=description))
    for header, description in (
        (TOKEN_HEADERS[0], "The shared secret, QAI_WEBHOOK_SECRET."),
        (TOKEN_HEADERS[1], "The same, under an older name."),
        ("X-QAI-Signature", "For relays: v1= and the HMAC-SHA256 of timestamp.body, beside the other X-QAI headers."),
    )
]
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is not JSON"},
    401: {"model": Problem, "description": "Secret or signature missing, wrong, late or used before"},
    413: {"model": Problem, "description": "The body is larger than QAI_WEBHOOK_BODY_LIMIT_BYTES"},
    422: {"model": Problem, "description": "A field cannot be understood; the detail begins with its name"},
    503: {
        "model": Problem,
        "description": "Overloaded, or the database cannot be reached; try again",
        "headers": {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}},
    },
}

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"], dependencies=_SCHEMES)


@router.post(
    "/datadog", status_code=202, response_model=Accepted, responses=_ERRORS, openapi_extra={**DATADOG, **RELAY_HEADERS}
)
async def receive_datadog(request: Request) -> JSONResponse:
    """Take in a notification from Datadog's webhooks integration."""
    return await _receive(request, lambda payload: [intake.datadog(payload)])


@router.post(
    "/alertmanager",
    status_code=202,
    response_model=Accepted,
    responses=_ERRORS,
    openapi_extra={**ALERTMANAGER, **RELAY_HEADERS},
)
async def receive_alertmanager(request: Request) -> JSONResponse:
    """Take in a notification from Prometheus Alertmanager, or from what speaks its format."""
    return await _receive(request, intake.alertmanager)


async def _receive(request: Request, normalise: Normalise) -> JSONResponse:
    services: Services = request.app.state.services
    try:
        await run_in_threadpool(_refuse_overload, services)
        body = await _read(request, services.settings.webhook_body_limit_bytes)
        accepted = await run_in_threadpool(_take_in, services, request.headers, body, normalise)
    except _PASSING as error:
        log.warning("alert not stored, sender asked to try again: %s", error)
        raise _busy("The database cannot be reached; try again") from error
    new = [alert.key for alert in accepted.alerts if not alert.duplicate]
    return JSONResponse(accepted.model_dump(), 202, background=BackgroundTask(_hand_over, services, new))


def _refuse_overload(services: Services) -> None:
    if services.store.backlog() >= services.settings.webhook_backlog_limit:
        log.warning(
            "alert refused: %d wait already (QAI_WEBHOOK_BACKLOG_LIMIT)", services.settings.webhook_backlog_limit
        )
        raise _busy("Too many alerts wait to be taken in; try again")


async def _read(request: Request, limit: int) -> bytes:
    """The body, never holding more than ``limit`` of it, whatever its announced length."""
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and len(announced) < 20 and int(announced) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async for chunk in request.stream():
            if len(body) + len(chunk) > limit:
                raise _too_large(limit)
            body += chunk
    except ClientDisconnect as error:
        raise HTTPException(400, "The body ended early") from error
    return bytes(body)


def _take_in(services: Services, headers: Headers, body: bytes, normalise: Normalise) -> Accepted:
    _authenticate(services.settings, services.store, headers, body)
    try:
        alerts = normalise(_parse(body))
    except InputError as error:
        raise HTTPException(422, str(error)) from error
    kept = body.decode("utf-8", "replace").replace("\x00", "\ufffd")  # PostgreSQL stores no NUL in text
    receipts = services.store.receive([(alert, kept) for alert in alerts])
    stored = [AlertReceipt(key=receipt.key, duplicate=not receipt.is_new) for receipt in receipts]
    return Accepted(accepted=len(stored), alerts=stored)


def _authenticate(settings: Settings, store: Store, headers: Headers, body: bytes) -> None:
    """Refuse what carries neither a signature nor the secret. A signature that is there has to be right."""
    signature = headers.get("x-qai-signature")
    if signature is None:
        _check_token(settings, headers)
    else:
        _check_relay(settings, store, headers, signature, body)


def _check_token(settings: Settings, headers: Headers) -> None:
    configured = (settings.webhook_secret, settings.webhook_secret_previous)
    secrets = [secret.get_secret_value() for secret in configured if secret is not None]
    if not secrets:
        raise _refused("no shared secret is configured: set QAI_WEBHOOK_SECRET (or QAI_RELAY_KEYS, for relays)")
    presented = [value.encode("latin-1") for header in TOKEN_HEADERS for value in headers.getlist(header)]
    matches = [token_matches(value, secrets) for value in presented]
    if not any(matches):
        raise _refused(f"wrong secret in {' or '.join(TOKEN_HEADERS)}" if presented else "no secret and no signature")


def _check_relay(settings: Settings, store: Store, headers: Headers, signature: str, body: bytes) -> None:
    keys = {key_id: secret.get_secret_value() for key_id, secret in settings.relay_keys.items()}
    if not keys:
        raise _refused("signed, but no relay key is configured: set QAI_RELAY_KEYS")
    key_id, timestamp = headers.get("x-qai-key-id", ""), headers.get("x-qai-timestamp", "")
    if not relay_matches(key_id, timestamp.encode("latin-1"), body, signature.encode("latin-1"), keys):
        raise _refused(f"wrong signature, or unknown key id {key_id[:80]!r}")
    window = timedelta(seconds=settings.webhook_window_s)
    if not is_recent(timestamp, now(), window):
        raise _refused(
            f"timestamp {timestamp[:80]!r} is more than {settings.webhook_window_s:g} s off; check the clocks"
        )
    # The signature is spent whatever the nonce says: the nonce is not signed, so a replay could change it.
    expires_at = parse_time(timestamp, field="timestamp") + 2 * window
    for once in (signature, headers.get("x-qai-nonce")):
        if once is not None and not store.use_nonce(
            key_id, hashlib.sha256(once.encode("latin-1")).hexdigest(), expires_at
        ):
            raise _refused(f"replayed, under key id {key_id[:80]!r}; relays sign every attempt anew")


def _parse(body: bytes) -> Any:
    """The JSON in ``body``: UTF-8, with or without byte order mark. A raw line break inside a text is let pass."""
    try:
        return json.loads(body.decode("utf-8-sig"), strict=False, parse_constant=_no_constant)
    except RecursionError as error:
        raise HTTPException(400, "The body is nested too deeply") from error
    except ValueError as error:
        advice = "send JSON in UTF-8 (in Datadog, leave 'Encode as form' off)"
        raise HTTPException(400, f"The body is not JSON: {str(error)[:200]}; {advice}") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _hand_over(services: Services, keys: Sequence[str]) -> None:
    for key in keys:
        try:
            services.responder.handle(key)
        except Exception:
            # The alert is stored as unhandled, and the worker sweeps those: late, but not lost.
            log.exception("alert %s is stored but was not handed on; the worker will find it", key)


def _refused(reason: str) -> HTTPException:
    """401. The reason is for the operator, in the log; a stranger learns only that it was refused."""
    log.warning("webhook refused: %s", reason)
    return HTTPException(401, "Refused: secret or signature missing or wrong", _CHALLENGE)


_CHALLENGE: Mapping[str, str] = {"WWW-Authenticate": f'APIKey header="{TOKEN_HEADERS[0]}"'}


def _too_large(limit: int) -> HTTPException:
    return HTTPException(413, f"The body is larger than {limit} bytes", {"Connection": "close"})


def _busy(detail: str) -> HTTPException:
    return HTTPException(503, detail, {"Retry-After": str(RETRY_AFTER_S)})
