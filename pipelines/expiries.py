"""Certificates that end before long: read from the servers that show them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from data.errors import SourceError
from data.sources.certificates import Endpoint, certificate_ends
from data.telemetry import SeriesKey
from models.forecast.known import expiry
from pipelines.foretold import Foretold

log = logging.getLogger(__name__)

METRIC = "certificate"


def certificates_foretold(
    endpoints: Sequence[Endpoint], *, as_of: datetime, horizon: timedelta, deadline_s: float
) -> Iterator[Foretold]:
    """What is to be expected of every certificate that could be read; the others are logged, and said nothing of."""
    for endpoint in endpoints:
        try:
            ends = certificate_ends(endpoint, timeout_s=deadline_s)
        except SourceError as error:
            log.warning("%s", error)
            continue
        found = expiry(str(endpoint), ends, as_of=as_of, horizon=horizon)
        when = f"{ends:%Y-%m-%d %H:%M} UTC"
        said = f"has ended on {when}" if found.left <= timedelta(0) else f"ends in {_words(found.left)}, on {when}"
        yield Foretold(
            key=SeriesKey(endpoint.service, METRIC, instance=str(endpoint)),
            is_likely=found.due,
            is_unlikely=not found.due,
            title=f"the certificate of {endpoint} {said}",
            calm=f"the certificate of {endpoint} was renewed: it ends on {when}",
            extra={"ends": ends.isoformat(), "lead_s": found.left.total_seconds(), "told_by": "date"},
        )


def _words(left: timedelta) -> str:
    return f"{left.days} days" if left.days >= 2 else f"{left.total_seconds() / 3600:.0f} h"
