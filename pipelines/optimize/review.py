"""One review of one stretch of telemetry: what could be better, what it saves, and what the policy says of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from data.domain import Decision, Diagnosis, now
from data.errors import InputError
from data.proposal import Proposal
from data.sources.bundle import read_telemetry
from data.telemetry import Telemetry
from data.topology import ServiceGraph
from models.optimize import Opportunity
from models.optimize.history import covered_hours
from models.optimize.look import look
from models.traces import join_spans
from pipelines.optimize.prices import Prices
from pipelines.optimize.proposals import alert_of, diagnosis_of, incident_of, proposal_of
from pipelines.optimize.savings import Saving, saving_of
from remediation.execute import action_request
from remediation.policy import ActionKind, Policy, decide, reaching


@dataclass(frozen=True)
class Advice:
    """One opportunity and what it saves."""

    opportunity: Opportunity
    saving: Saving


@dataclass(frozen=True)
class Review:
    """``advice``: what saves most first, then what is surest. ``refused``: what could not be judged, and why.

    ``hours``: how long was seen, without gaps, up to ``as_of``.
    """

    advice: tuple[Advice, ...]
    refused: tuple[str, ...]
    hours: float
    as_of: datetime
    graph: ServiceGraph


@dataclass(frozen=True)
class Advised:
    """An advice as a proposal, with the policy's decision on it."""

    advice: Advice
    diagnosis: Diagnosis
    proposal: Proposal
    decision: Decision


def read_history(folder: Path) -> Telemetry:
    """The telemetry in a bundle, or in any folder with the same tables.

    Raises:
        InputError: the folder holds neither metrics nor spans.
    """
    if not folder.is_dir():
        raise InputError("is no folder; give a bundle or a folder with metrics or spans", field=str(folder))
    telemetry = read_telemetry(folder)
    if not len(telemetry.metrics) and telemetry.spans.empty:
        why = "; ".join(item.summary for item in telemetry.missing if item.detail.get("part") in ("metrics", "spans"))
        raise InputError(f"holds neither metrics nor spans ({why or 'both are empty'})", field=str(folder))
    return telemetry


def review_telemetry(telemetry: Telemetry, prices: Prices | None = None) -> Review:
    """Everything that can be told from ``telemetry``, which should span at least a day, better weeks."""
    found = look(telemetry)
    advice = [Advice(opportunity, saving_of(opportunity, prices)) for opportunity in found.found]
    hours, last = _seen(telemetry)
    # A service the graph knows and the metrics do not, or files that could not be read, were not seen either.
    unread = tuple(item.summary for item in telemetry.missing)
    graph = telemetry.graph.merged(join_spans(telemetry.spans, telemetry.services).graph)
    return Review(tuple(sorted(advice, key=_order)), (*unread, *found.refused), hours, last, graph)


def advise(review: Review, policy: Policy, environment: str | None = None) -> tuple[Advised, ...]:
    """Each advice as a proposal with what the policy decides. Writes nothing."""
    return tuple(_advised(advice, review, policy, environment) for advice in review.advice)


def _advised(advice: Advice, review: Review, policy: Policy, environment: str | None) -> Advised:
    alert = alert_of(advice.opportunity, review.as_of, environment)
    incident = incident_of(alert, f"ADVICE-{advice.opportunity.key}"[:80])
    diagnosis = diagnosis_of(advice.opportunity, review.graph, review.as_of)
    proposal = proposal_of(advice.opportunity, advice.saving, diagnosis, incident.id)
    request = action_request(ActionKind(proposal.remedy.kind), incident, diagnosis, proposal)
    return Advised(advice, diagnosis, proposal, decide(policy, reaching(request, review.graph)))


def _order(advice: Advice) -> tuple[float, float, str]:
    saved = advice.saving.estimate.value if advice.saving.estimate else 0.0
    return (-saved, -advice.opportunity.confidence, advice.opportunity.key)


def _seen(telemetry: Telemetry) -> tuple[float, datetime]:
    """Hours that were seen, without gaps, and when the last of it was."""
    clock = [pd.DatetimeIndex(telemetry.metrics.timestamps, tz="UTC")]
    if not telemetry.spans.empty:
        clock.append(pd.DatetimeIndex(telemetry.spans["timestamp"]))
    times = pd.DatetimeIndex(np.concatenate([c.tz_convert(None).to_numpy("datetime64[us]") for c in clock]), tz="UTC")
    if times.empty:
        return 0.0, now()
    return covered_hours(pd.Series(0.0, index=times.unique().sort_values())), times.max().to_pydatetime()
