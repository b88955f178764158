"""Nexus's pages about models: the versions and who decided, roll back, who is served worse; and the label form."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from data.errors import ModelError, PolicyError
from pipelines.report_slices import MEASURES, slice_report
from serving import api
from serving.auth import check_form, visitor
from serving.learning_api import Said, keep_label
from serving.models_view import may_administer, overview, roll_back
from serving.nexus.pages import render
from serving.nexus.routes import MAX_FORM_BYTES, incident_response, typed
from serving.services import Services
from serving.sessions import Session

NO_CHANGE = "none"
_NAME, _FAULT, _COMMENT = 256, 64, 4000

router = APIRouter(include_in_schema=False)
Visitor = Annotated[Session, Depends(visitor)]
Text = Annotated[str, Form()]


@router.get("/models")
def models_page(request: Request, session: Visitor) -> Response:
    """Which ranker answers, how it came to, and how to go back."""
    return _models(request, session)


@router.post("/nexus/models/rollback", max_body_size=MAX_FORM_BYTES)
def rollback_form(request: Request, session: Visitor, csrf: Text = "", because: Text = "") -> Response:
    """Put the champion before this one back in use, and come back to the page, which says so."""
    check_form(request, session, csrf)
    services = _services(request)
    try:
        roll_back(services.registry, services.settings, session.name, typed(because, _COMMENT))
    except PolicyError as error:
        return _models(request, session, problem=str(error), status=403)
    except ModelError as error:
        return _models(request, session, problem=str(error), status=409)
    return RedirectResponse("/models", 303)


@router.get("/models/slices")
def slices_page(request: Request, session: Visitor) -> Response:
    """Who is served how well."""
    report = slice_report(_services(request).files)
    return render(request, "slices.html", session=session, report=report, measures=MEASURES)


@router.post("/incidents/{incident_id}/label", max_body_size=MAX_FORM_BYTES)
def label_form(
    request: Request,
    session: Visitor,
    incident_id: str,
    csrf: Text = "",
    service: Text = "",
    change: Text = "",
    fault: Text = "",
    comment: Text = "",
    nothing_wrong: Text = "",
    unseen: Text = "",
) -> Response:
    """Say what caused an incident. An empty change says nothing of changes; ``none`` says that none did it."""
    check_form(request, session, csrf)
    services, named = _services(request), typed(change, _NAME)
    try:
        incident = api.find(services.store, incident_id)
        cause = typed(service, _NAME)
        said = Said(
            services=[cause] if cause else [],
            changes=None if not named else [] if named == NO_CHANGE else [named],
            nothing_wrong=bool(nothing_wrong),
            fault=typed(fault, _FAULT),
            comment=typed(comment, _COMMENT),
            unseen=bool(unseen),
        )
        keep_label(services, incident.id, session.name, said)
    except HTTPException as error:
        return incident_response(request, session, incident_id, problem=error.detail, status=error.status_code)
    return RedirectResponse(f"/incidents/{incident_id}#label", 303)


def _models(request: Request, session: Session, problem: str = "", status: int = 200) -> Response:
    services = _services(request)
    try:
        found = overview(services.registry, services.store.engine)
    except ModelError as error:
        return render(request, "models.html", status=503, session=session, models=None, problem=str(error), may=False)
    may = may_administer(services.settings, session.name)
    return render(request, "models.html", status=status, session=session, models=found, problem=problem, may=may)


def _services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found
