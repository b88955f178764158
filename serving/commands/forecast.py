"""``qai-sre forecast``: will a recorded series breach its threshold, when, and how far to believe it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from models.forecast.known import Expiry
    from pipelines.forecast import Clocked, Outlook, Span

_TERMS_SHOWN = 4


@click.command("forecast")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE")
@click.option("--threshold", type=float, metavar="X", help="What must not be reached.")
@click.option("--horizon", required=True, metavar="N", help="How far ahead: rows (24) or a time (30m, 2h, 7d).")
@click.option("--below", is_flag=True, help="Breaching means at or below the threshold.")
@click.option("--column", metavar="NAME", help="Look at this column only; default: at every one.")
@click.option(
    "--objective",
    type=float,
    metavar="SHARE",
    help="The column holds shares that fail; ask of the error budget of this objective (0.999).",
)
@click.option("--window", default="30d", show_default=True, metavar="N", help="The window of the objective.")
@click.option("--expiries", is_flag=True, help="FILE lists name and not_after (certificates, licences).")
@click.option("--as-of", metavar="TIME", help="With --expiries: seen from this time (ISO 8601); default: now.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(
    file: Path,
    threshold: float | None,
    horizon: str,
    below: bool,
    column: str | None,
    objective: float | None,
    window: str,
    expiries: bool,
    as_of: str | None,
    as_json: bool,
) -> None:
    """Say how likely a series breaches its threshold within the horizon, and when.

    FILE is a CSV or parquet with `timestamp` and one or more number columns. Every answer carries how such
    predictions did on the series' own past: how many alarms were false, and how long before the breach they came.
    """
    from data.errors import InputError
    from pipelines.detect import read_series
    from pipelines.forecast import Span, columns_of, look_ahead, look_at_budget

    ahead = Span.parse(horizon, field="--horizon")
    if expiries:
        _answer_expiries(file, ahead, as_of, as_json)
        return
    if (threshold is None) == (objective is None):
        raise InputError("give either --threshold or --objective", field="--threshold")
    series = read_series(file)

    def look(found: Clocked) -> Outlook:
        if objective is not None:
            spans = {"window": Span.parse(window, field="--window"), "horizon": ahead}
            return look_at_budget(found, objective=objective, **spans)
        assert threshold is not None
        return look_ahead(found, threshold=threshold, horizon=ahead, above=not below)

    outlooks = [look(found) for found in columns_of(series, column)]
    if as_json:
        click.echo(
            json.dumps({"file": str(file), "forecasts": [as_record(o) for o in outlooks], "notes": series.notes})
        )
        return
    for outlook in outlooks:
        _print(outlook)
    for note in series.notes:
        click.echo(f"  {note}")


def as_record(outlook: Outlook) -> dict[str, Any]:
    """One outlook as ``--json`` prints it. Rows and, where the series has a clock, seconds and times."""
    prediction, step = outlook.prediction, outlook.step_s
    lead = prediction.lead
    record: dict[str, Any] = {
        "column": outlook.column,
        "threshold": outlook.question.threshold,
        "breaching_means": "at or above" if outlook.question.above else "at or below",
        "horizon_rows": outlook.question.horizon,
        "probability": round(prediction.probability, 4),
        "breaching": prediction.breaching,
        "told_by": prediction.told_by,
        "lead": None,
        "history": {name: _rounded(value) for name, value in vars(prediction.history).items()},
        "elsewhere": vars(prediction.elsewhere) if prediction.elsewhere else None,
        "terms": prediction.terms,
    }
    if lead is not None:
        rows = {"rows": lead.rows, "low_rows": lead.low, "high_rows": lead.high}
        record["lead"] = {name: round(value, 1) for name, value in rows.items()} | {"told_by": lead.told_by}
        if step is not None and outlook.as_of is not None:
            times = {
                name.removesuffix("rows") + "at": _after(outlook.as_of, value * step) for name, value in rows.items()
            }
            record["lead"] |= {"seconds": round(lead.rows * step, 1), **times}
    if outlook.budget is not None:
        budget = outlook.budget
        left = budget.rows_left if budget.rows_left != float("inf") else None
        record["budget"] = {
            "spent": _rounded(budget.spent),
            "burn_rate": _rounded(budget.burn_rate),
            "rows_left": _rounded(left),
        }
    return record


def _after(as_of: datetime, seconds: float) -> str:
    return (as_of + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def _rounded(value: float | int | None) -> float | int | None:
    return round(value, 4) if isinstance(value, float) else value


def _print(outlook: Outlook) -> None:
    prediction = outlook.prediction
    bound = f"{'at or above' if outlook.question.above else 'at or below'} {outlook.question.threshold:g}"
    if prediction.breaching:
        click.echo(f"{outlook.column}: is {bound} already")
    else:
        rows = outlook.question.horizon
        click.echo(f"{outlook.column}: {prediction.probability:.0%} to be {bound} within {_long(rows, outlook.step_s)}")
        lead = prediction.lead
        assert lead is not None
        low, high = (_long(value, outlook.step_s) for value in (lead.low, lead.high))
        click.echo(f"  if so, in about {_long(lead.rows, outlook.step_s)} ({low} to {high}), told by {lead.told_by}")
    if outlook.budget is not None:
        budget = outlook.budget
        click.echo(f"  error budget: {budget.spent:.0%} spent, burning {budget.burn_rate:.2g} times as fast as allowed")
    click.echo(f"  its past: {_history(outlook)}")
    for name, value in list(prediction.terms.items())[:_TERMS_SHOWN]:
        click.echo(f"  {value:+.2f} {name}")


def _history(outlook: Outlook) -> str:
    """How such predictions did: on this series, or on others where this one gives nothing to count."""
    history, elsewhere = outlook.prediction.history, outlook.prediction.elsewhere
    if history.false_alarm_rate is None:
        said = f"it came true after {history.came_true} of {history.origins} rows tried; no alarm was given"
        return f"{said} (on other series {elsewhere.false_alarm_rate:.0%} of alarms were false)" if elsewhere else said
    lead = f"{_long(history.lead_rows, outlook.step_s)} ahead" if history.lead_rows is not None else "never in time"
    alarms = (
        f"{history.alarms} of {history.origins} predictions alarmed, {history.false_alarm_rate:.0%} of them falsely"
    )
    return f"{alarms}; {lead}; {history.found or 0:.0%} of what came was foretold"


def _long(rows: float, step_s: float | None) -> str:
    if step_s is None:
        return f"{rows:.0f} rows"
    seconds = rows * step_s
    size, unit = next(((s, u) for s, u in ((86_400, "d"), (3600, "h"), (60, "min")) if seconds >= 2 * s), (1, "s"))
    return f"{seconds / size:.3g} {unit}"


def _answer_expiries(file: Path, ahead: Span, as_of: str | None, as_json: bool) -> None:
    from data.domain import now
    from data.errors import InputError
    from data.parse import parse_time
    from pipelines.forecast import read_expiries

    if ahead.seconds is None:
        raise InputError("must be a time (30d) where dates are looked at", field="--horizon")
    seen_from = parse_time(as_of, field="--as-of") if as_of else now()
    found = read_expiries(file, as_of=seen_from, horizon=timedelta(seconds=ahead.seconds))
    if as_json:
        click.echo(json.dumps({"file": str(file), "expiries": [_expiry_record(item) for item in found]}))
        return
    for item in found:
        days = item.left.total_seconds() / 86_400
        said = f"expires in {days:.1f} days" if days >= 0 else f"expired {-days:.1f} days ago"
        click.echo(f"{'!' if item.due else ' '} {item.name}: {said} ({item.ends.isoformat()})")


def _expiry_record(item: Expiry) -> dict[str, Any]:
    return {
        "name": item.name,
        "not_after": item.ends.isoformat(),
        "seconds_left": round(item.left.total_seconds(), 1),
        "probability": item.probability,
    }
