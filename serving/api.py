"""The JSON API: incidents, what is known about each, and a person's decision on its pull request."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.exc import SQLAlchemyError

from data.domain import (
    Decision,
    Diagnosis,
    Feedback,
    Incident,
    IncidentStatus,
    Outcome,
    PullRequest,
    PullRequestState,
    RejectReason,
)
from data.errors import ActionError, PolicyError, StoreError
from data.impact import Impact
from data.proposal import Proposal
from data.store import Event, Store
from pipelines.rulings import Approvals, approvals_of
from serving.auth import Actor, actor, writer
from serving.services import Services

T = TypeVar("T", bound=Decision | Feedback)

_INCIDENT_ID = re.compile(r"[A-Za-z0-9-]{1,32}")
_MAX_BODY_BYTES = 65_536

# PostgreSQL stores no NUL in text; nobody means to type one.
_NO_NUL = r"^[^\x00]*$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=_NO_NUL)]
Comment = Annotated[str, StringConstraints(max_length=4000, pattern=_NO_NUL)]


class Problem(BaseModel):
    """Why a request was not answered, for a person to read."""

    detail: str


class Health(BaseModel):
    status: Literal["ok", "unavailable"]


class IncidentList(BaseModel):
    """One page of incidents, newest first."""

    incidents: list[Incident]
    limit: int
    offset: int


class IncidentDetail(BaseModel):
    """Everything kept about an incident. What has not been made yet is null or empty."""

    incident: Incident
    diagnosis: Diagnosis | None
    impact: Impact | None
    proposal: Proposal | None
    pull_request: PullRequest | None
    approvals: Approvals | None
    decisions: list[Decision]
    feedback: list[Feedback]
    events: list[Event]


class EventList(BaseModel):
    """Timeline lines in order. Ask again with ``after`` set to the last ``seq`` for what came since."""

    events: list[Event]


class Rejection(BaseModel):
    """Why a proposal is turned down, and what it should have said."""

    model_config = ConfigDict(extra="forbid")

    reason: RejectReason
    true_service: Name | None = Field(default=None, description="The service that was the cause.")
    true_change: Name | None = Field(default=None, description="The id of the change that was the cause.")
    comment: Comment = ""


class Route(APIRoute):
    """Answers a request that does not validate as every other error: ``{"detail": "..."}``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return JSONResponse({"detail": _sentence(error)}, 422)

        return handled


def nosniff(response: Response) -> None:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    meaning = {
        400: "The body is not JSON",
        401: "Not signed in",
        403: "The policy does not let you do that, or the request came from another site",
        404: "No such incident",
        409: "Nothing waits for a decision, or somebody has decided already",
        422: "A parameter or field is not valid",
    }
    return {status: {"model": Problem, "description": meaning[status]} for status in statuses}


router = APIRouter(route_class=Route, dependencies=[Depends(nosniff)], tags=["incidents"])

Reader = Annotated[Actor, Depends(actor)]
Writer = Annotated[Actor, Depends(writer)]


@router.get("/healthz", response_model=Health, responses={503: {"model": Health}}, tags=["health"])
def healthz(request: Request, response: Response) -> Health:
    """Whether this process can read its database. Needs no login and says no more than that."""
    try:
        _services(request).store.backlog()
    except SQLAlchemyError:
        response.status_code = 503
        return Health(status="unavailable")
    return Health(status="ok")


