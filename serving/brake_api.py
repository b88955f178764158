"""The emergency stop over HTTP: one call stops everything, or one service; another lifts it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from data.brake import Brake, Stop
from serving.api import Comment, Name, Problem
from serving.auth import Actor, actor, writer
from serving.services import Services

router = APIRouter(tags=["emergency stop"])

Reader = Annotated[Actor, Depends(actor)]
Writer = Annotated[Actor, Depends(writer)]
_ERRORS: dict[int | str, dict[str, object]] = {
    status: {"model": Problem, "description": meaning}
    for status, meaning in {
        400: "The body is not JSON",
        401: "Not signed in",
        403: "The request came from another site",
    }.items()
}


class StopOrder(BaseModel):
    """What to stop or to lift; ``service`` null means everything."""

    model_config = ConfigDict(extra="forbid")

    service: Name | None = Field(default=None, description="One service; everything when left out.")
    because: Comment = ""


class Stops(BaseModel):
    """Every stop that stands."""

    stops: list[Stop]


@router.get("/api/v1/stop", responses={401: _ERRORS[401]})
def standing(request: Request, _who: Reader) -> Stops:
    """What is stopped now."""
    return Stops(stops=list(_brake(request).standing()))


@router.post("/api/v1/stop", responses=_ERRORS)
def stop(request: Request, who: Writer, order: StopOrder) -> Stops:
    """Stop everything, or one service, before its next write."""
    _brake(request).stop(who.name, order.because, order.service)
    return standing(request, who)


@router.post("/api/v1/resume", responses=_ERRORS)
def resume(request: Request, who: Writer, order: StopOrder) -> Stops:
    """Lift the stop of everything, or of one service."""
    _brake(request).resume(who.name, order.service)
    return standing(request, who)


def _brake(request: Request) -> Brake:
    services: Services = request.app.state.services
    return services.brake
