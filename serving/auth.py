"""Who is asking, and may they decide: one-time login links, session cookies, and a bearer token for scripts.

Login is always on. ``qai-sre login`` prints a link; opening it shows a button, and only pressing the button spends
the link, so that a chat client's preview cannot. What writes must come from our own pages: beside the cookie's
``SameSite`` it is checked where the browser says a request came from, and each form carries its session's token.
"""

from __future__ import annotations

import hmac
import time
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.concurrency import run_in_threadpool

from data import audit
from data.settings import Settings
from serving.services import Services
from serving.sessions import LINK_LIFETIME, Session, Sessions

COOKIE = "qai_session"
LINK_NAME = "local-admin"

FAILURES_ALLOWED = 10
FAILURES_WINDOW_S = 60.0
_ADDRESSES_REMEMBERED = 10_000

router = APIRouter(include_in_schema=False)

# Declared so that the OpenAPI description names both ways in; the checks themselves are ours, below.
_bearer = HTTPBearer(auto_error=False, description="The token in QAI_API_TOKEN.")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="A Nexus session.")


@dataclass(frozen=True)
class Actor:
    """Who a request acts for; ``session`` is None for the API token."""

    name: str
    session: Session | None = None


class Failures:
    """Failed sign-ins by address, within the last minute. Kept in memory: each process counts its own."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}

    def too_many(self, address: str) -> bool:
        times = self._times.get(address, deque())
        while times and times[0] < time.monotonic() - FAILURES_WINDOW_S:
            times.popleft()
        return len(times) >= FAILURES_ALLOWED

    def add(self, address: str) -> None:
        if len(self._times) >= _ADDRESSES_REMEMBERED:
            self._times.pop(next(iter(self._times)))
        self._times.setdefault(address, deque(maxlen=FAILURES_ALLOWED)).append(time.monotonic())


class Gate:
    """What the checks of one application need; made from its settings when first asked for."""

    def __init__(self, settings: Settings) -> None:
        self.sessions = _sessions(settings)
        self.failures = Failures()
        self.origin = _origin(settings.public_url) if settings.public_url else None
        self._api_token = settings.api_token

    def is_api_token(self, token: str) -> bool:
        """Compared in constant time; no token configured means that none is right."""
        if self._api_token is None:
            return False
        return hmac.compare_digest(token.encode(), self._api_token.get_secret_value().encode())


def issue_login_link(settings: Settings, base_url: str, name: str = LINK_NAME) -> str:
    """A link that signs ``name`` in to Nexus once, within a quarter of an hour."""
    token = _sessions(settings).issue(name)
    return f"{base_url.rstrip('/')}/login?{urlencode({'token': token})}"


def gate(request: Request) -> Gate:
    """The application's gate."""
    state = request.app.state
    if not hasattr(state, "gate"):
        services: Services = state.services
        state.gate = Gate(services.settings)
    found: Gate = state.gate
    return found


def session_of(request: Request) -> Session | None:
    """The session the request's cookie carries, if it is still good."""
    cookie = request.cookies.get(_cookie_name(request))
    return gate(request).sessions.open(cookie) if cookie else None


def actor(
    request: Request,
    _documented: Annotated[object, Depends(_bearer)] = None,
    _documented_too: Annotated[object, Depends(_cookie)] = None,
) -> Actor:
    """For the JSON API: who is asking, by bearer token or session cookie.

    Raises:
        HTTPException: 401.
    """
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() == "bearer" and gate(request).is_api_token(token.strip()):
            return Actor("api")
    elif (session := session_of(request)) is not None:
        return Actor(session.name, session)
    raise HTTPException(
        401, "sign in, or send Authorization: Bearer with the API token", {"WWW-Authenticate": "Bearer"}
    )


def writer(request: Request, who: Annotated[Actor, Depends(actor)]) -> Actor:
    """For the JSON API: who wants to change something. A cookie alone is not enough from another site.

    Raises:
        HTTPException: 401, or 403 when a cookie came with a request that our own pages did not make.
    """
    if who.session is not None and not is_same_origin(request):
        raise HTTPException(403, "this request did not come from this site")
    return who


def visitor(request: Request) -> Session:
    """For pages: the session, or the way to the login page.

    Raises:
        HTTPException: 303 to ``/login``; 401 to a script on one of our pages, which cannot follow that.
    """
    session = session_of(request)
    if session is not None:
        return session
    login = "/login?" + urlencode({"next": request.url.path}) if request.url.path != "/" else "/login"
    if "hx-request" in request.headers:
        raise HTTPException(401, "signed out", {"HX-Redirect": "/login"})
    if "text/event-stream" in request.headers.get("accept", ""):
        raise HTTPException(401, "signed out")
    raise HTTPException(303, "sign in first", {"Location": login})