@router.get("/api/v1/incidents", responses=_errors(401, 422))
def list_incidents(
    request: Request,
    _who: Reader,
    status: Annotated[list[IncidentStatus], Query(description="Only these; all when left out.")] = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> IncidentList:
    """Incidents, newest first."""
    found = _services(request).store.incidents(status, limit, offset)
    return IncidentList(incidents=found, limit=limit, offset=offset)


@router.get("/api/v1/incidents/{incident_id}", responses=_errors(401, 404, 422))
def get_incident(request: Request, _who: Reader, incident_id: str) -> IncidentDetail:
    """One incident with its diagnosis, impact, proposal, pull request, decisions, feedback and timeline."""
    store = _services(request).store
    incident = find(store, incident_id)
    return IncidentDetail(
        incident=incident,
        diagnosis=store.latest(incident.id, Diagnosis),
        impact=store.latest(incident.id, Impact),
        proposal=store.latest(incident.id, Proposal),
        pull_request=store.latest(incident.id, PullRequest),
        approvals=approvals_of(store, incident.id),
        decisions=store.all(incident.id, Decision),
        feedback=store.all(incident.id, Feedback),
        events=store.events(incident.id),
    )


@router.get("/api/v1/incidents/{incident_id}/events", responses=_errors(401, 404, 422))
def list_events(
    request: Request,
    _who: Reader,
    incident_id: str,
    after: Annotated[int, Query(ge=0, le=2**53, description="Only lines with a greater seq.")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 500,
) -> EventList:
    """An incident's timeline."""
    store = _services(request).store
    return EventList(events=store.events(find(store, incident_id).id, after, limit))


@router.post("/api/v1/incidents/{incident_id}/approve", responses=_errors(401, 403, 404, 409, 422))
def approve(request: Request, who: Writer, incident_id: str) -> Decision:
    """Approve what waits for approval; it is done soon after.

    Where several people have to approve, the answer's outcome is `ask` until the last of them has.
    """
    services = _services(request)
    return decide(services, incident_id, lambda found: services.responder.approve(found, who.name))


@router.post(
    "/api/v1/incidents/{incident_id}/reject",
    responses={
        **_errors(400, 401, 403, 404, 409, 422),
        413: {"description": "The body is too large", "content": {"text/plain": {"schema": {"type": "string"}}}},
    },
    max_body_size=_MAX_BODY_BYTES,
)
def reject(request: Request, who: Writer, incident_id: str, rejection: Rejection) -> Feedback:
    """Turn the proposal down and say why; what you say is learned from."""
    services = _services(request)
    return decide(
        services,
        incident_id,
        lambda found: services.responder.reject(
            found,
            who.name,
            rejection.reason,
            true_service=rejection.true_service,
            true_change=rejection.true_change,
            comment=rejection.comment,
        ),
    )


def find(store: Store, incident_id: str) -> Incident:
    """The incident with this id.

    Raises:
        HTTPException: 404, also for what cannot be an id.
    """
    if _INCIDENT_ID.fullmatch(incident_id):
        try:
            return store.incident(incident_id)
        except StoreError:
            pass
    raise HTTPException(404, "no such incident")


def decide(services: Services, incident_id: str, act: Callable[[str], T]) -> T:
    """Hand a person's decision on to the flow.

    Raises:
        HTTPException: 404 without such an incident; 409 when nothing waits for a decision or somebody has decided
            already; 403 when the policy refuses.
    """
    incident = find(services.store, incident_id)
    try:
        result = act(incident.id)
    except (StoreError, ActionError) as error:
        raise HTTPException(409, str(error)) from error
    except PolicyError as error:
        raise HTTPException(409 if is_decided(services.store, incident.id) else 403, str(error)) from error
    if isinstance(result, Decision) and result.outcome is Outcome.refuse:
        raise HTTPException(403, result.explanation)
    return result


def is_decided(store: Store, incident_id: str) -> bool:
    """Whether a person has said yes or no to the proposal in force, or its pull request is no longer open."""
    request = store.latest(incident_id, PullRequest)
    if request is not None and request.state is not PullRequestState.open:
        return True
    proposal, feedback = store.latest(incident_id, Proposal), store.latest(incident_id, Feedback)
    return proposal is not None and feedback is not None and feedback.proposal_id == proposal.id


def _sentence(error: RequestValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    # What was sent may hold text that is not valid Unicode; the answer must be.
    return f"{where}: {first['msg']}".encode("utf-8", "replace").decode()


def _services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found
