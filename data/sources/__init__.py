"""Read-only telemetry sources: one vendor a module, one protocol for all, plus ``bundle`` for recorded incidents.

To add one: write a class with ``name`` and ``collect``, map the vendor's exceptions to
:mod:`data.errors`, return whatever it can see as :class:`~data.telemetry.Telemetry`, and name it in
``serving/bootstrap.py``. ``tests/data/sources/test_contract.py`` runs the same checks over every source.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from data.domain import Alert
from data.telemetry import Telemetry


@dataclass(frozen=True)
class Request:
    """What to look for: telemetry between ``start`` and ``as_of`` that could bear on ``alert``.

    Without an alert somebody is keeping watch, and wants whatever there is. With ``metrics_only`` nothing but metrics
    is looked at, and a source may save itself the rest.
    """

    alert: Alert | None
    start: datetime
    as_of: datetime
    metrics_only: bool = False


class Source(Protocol):
    """Somewhere telemetry can be read from.

    ``collect`` may block; it is given a deadline by its caller. It raises :class:`~data.errors.SourceError`
    when nothing could be read, and returns ``missing`` evidence for what it could not see in part.
    It never returns anything later than ``request.as_of``.
    """

    @property
    def name(self) -> str: ...

    def collect(self, request: Request) -> Telemetry: ...
