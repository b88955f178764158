"""Whether trouble that was over came back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from data.domain import Incident

# The same service alerting again so soon says that the cause was not mended.
RECURRENCE = timedelta(hours=24)


def return_of(incident: Incident, others: Iterable[Incident]) -> Incident | None:
    """The first of ``others`` in which the service of a resolved incident alerted again soon after, or None."""
    over = incident.resolved_at
    if over is None:
        return None
    place = (incident.service, incident.environment)
    back = (
        other
        for other in others
        if other.id != incident.id
        and (other.service, other.environment) == place
        and over <= other.opened_at <= over + RECURRENCE
    )
    return min(back, key=lambda other: other.opened_at, default=None)
