"""``qai-sre propose``: the fix for one recorded incident, its checks, and what the policy says. Writes nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from data.domain import Alert, Decision, Diagnosis, Incident
    from data.proposal import Proposal, Rejection
    from data.telemetry import Telemetry
    from remediation.checks import Check


@click.command("propose")
@click.argument("bundle", type=click.Path(path_type=Path), metavar="BUNDLE")
@click.option("--repo", type=click.Path(path_type=Path), metavar="DIR", help="The git repository that is deployed.")
@click.option("--base", default="HEAD", show_default=True, metavar="REV", help="The revision that is deployed.")
@click.option("--environment", metavar="NAME", help="The environment the policy is asked about.")
@click.option(
    "--attach", multiple=True, type=click.Path(path_type=Path), metavar="FILE", help="A picture or audio note."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    bundle: Path, repo: Path | None, base: str, environment: str | None, attach: tuple[Path, ...], as_json: bool
) -> None:
    """Draft the fix for a recorded incident, hold it to every check, and ask the policy about it.

    Gemini and OpenAI (or servers like them) draft where they are configured; without one, or where their drafts
    are refused, the offline synthesiser does. Exits 1 where nothing safe can be proposed.
    """
    from data.errors import ProposalError
    from data.settings import load_settings
    from data.sources.bundle import read_alert, read_telemetry
    from pipelines.champion import champion_below

    settings = load_settings()
    alert, telemetry = read_alert(bundle), read_telemetry(bundle)
    diagnosis = champion_below(settings.state_dir).investigate(alert, telemetry)
    incident = _incident(alert, diagnosis, environment)
    try:
        record, proposal = _propose(settings, incident, diagnosis, telemetry, repo, base, attach)
    except ProposalError as refused:
        _no_proposal(str(refused), as_json)
        sys.exit(1)
    if as_json:
        used = diagnosis.model.model_dump() if diagnosis.model else None
        click.echo(json.dumps({**record, "model": used}))
    else:
        _print(record, proposal)


def _propose(
    settings: Any,
    incident: Incident,
    diagnosis: Diagnosis,
    telemetry: Telemetry,
    repo: Path | None,
    base: str,
    attach: tuple[Path, ...],
) -> tuple[dict[str, Any], Proposal]:
    from pipelines.precedents import from_runbooks
    from remediation.execute import action_request
    from remediation.llm.attachments import read_attachment
    from remediation.llm.prompt import Facts
    from remediation.policy import DEFAULT_POLICY, ActionKind, decide, load_policy_or_refuse, reaching
    from remediation.rehearse import rehearse
    from serving.drafters import synthesizer

    facts = Facts(
        runbooks=from_runbooks(settings.runbooks, incident, diagnosis),
        attachments=tuple(read_attachment(path) for path in attach),
    )
    proposal, checks = rehearse(
        synthesizer(settings), incident, diagnosis, telemetry.changes, repository=repo, base=base, facts=facts
    )
    kind = proposal.remedy.kind
    action = ActionKind(kind) if kind in set(ActionKind) else ActionKind.open_pull_request
    decision = decide(
        load_policy_or_refuse(settings.policy or DEFAULT_POLICY),
        reaching(action_request(action, incident, diagnosis, proposal), telemetry.graph),
    )
    return as_record(proposal, checks, _held_to(checks, decision)), proposal


def _held_to(checks: tuple[Check, ...], decision: Decision) -> Decision:
    """A rule may allow what a check has a finding on; then a person is asked, as where the flow meets one."""
    from data.domain import Outcome

    failed = [check.name for check in checks if not check.passed]
    if decision.outcome is not Outcome.act or not failed:
        return decision
    why = f"{decision.explanation} But {', '.join(failed)} did not pass, so a person is asked."
    return decision.model_copy(update={"outcome": Outcome.ask, "explanation": why})


def as_record(proposal: Proposal, checks: tuple[Check, ...], decision: Decision) -> dict[str, Any]:
    """What ``--json`` prints."""
    return {
        "synthesizer": proposal.synthesizer,
        "proposal": proposal.model_dump(mode="json", exclude={"drafting": {"rejected"}}),
        "checks": [check.model_dump() for check in checks],
        "decision": decision.model_dump(mode="json", include={"outcome", "action", "by", "explanation"}),
        "rejected": _rejected(proposal.drafting.rejected),
    }


def _rejected(found: tuple[Rejection, ...]) -> list[dict[str, str]]:
    return [rejection.model_dump() for rejection in found]


def _incident(alert: Alert, diagnosis: Diagnosis, environment: str | None) -> Incident:
    from data.domain import Incident, IncidentStatus

    return Incident(
        id=f"INC-{alert.id}"[:80], title=alert.title, service=alert.service, status=IncidentStatus.investigating,
        severity=diagnosis.severity, opened_at=alert.fired_at, alerts=(alert,), environment=environment,
    )  # fmt: skip


def _no_proposal(why: str, as_json: bool) -> None:
    if as_json:
        none: dict[str, Any] = {"synthesizer": None, "proposal": None, "checks": [], "rejected": [], "error": why}
        decision = {"outcome": "refuse", "action": "propose", "by": "no proposal", "explanation": why}
        click.echo(json.dumps({**none, "decision": decision}))
    else:
        click.echo(f"nothing is proposed: {why}", err=True)


def _print(record: dict[str, Any], proposal: Proposal) -> None:
    solution, analysis = proposal.proposed_solution, proposal.root_cause_analysis
    click.echo(f"Cause    {analysis.summary}")
    click.echo(f"Fix      {solution.summary}")
    click.echo(f"Sure     {solution.confidence_score:.2f}, drafted by {proposal.synthesizer}")
    click.echo(f"Risk     {solution.risk_assessment}")
    click.echo(f"Undo     {solution.rollback_instructions}")
    for check in record["checks"]:
        click.echo(f"{'ok    ' if check['passed'] else 'FAILED'}   {check['name']}: {check['detail']}")
    for rejected in record["rejected"]:
        click.echo(f"refused  {rejected['synthesizer']}: {rejected['reason']}")
    decision = record["decision"]
    click.echo(f"Policy   {decision['outcome']} ({decision['by']}): {decision['explanation']}")
    click.echo("Nothing was written.")
