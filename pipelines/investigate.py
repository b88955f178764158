"""Investigate: from an alert and the telemetry around it to ranked causes, each with its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pandas as pd

from data.domain import Alert, Candidate, Diagnosis, EvidenceKind
from data.telemetry import Metrics, Telemetry, span_ends
from data.topology import ServiceGraph
from models.base import Channel, Finding
from models.changes import Beginning, ChangeContext, rank_changes
from models.confidence import why_not
from models.evidence import Ledger, candidates_from, change_candidates, symptoms_from
from models.faint import with_everybody
from models.features import Period, change_scores
from models.flow import flow_findings
from models.impact import anomaly_score, blast_radius, severity_of, symptomatic_services
from models.logs import Lines, log_findings, log_series, read_lines
from models.onset import Onset, affordable, estimate_onsets, sample_interval
from models.passing import Passing, passings
from models.rankers.state import Champion, champion
from models.ranking import Ranking, averaged, rank_services
from models.recent import recent_changes
from models.sentences import MetricBlock
from models.shift import shift_findings
from models.slower import lost_time
from models.span_findings import span_findings
from models.steps import entry_rates, steps_at_changes
from models.traces import Traces, join_spans, span_series
from models.unseen import blind_spots, modalities

CAUSED_BY_CHANGES = 0.7
CHANGES_COME_FROM = frozenset({"changes", "sources"})
# What an incident looks like is settled some minutes after it began; a recording may run on into the recovery.
WINDOW = timedelta(minutes=10)
WINDOW_SAMPLES = 3


def investigate(
    alert: Alert, telemetry: Telemetry, *, as_of: datetime | None = None, model: Champion | None = None
) -> Diagnosis:
    """What most likely caused ``alert``, how sure that is, and what could not be seen.

    Args:
        as_of: nothing later is used; None means the last instant in the telemetry.
        model: the ranker and its confidence; None for the one that ships.
    """
    as_of = as_of or last_instant(alert, telemetry)
    seen = telemetry.before(as_of)
    graph, views, unseen = look_around(alert, seen, as_of)
    rankings = rankings_of(alert, graph, views, unseen, model)
    confidence = (model or champion()).confidence
    ranking = averaged(rankings, [view.onset.probability for view in views], confidence)
    view = most_telling(views, rankings, ranking)
    period, blocks = view.period, view.blocks
    findings, symptomatic = view.findings, view.symptoms
    context = change_context(alert, seen, graph, views, view, ranking, unseen, model)
    changes = rank_changes(seen.changes, context)

    ledger = Ledger()
    suspects = candidates_from(ranking, blocks, findings, period, graph, alert, ledger)
    blamed, unblamed = change_candidates(changes, ledger)
    everything = [*blocks, MetricBlock(view.lines, change_scores(view.lines, period), "logs")]
    candidates = with_everybody(suspects, ranking, everything, findings, period, graph, alert, ledger)
    anomaly = anomaly_score(alert.service, blocks, symptomatic)
    source = suspects[0].service if suspects else alert.service
    seen_share = share_of_changes_seen(seen)
    return Diagnosis(
        candidates=candidates,
        cannot_tell=why_not(
            {candidate.service: candidate.probability for candidate in suspects},
            ranking.unseen_probability,
            confidence,
            strongest_sign(suspects, ledger),
        ),
        changes=tuple(c.model_copy(update={"probability": c.probability * seen_share}) for c in blamed),
        no_change_probability=changes.no_change_probability * seen_share,
        no_change_evidence=unblamed,
        severity=severity_of(anomaly, alert.level),
        blast_radius=blast_radius(source, graph, symptomatic_services(blocks, symptomatic)),
        anomaly_score=anomaly,
        evidence=(*ledger.entries, *seen.missing),
        unseen=unseen,
        as_of=as_of,
        onset=view.onset.at,
    )


def strongest_sign(candidates: Sequence[Candidate], ledger: Ledger) -> float:
    """How far the leader's own telemetry is out of the ordinary: what people did to it is no symptom."""
    cited = set(candidates[0].evidence) if candidates else set()
    return max((e.score for e in ledger.entries if e.id in cited and e.kind is not EvidenceKind.change), default=0.0)


def change_context(
    alert: Alert,
    seen: Telemetry,
    graph: ServiceGraph,
    views: Sequence[View],
    view: View,
    ranking: Ranking,
    unseen: Sequence[str],
    model: Champion | None = None,
) -> ChangeContext:
    """What the changes of ``seen`` are judged against; ``view`` is the most telling of ``views``."""
    leaders = list(ranking.probabilities)[:20]
    beside = [
        *steps_at_changes(seen.changes, seen.metrics, view.onset.earliest, graph, leaders[:5]),
        *entry_rates(seen.metrics, view.period, graph),
    ]
    symptoms = symptoms_from(leaders, view.blocks, view.symptoms, view.period, beside)
    # Changes are judged by their times: not by an onset that nobody saw.
    told = [v.onset for v in views if not v.onset.blind]
    whole = sum(onset.probability for onset in told)
    beginnings = tuple(Beginning(onset.at, onset.earliest, onset.probability / whole) for onset in told)
    places = places_of_trouble(alert, graph, views, unseen, model) if seen.changes else {}
    return ChangeContext(alert, view.onset.at, places, graph, symptoms, beginnings, services_reporting(seen))


def services_reporting(seen: Telemetry) -> frozenset[str]:
    """The entities that tell of themselves, rather than being told of by others."""
    tables = (table["service"].dropna().astype(str).unique() for table in (seen.logs, seen.spans))
    return frozenset(seen.metrics.services).union(*tables)


