"""Who is served how well: diagnoses and proposals by service, team, severity, kind of fault and what could be seen.

A mean hides whom it is wrong about. Each slice is held against all other incidents: how often the first answer was
wrong where people said what the cause was, how often none could be named, and how often no fix was proposed. A slice is
served worse where chance does not explain it (Fisher's exact test, corrected by Holm for all that was tried) and the
difference is large enough to matter. Slices overlap: what is found of one may belong to another.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data import audit
from data.domain import Change, Diagnosis, Incident, now
from data.excerpt import ChangeExcerpt
from data.proposal import Proposal
from models.metrics import Interval
from models.significance import chance_of_more, holm, share
from pipelines.casefile import CaseFiles
from pipelines.feedback import LabelledCase, all_incidents, labelled_cases

log = logging.getLogger(__name__)
BY = "report"
DAYS = 90.0
MOST = 2000
# Fewer on either side tell nothing.
FEWEST = 10
# A chance of one in twenty to call any slice served worse that is not; and a difference that is worth a person's time.
RISK = 0.05
WORTH = 0.1
TEAM_TAGS = ("team", "owner", "owning_team", "squad")
# The parts of a snapshot that tell of a modality.
PARTS = {"metrics": "metrics.parquet", "spans": "spans.parquet", "logs": "logs.ndjson", "graph": "topology.json"}
NO_FIX = "no fix"


@dataclass(frozen=True)
class Served:
    """One incident, where it belongs, and how it was served. ``right`` is None where nobody said what the cause was."""

    incident_id: str
    places: tuple[tuple[str, str], ...]
    right: bool | None
    told: bool
    action: str


@dataclass(frozen=True)
class Measure:
    """Something that may go wrong: whether it did with an incident, None where that is not known."""

    name: str
    words: str
    went_wrong: Callable[[Served], bool | None]


MEASURES = (
    Measure("wrong", "the first answer was wrong", lambda s: None if s.right is None else not s.right),
    Measure("cannot tell", "no service could be named", lambda s: not s.told),
    Measure("no fix", "no fix was proposed", lambda s: s.action == NO_FIX),
)


@dataclass(frozen=True)
class Rate:
    """How often something went wrong in a slice, and elsewhere.

    ``p`` is corrected for everything tried; None where there were too few to try.
    """

    measure: str
    hits: int
    of: int
    interval: Interval
    elsewhere: float
    p: float | None = None

    @property
    def is_worse(self) -> bool:
        return self.p is not None and self.p < RISK and self.interval.value - self.elsewhere >= WORTH

    def as_json(self) -> dict[str, Any]:
        shares = {"rate": self.interval.value, "low": self.interval.low, "high": self.interval.high,
                  "elsewhere": self.elsewhere, "p": self.p}  # fmt: skip
        known = {name: None if x is None or x != x else round(x, 6) for name, x in shares.items()}
        return {"measure": self.measure, "hits": self.hits, "of": self.of, **known, "worse": self.is_worse}


@dataclass(frozen=True)
class Row:
    """One slice: the incidents of one value of one dimension."""

    dimension: str
    value: str
    incidents: int
    rates: tuple[Rate, ...]
    actions: Mapping[str, int]

    @property
    def name(self) -> str:
        return f"{self.dimension} {self.value}"

    @property
    def alerts(self) -> tuple[str, ...]:
        """A sentence for each way in which it is served worse."""
        words = {measure.name: measure.words for measure in MEASURES}
        return tuple(
            f"{self.name}: {words[r.measure]} in {r.hits} of {r.of} incidents ({r.interval.value:.0%}, "
            f"{r.interval.low:.0%} to {r.interval.high:.0%}), elsewhere in {r.elsewhere:.0%} (p {r.p:.2g})"
            for r in self.rates if r.is_worse
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        return {"dimension": self.dimension, "value": self.value, "incidents": self.incidents,
                "rates": [rate.as_json() for rate in self.rates], "actions": dict(self.actions)}  # fmt: skip


@dataclass(frozen=True)
class SliceReport:
    """All slices, by dimension, the largest first; ``overall`` is everybody together."""

    made_at: datetime
    since: datetime
    overall: Row
    rows: tuple[Row, ...]
    alerts: tuple[str, ...] = field(default=())

    @property
    def dimensions(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            found[row.dimension].append(row)
        return found

    def as_json(self) -> dict[str, Any]:
        times = {
            name: at.isoformat(timespec="seconds") for name, at in (("made_at", self.made_at), ("since", self.since))
        }
        return {**times, "alerts": list(self.alerts), "overall": self.overall.as_json(),
                "slices": [row.as_json() for row in self.rows]}  # fmt: skip


def slice_report(files: CaseFiles, *, days: float = DAYS) -> SliceReport:
    """How the incidents diagnosed in the last ``days`` were served."""
    at = now()
    return report_of(list(served(files, since=at - timedelta(days=days))), at, at - timedelta(days=days))


def served(files: CaseFiles, *, since: datetime) -> Iterator[Served]:
    """Every incident diagnosed since then, newest first, no more than ``MOST``."""
    labelled = {case.incident.id: case for case in labelled_cases(files)}
    incidents = (i for i in all_incidents(files.store) if i.opened_at >= since and not i.is_advice)
    for incident in islice(incidents, MOST):
        diagnosis = files.store.latest(incident.id, Diagnosis)
        if diagnosis is None:
            continue
        case, proposal = labelled.get(incident.id), files.store.latest(incident.id, Proposal)
        yield Served(
            incident.id,
            tuple(_places(files, incident, diagnosis, case)),
            case.was_right if case else None,
            bool(diagnosis.suspects) and diagnosis.can_tell,
            proposal.remedy.kind if proposal else NO_FIX,
        )


def report_of(incidents: Sequence[Served], made_at: datetime, since: datetime) -> SliceReport:
    """The slices of ``incidents``, each held against all others."""
    members: dict[tuple[str, str], list[Served]] = defaultdict(list)
    for incident in incidents:
        for place in dict.fromkeys(incident.places):
            members[place].append(incident)
    rows = [_row(place, mine, incidents) for place, mine in members.items()]
    rows = _corrected(sorted(rows, key=lambda row: (row.dimension, -row.incidents, row.value)))
    overall = _row(("all", "incidents"), incidents, incidents)
    return SliceReport(made_at, since, overall, tuple(rows), tuple(s for row in rows for s in row.alerts))


def raise_alerts(engine: sa.Engine, report: SliceReport) -> list[str]:
    """Put on record which slices have come to be served worse, and which no longer are; returns the new ones.

    An alert stands until it is over: the same one is not raised again every night.
    """
    raised, over = "slice_served_worse", "slice_served_as_others"
    newest = {entry.subject: entry.action for entry in audit.entries(engine, actions=(raised, over))}
    standing = {subject for subject, action in newest.items() if action == raised}
    worse = {f"{row.name}: {rate.measure}": (row, rate) for row in report.rows for rate in row.rates if rate.is_worse}
    for subject in sorted(worse.keys() - standing):
        row, rate = worse[subject]
        audit.append(engine, BY, raised, subject, because="; ".join(row.alerts), figures=rate.as_json())
        log.warning("served worse: %s", "; ".join(row.alerts))
    for subject in sorted(standing - worse.keys()):
        audit.append(engine, BY, over, subject, because="chance explains the difference, or it is small")
    return sorted(worse.keys() - standing)


def _places(
    files: CaseFiles, incident: Incident, diagnosis: Diagnosis, case: LabelledCase | None
) -> Iterator[tuple[str, str]]:
    yield "service", incident.service
    yield "severity", incident.severity.value
    if incident.environment:
        yield "environment", incident.environment
    tags = {name.lower(): value for name, value in incident.alert.tags.items()}
    yield from (("team", tags[name]) for name in TEAM_TAGS if tags.get(name))
    if diagnosis.model is not None:
        yield "model", diagnosis.model.name
    if case is not None:
        if case.fault:
            yield "fault", case.fault.strip().lower()
        yield from (("set off by", kind) for kind in sorted(_set_off_by(files, case)))
    for modality, there in modalities_in(files.snapshot(incident.id)).items():
        yield "telemetry", f"with {modality}" if there else f"without {modality}"


def _set_off_by(files: CaseFiles, case: LabelledCase) -> set[str]:
    """The kinds of change that a person says did it, or that none did."""
    if case.changes is None:
        return set()
    if not case.changes:
        return {"no change"}
    excerpt = files.store.latest(case.incident.id, ChangeExcerpt)
    known: Iterable[Change] = excerpt.changes if excerpt else ()
    return {change.kind.value for change in known if change.id in case.changes}


def modalities_in(snapshot: Path) -> dict[str, bool]:
    """Which kinds of telemetry a snapshot holds; empty where it is gone. Looks at no content but the call graph's."""
    if not (snapshot / "alert.json").exists():
        return {}
    return {modality: _holds(snapshot / name, modality) for modality, name in PARTS.items()}


