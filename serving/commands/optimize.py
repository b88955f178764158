"""``qai-sre optimize``: what could be better, what it saves and how sure that is. Writes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pipelines.optimize import Advised, Review
    from pipelines.optimize.savings import Saving


@click.command("optimize")
@click.argument("folder", type=click.Path(path_type=Path), metavar="BUNDLE_OR_DIR")
@click.option("--prices", type=click.Path(path_type=Path), metavar="FILE", help="YAML of what capacity costs.")
@click.option("--environment", metavar="NAME", help="The environment the policy is asked about.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(folder: Path, prices: Path | None, environment: str | None, as_json: bool) -> None:
    """Review recorded telemetry: sizes, idle services, slow and repeated queries, pools and caches.

    Days of history are needed before anything is taken away, and a price file (or QAI_PRICES) before a saving is
    claimed; what could not be judged is listed with what would be needed.
    """
    from data.settings import load_settings
    from pipelines.optimize import advise, load_prices, review_telemetry
    from pipelines.optimize.review import read_history
    from remediation.policy import DEFAULT_POLICY, load_policy_or_refuse

    settings = load_settings()
    file = prices or settings.prices
    known = load_prices(file) if file else None
    review = review_telemetry(read_history(folder), known)
    advised = advise(review, load_policy_or_refuse(settings.policy or DEFAULT_POLICY), environment)
    if as_json:
        click.echo(json.dumps(as_record(review, advised)))
    else:
        _print(review, advised)


def as_record(review: Review, advised: tuple[Advised, ...]) -> dict[str, Any]:
    """What ``--json`` prints."""
    return {
        "history_hours": round(review.hours, 2),
        "as_of": review.as_of.isoformat(),
        "proposals": [_record(item) for item in advised],
        "not_judged": list(review.refused),
    }


def _record(item: Advised) -> dict[str, Any]:
    opportunity = item.advice.opportunity
    return {
        "service": opportunity.service,
        "kind": str(opportunity.kind),
        "action": opportunity.action,
        "evidence": [e.model_dump(mode="json", include={"id", "summary", "detail"}) for e in item.diagnosis.evidence],
        "confidence": round(opportunity.confidence, 4),
        "saving_per_month": _saving(item.advice.saving),
        "saving_reason": item.advice.saving.reason or None,
        "effect": opportunity.effect or None,
        "risk": opportunity.risk,
        "not_seen": list(opportunity.unknown),
        "decision": item.decision.model_dump(mode="json", include={"outcome", "action", "by", "explanation"}),
        "proposal": item.proposal.model_dump(mode="json", exclude={"drafting"}),
    }


def _saving(saving: Saving) -> dict[str, Any] | None:
    if saving.estimate is None:
        return None
    found = saving.estimate
    return {"currency": saving.currency, "value": round(found.value, 2), "low": round(found.low, 2),
            "high": round(found.high, 2), "interval": 0.9}  # fmt: skip


def _print(review: Review, advised: tuple[Advised, ...]) -> None:
    click.echo(f"{review.hours:.1f} h of history up to {review.as_of:%Y-%m-%d %H:%M} UTC, {len(advised)} proposals")
    for item in advised:
        opportunity, solution = item.advice.opportunity, item.proposal.proposed_solution
        click.echo(f"\n{solution.summary}")
        for evidence in item.diagnosis.evidence:
            click.echo(f"  Seen      {evidence.summary} [{evidence.id}].")
        click.echo(f"  Sure      {opportunity.confidence:.2f}")
        click.echo(f"  Saving    {solution.estimated_impact}")
        click.echo(f"  Risk      {solution.risk_assessment}")
        for blind in opportunity.unknown:
            click.echo(f"  Not seen  {blind}.")
        click.echo(f"  Policy    {item.decision.outcome} ({item.decision.by}): {item.decision.explanation}")
    if review.refused:
        click.echo("\nNot judged:")
        for why in review.refused:
            click.echo(f"  {why}")
    click.echo("\nNothing was written.")