def share_of_changes_seen(seen: Telemetry) -> float:
    """How likely it is that the guilty change, if there is one, is among those we could see.

    Changes are behind about 70 % of outages (Beyer et al., Site Reliability Engineering, 2016, chapter 1): where none
    could be read, that much is left to a change nobody saw, and "no change did it" may not be claimed.
    """
    blind = any(item.detail.get("part") in CHANGES_COME_FROM or item.source != "bundle" for item in seen.missing)
    if not blind:
        return 1.0
    return 1.0 - CAUSED_BY_CHANGES * (1.0 if not seen.changes else 0.1)


@dataclass(frozen=True)
class View:
    """The telemetry as it looks if the trouble began at ``onset``; ``lines`` are its bad log lines, counted."""

    onset: Onset
    period: Period
    blocks: list[MetricBlock]
    findings: list[Finding]
    passings: tuple[Passing, ...]
    seen: frozenset[str]
    lines: Metrics

    @property
    def symptoms(self) -> list[Finding]:
        """The findings without what people did: changes are judged by what was seen, not by one another's times."""
        return [finding for finding in self.findings if finding.channel is not Channel.changed]


@dataclass(frozen=True)
class Signals:
    """Telemetry as every onset is looked at in it; ``series`` by source: metrics, spans and logs."""

    traces: Traces
    lines: Lines
    series: Mapping[str, Metrics]


def read(seen: Telemetry) -> Signals:
    """What does not depend on when it began."""
    traces, lines = join_spans(seen.spans, seen.services), read_lines(seen.logs)
    return Signals(traces, lines, {"metrics": seen.metrics, "spans": span_series(traces), "logs": log_series(lines)})


def look_around(alert: Alert, seen: Telemetry, as_of: datetime) -> tuple[ServiceGraph, list[View], tuple[str, ...]]:
    """Who calls whom, the telemetry as it looks from each likely onset, and what could not be seen."""
    signals = read(seen)
    blind = affordable(sum(len(table.keys) for table in signals.series.values()), len(seen.spans) + len(seen.logs))
    onsets = estimate_onsets(list(signals.series.values()), alert, as_of, blind=blind)
    graph = seen.graph.merged(signals.traces.graph)
    views = [look(onset, alert, seen, graph, signals, as_of) for onset in onsets]
    return graph, views, blind_spots(alert, seen, views[0].period)


def rankings_of(
    alert: Alert, graph: ServiceGraph, views: Sequence[View], unseen: Sequence[str], model: Champion | None = None
) -> list[Ranking]:
    """The services ranked from each view."""
    return [
        rank_services(
            alert,
            graph,
            v.blocks,
            v.findings,
            passings=v.passings,
            blind_spots=len(unseen),
            period=v.period,
            seen=v.seen,
            model=model,
        )
        for v in views
    ]


def places_of_trouble(
    alert: Alert, graph: ServiceGraph, views: Sequence[View], unseen: Sequence[str], model: Champion | None = None
) -> Mapping[str, float]:
    """How probably each service is the cause by what was seen alone, for judging changes: their times would else
    count twice, once for the service and once for the change."""
    plain = [replace(view, findings=view.symptoms) for view in views]
    rankings, shares = rankings_of(alert, graph, plain, unseen, model), [v.onset.probability for v in views]
    return averaged(rankings, shares, (model or champion()).confidence).probabilities


def look(
    onset: Onset,
    alert: Alert,
    seen: Telemetry,
    graph: ServiceGraph,
    signals: Signals,
    as_of: datetime,
) -> View:
    """What changed at ``onset``."""
    period = incident_period(onset, alert, seen, as_of)
    # Log lines are judged by template below; counted a second time as a series they would weigh double.
    series = signals.series
    blocks = [MetricBlock(t, change_scores(t, period), source) for source, t in series.items() if source != "logs"]
    lost = lost_time(signals.traces, period)
    findings = [
        *span_findings(signals.traces, period, lost),
        *log_findings(signals.lines, period, seen.services),
        *flow_findings(blocks[0], graph),
        *shift_findings(blocks[0], period),
        *recent_changes(seen.changes, period),
    ]
    waited = passings(lost, findings)
    return View(onset, period, blocks, findings, waited, modalities(seen), series["logs"])


def most_telling(views: Sequence[View], rankings: Sequence[Ranking], average: Ranking) -> View:
    """The view that speaks most for the leading candidate: the one whose evidence is shown."""
    leader = next(iter(average.probabilities), "")
    said = [v.onset.probability * r.probabilities.get(leader, 0.0) for v, r in zip(views, rankings, strict=True)]
    return views[said.index(max(said))]


def last_instant(alert: Alert, telemetry: Telemetry) -> datetime:
    """The latest time of which the telemetry tells, and never one before the alert."""
    ends = [pd.Timestamp(alert.fired_at)]
    ends += [pd.Timestamp(t, tz=UTC) for t in telemetry.metrics.timestamps[-1:]]
    ends += [telemetry.logs["timestamp"].max()] if len(telemetry.logs) else []
    ends += [span_ends(telemetry.spans).max()] if len(telemetry.spans) else []
    return max(ends).ceil("us").to_pydatetime()


def incident_period(onset: Onset, alert: Alert, seen: Telemetry, as_of: datetime) -> Period:
    """The onset, what lies safely before it, and the time after it that shows the incident."""
    length = max(WINDOW, WINDOW_SAMPLES * sample_interval(seen.metrics.timestamps))
    return Period(before=onset.earliest, onset=onset.at, end=min(as_of, max(onset.at + length, alert.fired_at)))
