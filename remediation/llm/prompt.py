"""The prompt: the incident's facts in the order of their worth, redacted, fenced, and within a budget of tokens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, takewhile
from pathlib import Path
from typing import Any, NamedTuple

from data.domain import Change, Diagnosis, Evidence, EvidenceKind, Incident
from remediation.llm import Attachment, Prompt
from remediation.llm.answer import schema
from remediation.readings import number, reading_of
from remediation.redact import Vault
from remediation.text import code_line, one_line, plain, short

TOKENS = 12_000
_CHARACTERS_A_TOKEN = 3.5  # of English and code, a little on the safe side


@dataclass(frozen=True)
class Past:
    """A similar incident of the past, as its own record tells it.

    ``likeness`` is in [0, 1]. ``minutes_to_recover`` runs from its first alert to its recovery; None where it did not
    recover by an alert's own word.
    """

    id: str
    title: str
    cause: str
    fix: str
    minutes_to_recover: float | None = None
    likeness: float = 0.0


@dataclass(frozen=True)
class Facts:
    """What there is to tell beside the diagnosis. ``files`` are those in scope, by path."""

    changes: Sequence[Change] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    known_issues: Sequence[str] = ()
    history: Sequence[Past] = ()
    runbooks: Sequence[str] = ()
    attachments: tuple[Attachment, ...] = ()


def build(
    incident: Incident, diagnosis: Diagnosis, facts: Facts, vault: Vault, *, refused: str = "", tokens: int = TOKENS
) -> Prompt:
    """The prompt for one incident.

    Each section has a share of the budget for what it tells best; what sections leave over goes to those that did not
    fit, the most telling first. Within a section lines are cut from the end, for the most telling come first.
    """
    fitted = _fitted(list(_sections(incident, diagnosis, facts)), int(tokens * _CHARACTERS_A_TOKEN))
    sections = [(name, redacted) for name, text in fitted if (redacted := vault.redact(text))]
    # A fence nobody who wrote a log line could know, the same for the same incident.
    digest = hashlib.sha256("\x1f".join(text for _, text in sections).encode()).hexdigest()[:12]
    fence = f"DATA-{digest}"
    words = _templates()
    return Prompt(
        system=words.get_template("system.md.j2").render(
            fence=fence, scope=", ".join(sorted(facts.files)[:40]), role_note="", schema=json.dumps(schema())
        ),
        user=words.get_template("user.md.j2").render(
            incident={"id": incident.id, "service": plain(incident.service), "opened_at": incident.opened_at},
            diagnosis=diagnosis, sections=sections, fence=fence, refused=vault.redact(one_line(refused, 1000)),
        ),
        attachments=facts.attachments,
    )  # fmt: skip


class _Section(NamedTuple):
    """Name, the share of the budget it may take, its rank for what others leave over, and its lines."""

    name: str
    share: float
    rank: int
    lines: list[str]


def _sections(incident: Incident, diagnosis: Diagnosis, facts: Facts) -> Iterator[_Section]:
    """In the order they are read; in each the most telling lines come first."""
    alert = incident.alert
    about = f"{alert.metric}={alert.value} threshold={alert.threshold}" if alert.metric else ""
    fired = f"{alert.service}: {plain(alert.title)} {about} at {alert.fired_at:%Y-%m-%d %H:%M:%S} UTC"
    told = (EvidenceKind.log, EvidenceKind.span, EvidenceKind.topology)
    yield _Section("alert", 0.05, 0, [fired])
    yield _Section("ranked causes", 0.08, 1, list(_causes(diagnosis, facts.changes)))
    yield _Section("metrics", 0.15, 4, list(_metrics(diagnosis)))
    yield _Section("logs and spans", 0.14, 5, list(_observations(diagnosis, told)))
    yield _Section("changes", 0.2, 2, list(_changes(diagnosis, facts.changes)))
    yield _Section("known issues", 0.04, 7, [plain(issue, 400) for issue in facts.known_issues])
    yield _Section("similar incidents", 0.06, 6, [_past(past) for past in facts.history])
    yield _Section("runbooks", 0.06, 8, [plain(line, 400) for text in facts.runbooks for line in text.splitlines()])
    yield _Section("files in scope", 0.22, 3, list(_files(facts.files)))


def _causes(diagnosis: Diagnosis, changes: Sequence[Change]) -> Iterator[str]:
    for candidate in diagnosis.suspects[:8]:
        yield f"service {plain(candidate.service)}: probability {candidate.probability:.2f}{_ids(candidate.evidence)}"
    for change in diagnosis.changes[:8]:
        yield f"change {plain(short(change.id))}: probability {change.probability:.2f}{_ids(change.evidence)}"
    yield f"no change: probability {diagnosis.no_change_probability:.2f}{_ids(diagnosis.no_change_evidence)}"
    yield from (f"not seen: {plain(blind, 300)}" for blind in diagnosis.unseen[:6])


def _metrics(diagnosis: Diagnosis) -> Iterator[str]:
    for item in _worthiest(diagnosis, (EvidenceKind.metric,)):
        reading = reading_of(item)
        if reading is None or reading.current is None:
            yield f"[{item.id}] {plain(item.summary, 300)}"
            continue
        yield (
            f"[{item.id}] {plain(item.service or '')} {plain(reading.name)}: {reading.target()}, "
            f"current {number(reading.current)}; {plain(item.summary, 300)}"
        )


def _observations(diagnosis: Diagnosis, kinds: tuple[EvidenceKind, ...]) -> Iterator[str]:
    return (f"[{e.id}] {plain(e.service or '')}: {plain(e.summary, 400)}" for e in _worthiest(diagnosis, kinds))


def _changes(diagnosis: Diagnosis, changes: Sequence[Change]) -> Iterator[str]:
    probability = {change.id: change.probability for change in diagnosis.changes}
    for item in _worthiest(diagnosis, (EvidenceKind.change,)):
        yield f"[{item.id}] {plain(item.summary, 300)}"
    for change in sorted(changes, key=lambda c: (-probability.get(c.id, 0.0), c.id))[:6]:
        carried = f" of commit {plain(short(change.commit))}" if change.commit else ""
        where = f"{change.timestamp:%H:%M:%S} {plain(change.service or '')}"
        yield f"{change.kind} {plain(short(change.id))}{carried} {where}: {plain(change.summary)}"
        yield from (code_line(line) for line in (change.diff or "").splitlines()[:80])


def _files(files: Mapping[str, str]) -> Iterator[str]:
    for path, text in files.items():
        yield f"--- {path}"
        yield from (code_line(line, 2000) for line in text.splitlines())


def _past(past: Past) -> str:
    took = f"; recovered after {past.minutes_to_recover:.0f} min" if past.minutes_to_recover is not None else ""
    return f"{plain(past.id)} {plain(past.title)}: cause {plain(past.cause)}; fix {plain(past.fix)}{took}"


def _worthiest(diagnosis: Diagnosis, kinds: tuple[EvidenceKind, ...]) -> list[Evidence]:
    """What the candidates cite comes first, then what is most out of the ordinary."""
    cited = {i for candidate in diagnosis.suspects for i in candidate.evidence}
    cited |= {i for change in diagnosis.changes for i in change.evidence}
    found = [item for item in diagnosis.evidence if item.kind in kinds]
    return sorted(found, key=lambda item: (item.id not in cited, -abs(item.score), item.id))


def _ids(ids: Sequence[str]) -> str:
    return "".join(f" [{i}]" for i in ids[:6])


def _fitted(sections: list[_Section], room: int) -> list[tuple[str, str]]:
    """Each section's text, all of them together within ``room`` characters."""
    kept = [_that_fit(section.lines, int(room * section.share)) for section in sections]
    left = room - sum(_size(section.lines[:count]) for section, count in zip(sections, kept, strict=True))
    for at in sorted(range(len(sections)), key=lambda at: sections[at].rank):
        more = _that_fit(sections[at].lines[kept[at] :], left)
        left -= _size(sections[at].lines[kept[at] : kept[at] + more])
        kept[at] += more
    return [(section.name, _cut(section.lines, count)) for section, count in zip(sections, kept, strict=True)]


def _that_fit(lines: Sequence[str], room: int) -> int:
    """How many of the first lines fit."""
    sizes = accumulate(len(line) + 1 for line in lines)
    return sum(1 for _ in takewhile(lambda size: size <= room, sizes))


def _size(lines: Sequence[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _cut(lines: Sequence[str], count: int) -> str:
    return "\n".join([*lines[:count], *(["(more was left out: it did not fit)"] if count < len(lines) else [])])


@lru_cache(maxsize=1)
def _templates() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = Path(__file__).parent / "templates"
    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
