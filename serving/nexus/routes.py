"""Nexus's pages and the forms on them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from data.domain import Decision, Feedback, IncidentStatus, RejectReason
from serving import api
from serving.auth import check_form, local_path, visitor
from serving.nexus import live
from serving.nexus.pages import HEADERS, render
from serving.nexus.view import NEEDS_A_PERSON, cards, incident_view, worst_first
from serving.services import Services
from serving.sessions import Session

LIST_LIMIT = 100
MAX_FORM_BYTES = 65_536
_NAME, _COMMENT = 256, 4000
_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]+")

router = APIRouter(include_in_schema=False)
Visitor = Annotated[Session, Depends(visitor)]
Text = Annotated[str, Form()]


@router.get("/")
def incident_list(request: Request, session: Visitor, show: str = "open") -> Response:
    """The front page: what is going on, what waits for you first. htmx asks for the list alone."""
    services = _services(request)
    only_list = "hx-request" in request.headers
    seq = services.store.last_seq()  # before the rest: what happens in between is then told again, not lost
    everything = show == "all"
    statuses = set() if everything else set(IncidentStatus) - {IncidentStatus.resolved}
    found = cards(services.store, statuses, LIST_LIMIT)
    return render(
        request,
        "_list.html" if only_list else "list.html",
        session=session,
        waiting=worst_first(card for card in found if card.incident.status in NEEDS_A_PERSON),
        working=worst_first(card for card in found if card.incident.status not in NEEDS_A_PERSON),
        everything=everything,
        is_first=not everything and not found and not services.store.incidents(limit=1),
        is_cut=len(found) == LIST_LIMIT,
        limit=LIST_LIMIT,
        seq=seq,
        base_url=_base_url(request),
        has_secret=services.settings.webhook_secret is not None,
    )


@router.get("/incidents/{incident_id}")
def incident_page(request: Request, session: Visitor, incident_id: str) -> Response:
    """One incident. htmx asks for its body alone."""
    return incident_response(request, session, incident_id)


@router.post("/incidents/{incident_id}/approve", max_body_size=MAX_FORM_BYTES)
def approve(request: Request, session: Visitor, incident_id: str, csrf: Text = "") -> Response:
    """Approve the pull request and come back to the page, which says who decided."""
    check_form(request, session, csrf)
    responder = _services(request).responder
    return _decide(request, session, incident_id, lambda found: responder.approve(found, session.name))


@router.post("/incidents/{incident_id}/reject", max_body_size=MAX_FORM_BYTES)
def reject(
    request: Request,
    session: Visitor,
    incident_id: str,
    csrf: Text = "",
    reason: Text = "",
    true_service: Text = "",
    true_change: Text = "",
    comment: Text = "",
) -> Response:
    """Turn the proposal down, with a reason from the list."""
    check_form(request, session, csrf)
    if reason not in set(RejectReason):
        return incident_response(request, session, incident_id, problem="Choose a reason from the list.", status=422)
    responder = _services(request).responder
    return _decide(
        request,
        session,
        incident_id,
        lambda found: responder.reject(
            found,
            session.name,
            RejectReason(reason),
            true_service=typed(true_service, _NAME) or None,
            true_change=typed(true_change, _NAME) or None,
            comment=typed(comment, _COMMENT),
        ),
    )


@router.post("/nexus/stop", max_body_size=MAX_FORM_BYTES)
def stop(
    request: Request, session: Visitor, csrf: Text = "", because: Text = "", service: Text = "", next: Text = "/"
) -> Response:
    """The emergency stop, of everything or of one service: one press, no questions."""
    check_form(request, session, csrf)
    said = typed(because, _COMMENT) or "pressed in Nexus"
    _services(request).brake.stop(session.name, said, typed(service, _NAME) or None)
    return RedirectResponse(local_path(next), 303)


@router.post("/nexus/resume", max_body_size=MAX_FORM_BYTES)
def resume(request: Request, session: Visitor, csrf: Text = "", service: Text = "") -> Response:
    """Lift one stop."""
    check_form(request, session, csrf)
    _services(request).brake.resume(session.name, typed(service, _NAME) or None)
    return RedirectResponse("/", 303)


@router.get("/nexus/events")
def events(request: Request, session: Visitor, after: str = "", incident: str = "") -> Response:
    """Server-sent events from ``after`` on, or from where a browser that reconnects says it was."""
    store = _services(request).store
    asked = request.headers.get("last-event-id", after)
    start = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 16 else store.last_seq()
    only = api.find(store, incident).id if incident else None
    headers = {**HEADERS, "X-Accel-Buffering": "no"}
    return StreamingResponse(live.changes(request, store, start, only), media_type="text/event-stream", headers=headers)


def _decide(
    request: Request, session: Session, incident_id: str, act: Callable[[str], Decision | Feedback]
) -> Response:
    try:
        api.decide(_services(request), incident_id, act)
    except HTTPException as error:
        return incident_response(request, session, incident_id, problem=error.detail, status=error.status_code)
    return RedirectResponse(f"/incidents/{incident_id}#decision", 303)


def incident_response(
    request: Request, session: Session, incident_id: str, problem: str = "", status: int = 200
) -> HTMLResponse:
    store = _services(request).store
    seq = store.last_seq()
    try:
        incident = api.find(store, incident_id)
    except HTTPException:
        return render(request, "missing.html", status=404, session=session)
    only_body = "hx-request" in request.headers
    return render(
        request,
        "_incident.html" if only_body else "incident.html",
        status=status,
        session=session,
        view=incident_view(store, incident),
        reasons=list(RejectReason),
        problem=problem,
        seq=seq,
    )


def typed(text: str, limit: int) -> str:
    return text.replace("\x00", "").strip()[:limit]


def _base_url(request: Request) -> str:
    """Where to post webhooks, as a command line that is safe to paste."""
    settings = _services(request).settings
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host if _HOST.fullmatch(host) else f'{settings.host}:{settings.port}'}"


def _services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found
