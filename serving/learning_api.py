"""The learning loop over HTTP: versions and who decided what, roll back, labels, and who is served worse."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import HTTPException
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.errors import InputError, ModelError, PolicyError
from data.labels import Label
from pipelines.feedback import label
from pipelines.report_slices import DAYS, slice_report
from serving import models_view
from serving.api import Comment, Name, Problem, Route, find, nosniff
from serving.auth import Actor, actor, writer
from serving.models_view import ModelsOverview, overview
from serving.services import Services

router = APIRouter(route_class=Route, dependencies=[Depends(nosniff)], tags=["learning"])
Reader = Annotated[Actor, Depends(actor)]
Writer = Annotated[Actor, Depends(writer)]


def _errors(**meanings: str) -> dict[int | str, dict[str, Any]]:
    always = {"_401": "Not signed in", "_422": "A parameter or field is not valid"}
    return {int(status[1:]): {"model": Problem, "description": meaning}
            for status, meaning in {**always, **meanings}.items()}  # fmt: skip


class RollBack(BaseModel):
    """Why the champion before this one is to come back."""

    model_config = ConfigDict(extra="forbid")

    because: Comment = ""


class InUse(BaseModel):
    """The version that answers now."""

    champion: int
    digest: str


class Said(BaseModel):
    """What caused an incident, as somebody found out afterwards."""

    model_config = ConfigDict(extra="forbid")

    services: list[Name] = Field(default_factory=list, max_length=20, description="Any of them is right.")
    changes: list[Name] | None = Field(default=None, max_length=20, description="Empty: none did it; null: not said.")
    nothing_wrong: bool = Field(default=False, description="It was a false alarm.")
    fault: str = Field(default="", max_length=64, pattern=r"^[^\x00]*$", description="The kind of fault, in a word.")
    comment: Comment = ""
    unseen: bool = Field(default=False, description="The service need not be among those that were seen.")


@router.get("/api/v1/models", responses=_errors(_503="The registry is damaged"))
def models(request: Request, _who: Reader) -> ModelsOverview:
    """Every version of the ranker, who is in use, what the last review found, and the decisions."""
    services = _services(request)
    try:
        return overview(services.registry, services.store.engine)
    except ModelError as error:
        raise HTTPException(503, str(error)) from error


@router.post(
    "/api/v1/models/rollback",
    responses=_errors(
        _400="The body is not JSON", _403="You may not switch models", _409="There is none to go back to"
    ),
)
def roll_back(request: Request, who: Writer, order: RollBack) -> InUse:
    """Put the champion before this one back in use. Who answers changes within a second."""
    services = _services(request)
    try:
        entry = models_view.roll_back(services.registry, services.settings, who.name, order.because)
    except PolicyError as error:
        raise HTTPException(403, str(error)) from error
    except ModelError as error:
        raise HTTPException(409, str(error)) from error
    return InUse(champion=entry.version, digest=entry.digest)


@router.get("/api/v1/reports/slices", responses=_errors())
def slices(
    request: Request, _who: Reader, days: Annotated[float, Query(gt=0, le=3650, description="How far back.")] = DAYS
) -> dict[str, Any]:
    """How incidents were served by service, team, severity, kind of fault and telemetry, and who was served worse."""
    return slice_report(_services(request).files, days=days).as_json()


@router.post(
    "/api/v1/incidents/{incident_id}/label",
    responses=_errors(
        _400="The body is not JSON",
        _403="The request came from another site",
        _404="No such incident",
        _409="The label contradicts itself, or names what was not seen",
    ),
)
def say(request: Request, who: Writer, incident_id: str, said: Said) -> Label:
    """Say afterwards what caused an incident; the newest label stands, and is learned from."""
    services = _services(request)
    incident = find(services.store, incident_id)
    return keep_label(services, incident.id, who.name, said)


def keep_label(services: Services, incident_id: str, by: str, said: Said) -> Label:
    """Keep what somebody says caused an incident.

    Raises:
        HTTPException: 409 where it contradicts itself or names what was not seen.
    """
    try:
        made = Label(
            incident_id=incident_id,
            by=by,
            services=tuple(dict.fromkeys(said.services)),
            changes=None if said.changes is None else tuple(said.changes),
            nothing_wrong=said.nothing_wrong,
            fault=said.fault.strip(),
            comment=said.comment,
        )
        label(services.files, made, unseen=said.unseen)
    except ValidationError as error:
        raise HTTPException(409, str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from error
    except InputError as error:
        raise HTTPException(409, str(error)) from error
    return made


def _services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found
