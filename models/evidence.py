"""From findings to numbered evidence: which of them carry a candidate, and the ids it is cited by."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from data.domain import Alert, Candidate, ChangeCandidate, Evidence, EvidenceKind
from data.topology import ServiceGraph
from models.base import Channel, Finding, strongest
from models.changes import ChangeRanking, Symptom
from models.features import Period
from models.indicators import Kind, kind_of
from models.ranking import Ranking
from models.sentences import MetricBlock, metric_findings

MAX_CANDIDATES = 20
MAX_CITED = 60
# How much of its strength a kind of sign keeps when a person is to be told first what explains latency or errors.
LESS_TELLING = 0.5
TELLING = {
    **dict.fromkeys((Channel.latency, Channel.errors, Channel.own_time, Channel.gap, Channel.error_origin), 1.0),
    **dict.fromkeys((Channel.new_logs, Channel.blame), 1.0),
    Channel.saturation: 0.8,
}
# The leading candidates cite this many observations each, the others fewer: changes need room in the ledger too.
EACH, EACH_OTHER, LEADING = 4, 2, 5


class Ledger:
    """Numbers evidence E1, E2, ... as it is cited; the same observation keeps its number."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str | None, str], Evidence] = {}

    @property
    def entries(self) -> tuple[Evidence, ...]:
        return tuple(self._entries.values())

    def cite(self, finding: Finding, *, beyond: int = 0) -> str | None:
        """The id of this observation; None once the ledger is full, and so many ``beyond``."""
        detail = {"indicator": finding.indicator, **finding.detail} if finding.indicator else finding.detail
        return self._enter(finding.service, finding.text, MAX_CITED + beyond, kind=finding.kind, source=finding.source,
                           score=finding.score, at=finding.at, detail=detail)  # fmt: skip

    def note_change(self, change: str | None, reason: str) -> str | None:
        """The id of a reason for or against ``change`` (None: that no change did it); None once the ledger is full."""
        id_ = self._enter(None, reason, MAX_CITED, kind=EvidenceKind.change, source="changes", detail={"changes": []})
        if id_ is not None and change is not None:
            self._of_change(reason, change)
        return id_

    def _of_change(self, reason: str, change: str) -> None:
        """Several changes may share a reason: it is labelled with all of them."""
        entry = self._entries[None, reason]
        changes = list(dict.fromkeys([*entry.detail["changes"], change]))
        self._entries[None, reason] = entry.model_copy(update={"detail": {"changes": changes}})

    def _enter(self, service: str | None, summary: str, most: int, **fields: object) -> str | None:
        key = (service, summary)
        if key not in self._entries:
            if len(self._entries) >= most:
                return None
            entry = {"id": f"E{len(self._entries) + 1}", "service": service, "summary": summary, **fields}
            self._entries[key] = Evidence.model_validate(entry)
        return self._entries[key].id


def candidates_from(
    ranking: Ranking,
    blocks: Sequence[MetricBlock],
    findings: Sequence[Finding],
    period: Period,
    graph: ServiceGraph,
    alert: Alert,
    ledger: Ledger,
) -> tuple[Candidate, ...]:
    """The leading services that evidence supports, each citing what moved it most, the most telling of that first.

    ``indicator`` is what moved it most, whether or not a person is told of it first. A service whose evidence no
    longer fits the ledger is left out, rather than listed without any: :mod:`models.faint` lists it behind.
    """
    leaders = list(ranking.probabilities)[:MAX_CANDIDATES]
    behind = behind_each(leaders, ranking, blocks, findings, period)
    candidates = []
    for service in leaders:
        cited = {id_: f for _, f in _most_telling_first(behind[service], alert) if (id_ := ledger.cite(f))}
        ids = tuple(cited)
        if ids:
            candidates.append(
                Candidate(
                    service=service,
                    probability=ranking.probabilities[service],
                    indicator=next(
                        (f.indicator for _, f in behind[service] if f in cited.values() and f.indicator), None
                    ),
                    evidence=ids,
                    path=graph.path(service, alert.service),
                )
            )
    return tuple(candidates)


