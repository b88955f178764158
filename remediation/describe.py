"""The description of a pull request, from the template in ``templates/pull_request.md.j2``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from data.domain import Diagnosis, Incident
from data.proposal import Proposal
from remediation import text
from remediation.checks import Check
from remediation.offline import alternatives


def describe(
    incident: Incident, diagnosis: Diagnosis, proposal: Proposal, *, checks: Sequence[Check], files: Sequence[str]
) -> str:
    """Markdown for whoever reviews the change. What others wrote (titles, log lines) is inert in it."""
    known = [item.id for item in diagnosis.evidence]
    details = proposal.root_cause_analysis.details
    template = _templates(Path(__file__).parent / "templates").get_template("pull_request.md.j2")
    return str(
        template.render(
            incident=incident,
            diagnosis=diagnosis,
            proposal=proposal,
            analysis=proposal.root_cause_analysis,
            solution=proposal.proposed_solution,
            evidence=[item for item in diagnosis.evidence if f"[{item.id}]" in details],
            alternatives=alternatives(diagnosis, blamed=_blamed(diagnosis, proposal)),
            checks=checks,
            files=files,
            md=lambda value: text.markdown(str(value), known),
        )
    )


def _blamed(diagnosis: Diagnosis, proposal: Proposal) -> str | None:
    """The id of the change the proposal undoes: the most probable one, for remedies that undo a change."""
    if proposal.remedy.kind in ("scale", "scale_down", "restart", "tune"):
        return None
    best = max(diagnosis.changes, key=lambda change: change.probability, default=None)
    return best.id if best else None


@lru_cache(maxsize=1)
def _templates(folder: Path) -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # Markdown, not HTML: the filters below do the escaping, and a name that is not there is an error.
    environment = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["code"] = text.code
    return environment
