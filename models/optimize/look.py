"""Everything that can be told from one stretch of telemetry."""

from __future__ import annotations

from data.telemetry import Telemetry
from models.optimize.history import ServiceHistory, histories
from models.optimize.idle import idle
from models.optimize.opportunity import Looked, OpportunityKind, together
from models.optimize.pools import cache, pool
from models.optimize.queries import queries
from models.optimize.sizing import size


def look(telemetry: Telemetry) -> Looked:
    """What could be better, service by service, then query by query; and what could not be judged."""
    known = histories(telemetry.metrics)
    looks = [_of_service(history, telemetry) for history in known]
    silent = tuple(f"{s} is not judged: nothing recorded says what it uses" for s in telemetry.services
                   if s not in {history.service for history in known})  # fmt: skip
    return together([*looks, queries(telemetry.spans), Looked(refused=silent)])


def _of_service(history: ServiceHistory, telemetry: Telemetry) -> Looked:
    stopped = idle(history, telemetry.graph)
    if any(o.kind is OpportunityKind.idle for o in stopped.found):
        return stopped  # what is to be stopped need not be resized
    return together([stopped, size(history), pool(history), cache(history)])
