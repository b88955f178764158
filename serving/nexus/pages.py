"""Turning a template into a response: autoescape always on, and a policy under which only our own files run."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from serving.auth import gate
from serving.nexus import words
from serving.services import Services
from serving.sessions import Session

STATIC = Path(__file__).parent / "static"
STATIC_URL = "/nexus/static"
_TEMPLATES = Path(__file__).parent / "templates"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": browsers then send "Origin: null" with our own forms, and we could not know them as ours.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


def render(
    request: Request, template: str, *, status: int = 200, session: Session | None = None, **context: Any
) -> HTMLResponse:
    """A page or a part of one. ``session`` is whose page it is; its forms carry that session's token."""
    page = _environment().get_template(template)
    form_token = gate(request).sessions.form_token(session) if session else ""
    services: Services = request.app.state.services
    stops = services.brake.standing() if session else ()
    body = page.render(session=session, csrf=form_token, stops=stops, **context)
    return HTMLResponse(body, status, HEADERS)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = static
    environment.filters.update(words.FILTERS)
    return environment


@cache
def static(name: str) -> str:
    """The URL of a static file, changing whenever the file does."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"{STATIC_URL}/{name}?v={digest}"
