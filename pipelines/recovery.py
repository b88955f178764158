"""Verify: did what was done help? Looked at from telemetry, until it can be said or the time for it is over.

    recovered       what alerted is back in its usual range, what was said to hold holds, nothing else got worse
    partly          what alerted is back; something else that was said to hold is not, or could not be seen
    not_recovered   it did not come back in the time given
    worse           something got worse that had been well, or what alerted did, much
    unverified      what alerted could not be seen

Nothing is remembered between two looks: what is verified is read from the store (something was applied, and nobody has
said yet what came of it), and every look judges anew from telemetry. So a restart in between loses nothing, and an
incident that waits holds no thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from data.action import Applied, Recovery, RecoveryOutcome, TakingBack
from data.domain import EvidenceKind, Incident, IncidentStatus, now
from data.errors import ActionError
from data.settings import Settings
from data.sources import Request
from data.telemetry import Metrics, SeriesKey
from models.recovery import Level, Span, levels, newly_troubled, symptoms_of
from pipelines.calm import LEAD, TAIL, calm_metrics, episodes
from pipelines.casefile import CaseFiles
from pipelines.collect import gather
from pipelines.rulings import graph_of
from pipelines.sites import Sites
from remediation.readings import reading_of

log = logging.getLogger(__name__)

# A restart, a cold cache, a first sample: before this nothing is said to be worse.
SETTLE = timedelta(seconds=60)
# What could not be seen so long after, or is not back although the alert is, is said and not waited for.
PATIENCE = timedelta(minutes=3)
# How long what is tried on a part is looked at before it is done everywhere.
CANARY = timedelta(minutes=2)
# How much of the time before the trouble says what is usual.
USUAL = timedelta(minutes=30)
# Only metrics are looked at: that a source has no others takes nothing away.
_OTHER_PARTS = frozenset({"logs", "spans", "changes", "topology"})


@dataclass(frozen=True)
class Seen:
    """One look at everything that bears on the question.

    Attributes:
        alerted: the series that alerted, or what users feel of the services that did.
        promised: the series that the proposal's evidence names, and so what it said would be well again.
        harmed: what got worse elsewhere.
        not_in_place: what of the change itself is not as it was to be.
        confounded: what else happened meanwhile, so that harm cannot be put down to the change.
        unseen: what could not be looked at.
    """

    alerted: tuple[Level, ...]
    promised: tuple[Level, ...] = ()
    harmed: tuple[Level, ...] = ()
    not_in_place: str | None = None
    confounded: str | None = None
    unseen: tuple[str, ...] = ()


def judge(applied: Applied, seen: Seen, *, resolved: bool, waited: timedelta, patience: timedelta) -> Recovery | None:
    """What can be said of ``applied`` so far; None while it is better to look again.

    Args:
        resolved: whether the monitor that alerted says that it is over.
        waited: how long ago it took effect.
        patience: after how long to give up waiting.
    """

    def found(outcome: RecoveryOutcome, *sentences: str, unseen: Iterable[str] = ()) -> Recovery:
        return _recovery(applied, seen, outcome, *sentences, unseen=unseen)

    harm = _harm(seen, waited, resolved=resolved)
    if harm:
        return found(RecoveryOutcome.worse, *harm)
    known = [level for level in seen.alerted if level.back is not None]
    if all(level.back for level in known) if known else resolved:
        return _once_back(seen, known, waited, found)
    if waited < patience:
        return None
    if not known:
        return found(RecoveryOutcome.unverified, unseen=["no sample of what alerted since"] if not seen.unseen else [])
    away = [level.words for level in known if not level.back]
    # Its own monitor, which sees more than one series, says that it is over: nothing is taken back against that.
    return found(RecoveryOutcome.partly if resolved else RecoveryOutcome.not_recovered, *away)


def judge_canary(applied: Applied, seen: Seen, *, waited: timedelta, patience: timedelta) -> Recovery | None:
    """What can be said of something that was tried on a part: only that it does harm, or that it never ran.

    That it helps cannot be seen while most of the traffic goes elsewhere.
    """
    harm = _harm(seen, waited, resolved=False)
    if harm:
        return _recovery(applied, seen, RecoveryOutcome.worse, "tried on a part", *harm)
    if waited >= patience and seen.not_in_place is not None:
        return _recovery(applied, seen, RecoveryOutcome.failed, "tried on a part", seen.not_in_place)
    return None


def _harm(seen: Seen, waited: timedelta, *, resolved: bool) -> list[str]:
    """What got worse, as clauses; none while it is too early, or may be something else's doing."""
    if waited < SETTLE or seen.confounded is not None:
        return []
    own = [level.words for level in seen.alerted if level.is_much_worse and not resolved]
    return [*(level.words for level in seen.harmed), *own]


