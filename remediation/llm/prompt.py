"""The prompt: the incident's facts in the order of their worth, redacted, fenced, and within a budget of tokens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from data.domain import Change, Diagnosis, Evidence, EvidenceKind, Incident
from remediation.llm import Attachment, Prompt
from remediation.llm.answer import schema
from remediation.readings import number, reading_of
from remediation.redact import Vault
from remediation.text import one_line, plain, short

TOKENS = 12_000
_CHARACTERS_A_TOKEN = 3.5  # of English and code, a little on the safe side


@dataclass(frozen=True)
class Past:
    """A similar incident of the past, as its own record tells it."""

    title: str
    cause: str
    fix: str
    minutes_to_recover: float | None = None


@dataclass(frozen=True)
class Facts:
    """What there is to tell beside the diagnosis. ``files`` are those in scope, by path."""

    changes: Sequence[Change] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    known_issues: Sequence[str] = ()
    history: Sequence[Past] = ()
    attachments: tuple[Attachment, ...] = ()


def build(
    incident: Incident, diagnosis: Diagnosis, facts: Facts, vault: Vault, *, refused: str = "", tokens: int = TOKENS
) -> Prompt:
    """The prompt for one incident. What does not fit the budget is left out from the end of each section first."""
    room = int(tokens * _CHARACTERS_A_TOKEN)
    sections: list[tuple[str, str]] = []
    for name, share, lines in _sections(incident, diagnosis, facts):
        text = vault.redact(_fitted(lines, int(room * share)))
        if text:
            sections.append((name, text))
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


def _sections(
    incident: Incident, diagnosis: Diagnosis, facts: Facts
) -> Iterator[tuple[str, float, Iterator[str] | list[str]]]:
    """Name, the share of the budget it may take, and its lines, the most telling first."""
    alert = incident.alert
    about = f"{alert.metric}={alert.value} threshold={alert.threshold}" if alert.metric else ""
    yield "alert", 0.05, [f"{alert.service}: {plain(alert.title)} {about} at {alert.fired_at:%Y-%m-%d %H:%M:%S} UTC"]
    yield "ranked causes", 0.08, _causes(diagnosis, facts.changes)
    yield "metrics", 0.15, _metrics(diagnosis)
    yield "logs and spans", 0.15, _observations(diagnosis, (EvidenceKind.log, EvidenceKind.span, EvidenceKind.topology))
    yield "changes", 0.2, _changes(diagnosis, facts.changes)
    yield "known issues", 0.05, [plain(issue, 400) for issue in facts.known_issues]
    yield "similar incidents", 0.07, [_past(past) for past in facts.history]
    yield "files in scope", 0.25, _files(facts.files)


def _causes(diagnosis: Diagnosis, changes: Sequence[Change]) -> Iterator[str]:
    for candidate in diagnosis.candidates[:8]:
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
        head = f"{change.kind} {plain(short(change.id))} {change.timestamp:%H:%M:%S} {plain(change.service or '')}"
        yield f"{head}: {plain(change.summary)}"
        yield from (one_line(line, 300) for line in (change.diff or "").splitlines()[:80])


def _files(files: Mapping[str, str]) -> Iterator[str]:
    for path, text in sorted(files.items(), key=lambda item: len(item[1])):
        yield f"--- {path}"
        yield from text.splitlines()


def _past(past: Past) -> str:
    took = f"; recovered after {past.minutes_to_recover:.0f} min" if past.minutes_to_recover is not None else ""
    return f"{plain(past.title)}: cause {plain(past.cause)}; fix {plain(past.fix)}{took}"


def _worthiest(diagnosis: Diagnosis, kinds: tuple[EvidenceKind, ...]) -> list[Evidence]:
    """What the candidates cite comes first, then what is most out of the ordinary."""
    cited = {i for candidate in diagnosis.candidates for i in candidate.evidence}
    cited |= {i for change in diagnosis.changes for i in change.evidence}
    found = [item for item in diagnosis.evidence if item.kind in kinds]
    return sorted(found, key=lambda item: (item.id not in cited, -abs(item.score), item.id))


def _ids(ids: Sequence[str]) -> str:
    return "".join(f" [{i}]" for i in ids[:6])


def _fitted(lines: Iterator[str] | list[str], room: int) -> str:
    kept: list[str] = []
    for line in lines:
        if len(line) + 1 > room:
            kept.append("(more was left out: it did not fit)")
            break
        kept.append(line)
        room -= len(line) + 1
    return "\n".join(kept)


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