def check_form(request: Request, session: Session, token: str) -> None:
    """Refuse a form that one of this session's own pages did not send.

    Raises:
        HTTPException: 403.
    """
    expected = gate(request).sessions.form_token(session)
    if not (is_same_origin(request) and hmac.compare_digest(token.encode("utf-8", "replace"), expected.encode())):
        raise HTTPException(403, "this form did not come from this site; go back, reload the page and try again")


def is_same_origin(request: Request) -> bool:
    """Whether the browser says that one of our own pages made this request; silence is a no."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    if origin is None:
        return False
    # Behind a proxy the Host header may be the proxy's own; then the public URL is what people see.
    return origin in {_origin(str(request.base_url)), gate(request).origin}


@router.get("/login")
def ask(request: Request, token: str = "", next: str = "/") -> Response:
    """The login page. Opening it spends nothing."""
    if not token and session_of(request) is not None:
        return RedirectResponse("/", 303)
    return _login_page(request, token=token, next_page=next)


@router.post("/login")
async def sign_in(request: Request, token: Annotated[str, Form()] = "", next: Annotated[str, Form()] = "/") -> Response:
    """Spend a link (or the token copied out of one) and open a session."""
    failures, address = gate(request).failures, request.client.host if request.client else ""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return _login_page(request, problem="Open the link in this window and press Sign in.", status=403)
    if failures.too_many(address):
        return _login_page(request, problem="Too many attempts. Wait a minute and try again.", status=429)
    session = await run_in_threadpool(gate(request).sessions.redeem, token_in(token))
    if session is None:
        failures.add(address)
        return _login_page(request, problem="This link was used already or has expired.", status=403)
    await run_in_threadpool(_record, request, session, "signed_in")
    response = RedirectResponse(local_path(next), 303)
    response.set_cookie(
        _cookie_name(request),
        gate(request).sessions.seal(session),
        max_age=int(gate(request).sessions.lifetime.total_seconds()),
        httponly=True,
        secure=request.url.scheme == "https",
        # Not "strict": then a link to an incident in a chat or a page would arrive signed out.
        samesite="lax",
    )
    return response


@router.post("/logout")
def sign_out(
    request: Request, session: Annotated[Session, Depends(visitor)], csrf: Annotated[str, Form()] = ""
) -> Response:
    """Close the session, here and wherever its cookie was copied to."""
    check_form(request, session, csrf)
    gate(request).sessions.close(session)
    _record(request, session, "signed_out")
    response = RedirectResponse("/login", 303)
    response.delete_cookie(_cookie_name(request), secure=request.url.scheme == "https", httponly=True, samesite="lax")
    return response


def token_in(pasted: str) -> str:
    """The token in what a person pasted: a whole link, or just the token."""
    text = pasted.strip()
    if "token=" in text:
        try:
            return parse_qs(urlsplit(text).query).get("token", [""])[0]
        except ValueError:  # brackets that are no IPv6 address
            return ""
    return text


def local_path(target: str) -> str:
    """``target`` if it is a path on this site, else the front page: nobody is sent elsewhere after signing in."""
    is_plain = target.isascii() and target.isprintable() and "\\" not in target
    return target if is_plain and target.startswith("/") and not target.startswith("//") else "/"


def _login_page(
    request: Request, token: str = "", next_page: str = "/", problem: str = "", status: int = 200
) -> Response:
    from serving.nexus.pages import render  # the page's looks belong to Nexus, which needs our checks

    return render(
        request,
        "login.html",
        status=status,
        token=token,
        next_page=local_path(next_page),
        problem=problem,
        minutes=int(LINK_LIFETIME.total_seconds() // 60),
    )


def _record(request: Request, session: Session, what: str) -> None:
    services: Services = request.app.state.services
    audit.append(services.store.engine, session.name, what, "nexus")


def _sessions(settings: Settings) -> Sessions:
    return Sessions(settings.state_dir, timedelta(hours=settings.session_hours))


def _cookie_name(request: Request) -> str:
    # Browsers refuse a __Host- cookie that a sibling domain or a plain-http page tries to plant.
    return f"__Host-{COOKIE}" if request.url.scheme == "https" else COOKIE


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