def _recovery(
    applied: Applied, seen: Seen, outcome: RecoveryOutcome, *sentences: str, unseen: Iterable[str] = ()
) -> Recovery:
    blind = (*seen.unseen, *unseen)
    return Recovery(
        outcome=outcome, action=applied.action, service=applied.service, seen=tuple(sentences), unseen=blind
    )


def _once_back(
    seen: Seen, known: Sequence[Level], waited: timedelta, found: Callable[..., Recovery]
) -> Recovery | None:
    """What can be said once what alerted is back."""
    back = [level.words for level in known] or ["its monitor says that it is over"]
    missing = [level.words for level in seen.promised if level.back is False]
    missing += [seen.not_in_place] if seen.not_in_place else []
    blind = [level.words for level in seen.promised if level.back is None]
    blind += [seen.confounded] if seen.confounded and seen.harmed else []
    if not missing and not blind and not seen.unseen:
        return found(RecoveryOutcome.recovered, *back)
    if waited < PATIENCE:
        return None
    return found(RecoveryOutcome.partly, *back, *missing, unseen=blind)


@dataclass(frozen=True)
class RecoveryWatch:
    """Looks at what was applied and is not judged yet.

    ``take_back`` begins the flow that undoes it, ``go_on`` does everywhere what was tried on a part and did no harm.
    """

    settings: Settings
    files: CaseFiles
    sites: Sites
    take_back: Callable[[str], None]
    go_on: Callable[[str], None]

    def run(self, stop: threading.Event) -> None:
        """Look until ``stop`` is set. A look that fails is logged, and the next one is made all the same."""
        while not stop.wait(self.settings.verify_s):
            try:
                self.look(now())
            except Exception:
                log.exception("no look at recovery was possible; trying again in %g s", self.settings.verify_s)

    def look(self, as_of: datetime) -> list[Recovery]:
        """One look at every write that waits to be judged; returns what could be said."""
        said = []
        for incident in self.files.store.having(Applied, without=Recovery):
            try:
                recovery = self._judge(incident, as_of)
                if recovery is not None:
                    self._settle(incident, recovery)
                    said.append(recovery)
            except Exception:
                # One that cannot be looked at must not keep the others from being taken back.
                log.exception("recovery of %s could not be looked at; trying again later", incident.id)
        return said

    def _judge(self, incident: Incident, as_of: datetime) -> Recovery | None:
        applied = self.files.required(incident.id, Applied)
        since = applied.in_effect or applied.at
        seen, waited = self._seen(incident, applied, since, as_of), as_of - since
        patience = timedelta(minutes=self.settings.verify_minutes)
        if applied.is_canary:
            recovery = judge_canary(applied, seen, waited=waited, patience=patience)
            if recovery is None and waited >= CANARY and seen.not_in_place is None:
                self.go_on(incident.id)
            return recovery
        resolved = incident.status is IncidentStatus.resolved
        return judge(applied, seen, resolved=resolved, waited=waited, patience=patience)

    def _seen(self, incident: Incident, applied: Applied, since: datetime, as_of: datetime) -> Seen:
        diagnosis, site = self.files.diagnosis(incident.id), self.sites.of(incident)
        fired = min(alert.fired_at for alert in incident.alerts)
        onset = min(fired, diagnosis.onset or fired) - (LEAD if diagnosis.onset is None else TAIL)
        request = Request(alert=None, start=onset - USUAL, as_of=as_of, metrics_only=True)
        telemetry = gather(request, site.sources, deadline_s=self.settings.source_deadline_s)
        past = episodes(self.files.store, incident.environment, since=request.start, before=onset)
        metrics, span = calm_metrics(telemetry.metrics, past), Span(onset, since, as_of)
        alerted = _alerted(incident, metrics)
        promised = self._promised(incident.id)
        keys = {key for key in metrics.keys if (key.service, key.metric) in promised}
        absent = promised - {(key.service, key.metric) for key in keys}
        near = self._near(incident, applied)
        suffering = {*diagnosis.blast_radius.symptomatic, *(alert.service for alert in incident.alerts)}
        harmed = newly_troubled(metrics, span, suffering)
        return Seen(
            alerted=levels(metrics, alerted, span),
            promised=_told(levels(metrics, keys, span)),
            harmed=tuple(level for level in harmed if not near or level.key.service in near),
            not_in_place=self._not_in_place(incident, applied),
            confounded=self._confounded(incident, since),
            unseen=(
                *(item.summary for item in telemetry.missing if item.detail.get("part") not in _OTHER_PARTS),
                *(f"{metric} of {service} is not reported any more" for service, metric in sorted(absent)),
            ),
        )

    def _promised(self, incident_id: str) -> set[tuple[str, str]]:
        """Service and metric of every metric the proposal rests on: its cause mended, they are as they were.

        What spans and logs told is not looked at again; what users feel of it is in the metrics, too.
        """
        proposal, diagnosis = self.files.proposal(incident_id), self.files.diagnosis(incident_id)
        text = " ".join((proposal.root_cause_analysis.summary, *proposal.proposed_solution.verification_steps))
        metrics = (item for item in diagnosis.evidence if item.kind is EvidenceKind.metric)
        cited = [item for item in metrics if f"[{item.id}]" in text]
        readings = [reading for item in cited if (reading := reading_of(item)) is not None]
        return {(r.service, r.name) for r in readings if r.service is not None and r.baseline is not None}

    def _near(self, incident: Incident, applied: Applied) -> frozenset[str]:
        """The services connected with what was touched; empty where that is not known, which rules none out."""
        graph = graph_of(self.files.store, incident.id)
        if applied.service not in graph.services:
            return frozenset()
        return frozenset({applied.service, *graph.upstream(applied.service), *graph.downstream(applied.service)})

    def _not_in_place(self, incident: Incident, applied: Applied) -> str | None:
        platform = self.sites.of(incident).platform
        if applied.operation is None or platform is None:
            return None
        try:
            return platform.missing(applied.operation)
        except ActionError as error:
            return f"whether {applied.operation.target} is as it was to be could not be seen: {error}"

    def _confounded(self, incident: Incident, since: datetime) -> str | None:
        """Another incident of the same environment that began since: what got worse may be its doing."""
        others = (i for i in self.files.store.incidents(limit=20) if i.id != incident.id and not i.is_advice)
        fresh = (i for i in others if i.environment == incident.environment and i.alert.fired_at > since)
        found = next(fresh, None)
        return f"{found.id} began meanwhile, so what got worse since cannot be put down to this" if found else None

    def _settle(self, incident: Incident, recovery: Recovery) -> None:
        store, applied = self.files.store, self.files.required(incident.id, Applied)
        store.put(incident.id, recovery)
        store.note(incident.id, "verified", recovery.sentence, outcome=recovery.outcome.value)
        if not recovery.outcome.is_bad:
            return
        if applied.in_effect is None:
            why = f"{recovery.sentence}. Whether {applied.summary} runs by now is not known here, so it stays"
            self.files.escalate(incident.id, why)
            return
        store.put(incident.id, TakingBack(because=recovery.sentence))
        self.take_back(incident.id)


def _told(promised: Sequence[Level]) -> tuple[Level, ...]:
    """Without instances that are gone, where others of the same service still report."""
    living = {(level.key.service, level.key.metric) for level in promised if level.back is not None}
    return tuple(x for x in promised if x.back is not None or (x.key.service, x.key.metric) not in living)


def _alerted(incident: Incident, metrics: Metrics) -> set[SeriesKey]:
    """The series that alerted; of a service whose alerts name none that is reported, what its users feel."""
    found: set[SeriesKey] = set()
    for alert in incident.alerts:
        own = {key for key in metrics.keys if (key.service, key.metric) == (alert.service, alert.metric)}
        instance = alert.extra.get("instance")
        own = {key for key in own if key.instance == instance} or own
        found |= own or set(symptoms_of(metrics, alert.service))
    return found