def _most_telling_first(behind: Sequence[tuple[float, Finding]], alert: Alert) -> list[tuple[float, Finding]]:
    """Of like strength, what users feel comes before what machines do, where users' trouble raised the alert.

    That a call waits 300 ms explains slow pages to whoever is woken by them; that a processor is busy has yet to be
    tied to them. It leads all the same where it is stronger by far.
    """
    if kind_of(alert.metric or alert.title) not in (Kind.latency, Kind.error, Kind.availability):
        return list(behind)
    return sorted(behind, key=lambda pair: -pair[0] * TELLING.get(pair[1].channel, LESS_TELLING))


def change_candidates(ranked: ChangeRanking, ledger: Ledger) -> tuple[tuple[ChangeCandidate, ...], tuple[str, ...]]:
    """Every change with its probability, most probable first, and what is cited for "no change did it".

    Reasons are cited in the order of the explanations' probabilities, while the ledger has room.
    """
    reasons: dict[str | None, tuple[str, ...]] = {**dict(ranked.reasons.items()), None: ranked.no_change_reasons}
    shares: dict[str | None, float] = {**dict(ranked.probabilities.items()), None: ranked.no_change_probability}
    cited = {
        change: tuple(i for r in reasons.get(change, ())[:EACH] if (i := ledger.note_change(change, r)))
        for change in sorted(shares, key=lambda change: (-shares[change], change or ""))
    }
    found = [ChangeCandidate(id=c, probability=shares[c], evidence=cited[c]) for c in ranked.ordered]
    return tuple(found), cited[None]


def symptoms_from(
    services: Iterable[str],
    blocks: Sequence[MetricBlock],
    findings: Sequence[Finding],
    period: Period,
    beside: Sequence[Finding] = (),
) -> tuple[Symptom, ...]:
    """What went wrong, in the form that changes are judged against; strongest first.

    ``beside`` are observations that are no symptoms but tell something of changes (see ``models/steps.py``).
    """
    shown = [f for block in blocks if block.source == "metrics" for f in metric_findings(block, period, services)]
    said = {(f.service, f.indicator) for f in shown}
    more = [f for f in beside if (f.service, f.indicator) not in said]
    felt = {id(f) for f in (*shown, *findings)}
    return tuple(
        Symptom(
            f.service,
            f.kind.value,
            f.indicator or "",
            str(f.detail.get("sample") or f.detail.get("error") or f.text),
            f.score,
            f.channel.value if id(f) in felt else "",
        )
        for f in strongest([*shown, *findings, *more])
    )


def behind_each(
    leaders: Sequence[str], ranking: Ranking, blocks: Sequence[MetricBlock], findings: Sequence[Finding], period: Period
) -> dict[str, list[tuple[float, Finding]]]:
    """What each leader's findings gave to its score, those that gave most first."""
    everything = [*findings, *(f for block in blocks for f in metric_findings(block, period, leaders))]
    weighed: dict[str, dict[str, tuple[float, Finding]]] = defaultdict(dict)
    nth: Counter[tuple[str, str]] = Counter()
    for finding in strongest(everything):
        gave = ranking.contributions.get(finding.service, {}).get(finding.channel)
        if gave is not None:
            nth[finding.service, finding.channel] += 1
            # A channel's second sign repeats its first: half the weight, then a third, and so on.
            share = max(gave, 0.0) / nth[finding.service, finding.channel]
            # One observation may count in several channels; it is said once.
            before, first = weighed[finding.service].get(finding.text, (0.0, finding))
            weighed[finding.service][finding.text] = (before + share, first)
    return {
        s: sorted(weighed[s].values(), key=lambda pair: -pair[0])[: EACH if i < LEADING else EACH_OTHER]
        for i, s in enumerate(leaders)
    }