def _holds(path: Path, modality: str) -> bool:
    if not path.exists():
        return False
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return int(parquet.read_metadata(path).num_rows) > 0
    return '"caller"' in path.read_text("utf-8") if modality == "graph" else path.stat().st_size > 1


def _row(place: tuple[str, str], mine: Sequence[Served], everyone: Sequence[Served]) -> Row:
    inside = {incident.incident_id for incident in mine}
    others = [incident for incident in everyone if incident.incident_id not in inside]
    rates = tuple(_rate(measure, mine, others) for measure in MEASURES)
    return Row(*place, len(mine), rates, dict(Counter(incident.action for incident in mine).most_common()))


def _rate(measure: Measure, mine: Sequence[Served], others: Sequence[Served]) -> Rate:
    """With the chance of it, not yet corrected, where there are enough on either side."""
    here, there = ([w for w in map(measure.went_wrong, some) if w is not None] for some in (mine, others))
    p = chance_of_more(sum(here), len(here), sum(there), len(there)) if min(len(here), len(there)) >= FEWEST else None
    elsewhere = sum(there) / len(there) if there else float("nan")
    return Rate(measure.name, sum(here), len(here), share(sum(here), len(here)), elsewhere, p)


def _corrected(rows: Sequence[Row]) -> list[Row]:
    tried = [rate.p for row in rows for rate in row.rates if rate.p is not None]
    p = iter(holm(tried))
    return [_with(row, [None if rate.p is None else next(p) for rate in row.rates]) for row in rows]


def _with(row: Row, p: Sequence[float | None]) -> Row:
    return replace(row, rates=tuple(replace(rate, p=value) for rate, value in zip(row.rates, p, strict=True)))
