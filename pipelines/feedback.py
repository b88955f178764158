"""Feedback: what became of every incident, as labelled cases with the telemetry that the models saw.

A case is read from what is stored anyway: a person's answer to the proposal, what happened after it was done, and what
somebody said afterwards. The most believable of these is the label (:mod:`data.labels`); a cause that came back soon
after it was mended is not one that a recovery confirms.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np

from data import audit
from data.datasets.common import Case, Truth
from data.domain import Diagnosis, Feedback, Incident, IncidentStatus, RejectReason, Verdict
from data.errors import InputError, QaiError
from data.excerpt import ChangeExcerpt, Topology
from data.labels import STRONG, WEIGHT, Label, Origin
from data.sources.bundle import read_telemetry
from data.store import Store
from data.telemetry import Telemetry
from models.rankers.board import Board
from models.rankers.examples import Example, digest_of, load, save
from pipelines.calm import COME_BACK, calm, episodes
from pipelines.casefile import CaseFiles
from pipelines.prepare import Source, examples_of
from pipelines.recurrence import return_of

log = logging.getLogger(__name__)

# The system of incidents that name no environment.
NO_ENVIRONMENT = "live"
HISTORY = timedelta(hours=2)
_PAGE = 500


@dataclass(frozen=True)
class LabelledCase:
    """One incident, who or what is said to have caused it, and how far that is believed.

    Attributes:
        system: the environment it happened in.
        services: any of them is right; empty where nothing was wrong, or only what did *not* do it is known.
        changes: None where nothing is known of changes, empty where none did it.
        refuted: services of which a person said that it was not them.
        origin, weight: what stands behind the label, and how much it counts in training, in [0, 1].
        recurred: the same service alerted again soon after the incident was over.
        said, confidence: what was diagnosed at the time; None and 0 where nothing was.
        fault: the kind of fault, in the word of whoever labelled it; empty where nobody said.
        snapshot: the bundle of what the models saw.
    """

    incident: Incident
    system: str
    services: tuple[str, ...]
    changes: tuple[str, ...] | None
    refuted: tuple[str, ...]
    origin: Origin
    weight: float
    by: str
    at: datetime
    recurred: bool
    said: str | None
    confidence: float
    snapshot: Path
    fault: str = ""

    @property
    def is_weak(self) -> bool:
        """Whether nobody gave it as a label; it follows from what was done."""
        return self.origin not in STRONG

    @property
    def was_right(self) -> bool | None:
        """Whether the diagnosis named the cause; None where the label does not tell."""
        if self.said is None or self.origin is Origin.approved:
            return None
        if self.services:
            return self.said in self.services
        return False if self.said in self.refuted or self.origin is not Origin.rejected else None


def label(files: CaseFiles, said: Label, *, unseen: bool = False) -> None:
    """Keep what a person says caused an incident, on record.

    Args:
        unseen: the cause need not be among the services that were seen.

    Raises:
        StoreError: there is no such incident.
        InputError: it names services or changes of which nothing was seen.
    """
    files.store.incident(said.incident_id)
    if not unseen:
        _check_seen(files, said)
    audit.append(files.store.engine, said.by, "label", said.incident_id, **said.model_dump(mode="json", exclude={"by"}))
    files.store.put(said.incident_id, said)
    names = "nothing was wrong" if said.nothing_wrong else ", ".join(said.services)
    files.store.note(said.incident_id, "labelled", f"{said.by} says what caused it: {names}")


def _check_seen(files: CaseFiles, said: Label) -> None:
    topology = files.store.latest(said.incident_id, Topology)
    known = {node.id for node in topology.nodes} if topology else set()
    known |= set(read_telemetry(files.snapshot(said.incident_id)).services)
    for service in said.services:
        if service not in known:
            seen = ", ".join(sorted(known)) or "none"
            raise InputError(
                f"{service!r} was not seen, add --unseen if it still did it; seen: {seen}", field="service"
            )
    changes = {change.id for change in files.changes(said.incident_id)}
    for change in said.changes or ():
        if change not in changes:
            raise InputError(f"{change!r} is no change of this incident", field="change")


def labelled_cases(files: CaseFiles) -> list[LabelledCase]:
    """Every incident that anything is known of, oldest first."""
    incidents = list(all_incidents(files.store))
    found = (_case(files, incident, incidents) for incident in incidents)
    return sorted((case for case in found if case is not None), key=lambda case: (case.at, case.incident.id))


def all_incidents(store: Store) -> Iterator[Incident]:
    """Every incident, newest first."""
    offset = 0
    while page := store.incidents(limit=_PAGE, offset=offset):
        yield from page
        offset += len(page)


def _case(files: CaseFiles, incident: Incident, others: Iterable[Incident]) -> LabelledCase | None:
    store = files.store
    said, answer = store.latest(incident.id, Label), store.latest(incident.id, Feedback)
    if said is None and answer is None:
        return None
    diagnosis = store.latest(incident.id, Diagnosis)
    leader = diagnosis.suspects[0].service if diagnosis and diagnosis.suspects else None
    case = LabelledCase(
        incident=incident,
        system=system_of(incident),
        services=(),
        changes=None,
        refuted=(),
        origin=Origin.rejected,
        weight=0.0,
        by=(said or answer).by,  # type: ignore[union-attr]  # one of them is there
        at=(said or answer).at,  # type: ignore[union-attr]
        recurred=return_of(incident, others) is not None,
        said=leader,
        confidence=diagnosis.confidence if diagnosis else 0.0,
        snapshot=files.snapshot(incident.id),
    )
    if said is not None:
        case = replace(case, services=said.services, changes=said.changes, origin=Origin.post_hoc, fault=said.fault)
    elif answer is not None and answer.verdict is Verdict.rejected:
        case = _of_rejection(files, case, answer)
    else:
        case = _of_approval(case, diagnosis)
    return replace(case, weight=WEIGHT[case.origin])


def _of_rejection(files: CaseFiles, case: LabelledCase, answer: Feedback) -> LabelledCase:
    """What the person named; a change names the service it changed, where it says which."""
    changes = (answer.true_change,) if answer.true_change else None
    if answer.true_service:
        return replace(case, services=(answer.true_service,), changes=changes, origin=Origin.corrected)
    excerpt = files.store.latest(case.incident.id, ChangeExcerpt)
    changed = {c.service for c in excerpt.changes if c.id == answer.true_change and c.service} if excerpt else set()
    if changed:
        return replace(case, services=tuple(sorted(changed)), changes=changes, origin=Origin.corrected)
    if answer.reason is RejectReason.not_an_incident:
        return replace(case, changes=(), origin=Origin.corrected)
    wrong = (case.said,) if case.said and answer.reason is RejectReason.wrong_cause else ()
    return replace(case, changes=changes, refuted=wrong)


def _of_approval(case: LabelledCase, diagnosis: Diagnosis | None) -> LabelledCase:
    """The diagnosis stands behind the fix; whether that worked is what tells the most."""
    if case.said is None or case.recurred:
        return case
    verified = case.incident.status is IncidentStatus.resolved
    blamed = diagnosis.changes[:1] if diagnosis else ()
    changes = tuple(c.id for c in blamed if diagnosis and c.probability > diagnosis.no_change_probability)
    origin = Origin.recovered if verified else Origin.approved
    return replace(case, services=(case.said,), changes=changes or None, origin=origin)


@dataclass(frozen=True)
class Boards:
    """The boards of labelled cases, kept below ``folder`` so that each is made once, whatever label it gets.

    The boards themselves hold no name; those of an incident lie in a file beside its own, to find who is meant.
    """

    files: CaseFiles
    folder: Path

    @cached_property
    def code(self) -> str:
        """Digest of the code that makes boards."""
        return Source("feedback", "").digest

    def of(self, case: LabelledCase, number: int) -> list[Example]:
        """The examples of one case under ``number``; empty where its snapshot is gone or cannot be read."""
        return [_labelled(example, services, case, number) for example, services in self.kept(case.incident)]

    def likeliest(self, incident: Incident) -> Board | None:
        """What the likeliest view of an incident showed; None where its snapshot is gone or cannot be read."""
        examples = [example for example, _ in self.kept(incident)]
        return max(examples, key=lambda example: example.share).board if examples else None

    def kept(self, incident: Incident) -> list[tuple[Example, tuple[str, ...]]]:
        """Examples that nobody has labelled, each with its services."""
        path = self.folder / f"{self.files.snapshot(incident.id).name}.npz"
        names = path.with_suffix(".json")
        if digest_of(path) != self.code or not names.exists():
            made = self._made(incident)
            if not made:
                return []
            save(path, made, system=system_of(incident), digest=self.code)
            names.write_text(json.dumps([example.board.services for example in made]), encoding="utf-8")
        known = json.loads(names.read_text(encoding="utf-8"))
        return [(example, tuple(services)) for example, services in zip(load(path)[1], known, strict=True)]

    def _made(self, incident: Incident) -> list[Example]:
        if not (self.files.snapshot(incident.id) / "alert.json").exists():
            return []
        try:
            telemetry = as_investigated(self.files, incident, HISTORY)
            case = Case(incident.id, system_of(incident), self.files.alert(incident), telemetry, lambda: Truth(()))
            return examples_of(case, 0, 0)
        except QaiError as error:
            # One snapshot that cannot be read must not keep the others from being learned from.
            log.warning("%s is left out: %s", incident.id, error)
            return []


def as_investigated(files: CaseFiles, incident: Incident, lookback: timedelta) -> Telemetry:
    """The telemetry of an incident as its models saw it: what was collected, less the trouble before it."""
    fired_at = files.alert(incident).fired_at
    past = episodes(files.store, incident.environment, since=fired_at - lookback, before=fired_at - COME_BACK)
    return calm(read_telemetry(files.snapshot(incident.id)), past)


def system_of(incident: Incident) -> str:
    """Where an incident happened, as learning calls it."""
    return incident.environment or NO_ENVIRONMENT


def _labelled(example: Example, services: Sequence[str], case: LabelledCase, number: int) -> Example:
    guilty = np.isin(services, case.services)
    lost = bool(case.services) and not guilty.any()
    return replace(example, case=number, showing=number, guilty=guilty, lost=lost)
