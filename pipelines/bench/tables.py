"""The benchmark's figures as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

OURS = "qai"
BAR = 40


def markdown(report: dict[str, Any]) -> str:
    """The whole benchmark: accuracy beside everybody else's, our own figures, changes, confidence, false alarms."""
    runs = report["runs"]
    parts = [
        "### AC@1, with 95 % intervals",
        accuracy(runs),
        "### Ours in full",
        ours(runs),
        *_titled("### Who is named, and how right", abstention(runs)),
        *_titled("### What a late alert costs", late(runs)),
        *_titled("### AC@1 by system", by_system(runs)),
        *_titled("### Changes", changes(runs)),
        "### Confidence",
        confidence(report["pooled"]),
        *_titled("### False alarms", false_alarms(report.get("false_alarms", {}))),
        *_titled("### What could not be asked or answered", failures(runs)),
    ]
    return "\n\n".join(parts) + "\n"


def accuracy(runs: Sequence[dict[str, Any]]) -> str:
    """AC@1 of every method on every run; a sampled method says on how many cases. The best of a row is bold."""
    methods = list(dict.fromkeys(name for run in runs for name in run["methods"]))
    rows = []
    for run in runs:
        known = {name: figures["ac_at_1"] for name, figures in run["methods"].items()}
        best = max((value for value in known.values() if value is not None), default=None)
        rows.append([name_of(run), str(run["cases"]), *(_cell(run, name, best) for name in methods)])
    macro = [_over_data_sets(runs, name) for name in methods]
    rows.append(["**macro over data sets**", "", *macro])
    return table(["data set", "cases", *methods], rows)


def ours(runs: Sequence[dict[str, Any]]) -> str:
    """Every figure of our own ranking."""
    rows = []
    for run in runs:
        figures = run["methods"][OURS]
        keys = ("ac_at_1", "ac_at_3", "ac_at_5", "avg_at_5", "mrr", "ece", "brier")
        seconds = f"{figures['ms_per_case_median'] / 1000:.2f}"
        rows.append([name_of(run), *(share(figures[key]) for key in keys), seconds, f"{run['peak_memory_mb']:.0f}"])
    headings = ["AC@1", "AC@3", "AC@5", "Avg@5", "MRR", "ECE", "Brier", "s/case", "MB"]
    return table(["data set", *headings], rows)


def abstention(runs: Sequence[dict[str, Any]]) -> str:
    """How often we cannot tell, how right we are where we can, and how right the surest answers are."""
    rows, heads = [], []
    for run in runs:
        figures = run["methods"][OURS]
        if figures["ac_at_1_surest"] is None:
            continue
        heads = [f"surest {float(c):.0%}" for c in figures["ac_at_1_surest"]]
        shares = (figures["abstained"], figures["ac_at_1_answered"], *figures["ac_at_1_surest"].values())
        rows.append([name_of(run), *(share(value) for value in shares), share(figures["risk"])])
    return table(["data set", "cannot tell", "AC@1 where we can", *heads, "mean risk"], rows)


def late(runs: Sequence[dict[str, Any]]) -> str:
    """AC@1 by how late the alert is, and the most that is lost beside an alert at the very start of the fault."""
    found: dict[str, dict[float, float]] = {}
    for run in runs:
        value = run["methods"][OURS]["ac_at_1"]
        if run["delay_s"] is not None and value is not None:
            found.setdefault(run["dataset"], {})[run["delay_s"]] = value
    delays = sorted({delay for values in found.values() for delay in values})
    if len(delays) < 2 or delays[0] > 0:
        return ""
    rows = [
        [name, *(share(values.get(delay)) for delay in delays), share(max(values[0.0] - v for v in values.values()))]
        for name, values in found.items()
        if 0.0 in values
    ]
    return table(["data set", *(f"+{delay:g} s" for delay in delays), "lost at most"], rows)


def by_system(runs: Sequence[dict[str, Any]]) -> str:
    """AC@1 and ECE of each system, for data sets of several, and the mean of the systems."""
    rows = []
    for run in runs:
        systems = run["methods"][OURS]["systems"]
        if len(systems) < 2:
            continue
        for system, figures in systems.items():
            rows.append([name_of(run), system, str(figures["cases"]), share(figures["ac_at_1"]), share(figures["ece"])])
        rows.append([name_of(run), "macro", "", share(run["methods"][OURS]["macro"]["ac_at_1"]), ""])
    return table(["data set", "system", "cases", "AC@1", "ECE"], rows)


def changes(runs: Sequence[dict[str, Any]]) -> str:
    """Of the data sets that say which change did it."""
    keys = ("right", "change_right", "change_ac_at_1", "no_change_right", "decoy_chosen")
    rows = [
        [name_of(run), method, str(figures["cases"]), *(share(figures[key]) for key in keys)]
        for run in runs
        for method, figures in run["changes"].items()
    ]
    headings = ["right", "true change found", "true change first", "none seen as none", "decoy blamed"]
    return table(["data set", "method", "cases", *headings], rows)


def confidence(pooled: dict[str, Any]) -> str:
    """The reliability diagram in text: mean confidence against accuracy, in bins."""
    worst = max(pooled["ece_by_system"].items(), key=lambda pair: pair[1] or 0.0, default=("none", None))
    head = (
        f"All runs pooled: {pooled['cases']} answers, ECE {share(pooled['ece'])}, Brier {share(pooled['brier'])}; "
        f"worst single system {worst[0]}, ECE {share(worst[1])}."
    )
    return f"{head}\n\n{reliability_diagram(pooled['reliability'])}"


def reliability_diagram(bins: Iterable[dict[str, Any]]) -> str:
    """One line a bin: a bar as long as the accuracy, and a mark where a calibrated bar would end."""
    lines = ["confidence  right  cases"]
    for row in bins:
        bar = list("█" * round(row["accuracy"] * BAR) + " " * (BAR - round(row["accuracy"] * BAR)))
        bar[min(round(row["confidence"] * BAR), BAR - 1)] = "│"
        lines.append(f"{row['confidence']:10.2f}  {row['accuracy']:5.2f}  {row['count']:5d}  {''.join(bar).rstrip()}")
    return "\n".join(["```text", *lines, "```"])


def false_alarms(found: dict[str, Any]) -> str:
    """How often somebody is accused where nothing happened."""
    rows = []
    for name, figures in found.items():
        shares = [share(value) for value in figures["service"].values()]
        low, high = figures["interval"]
        rest = [f"{share(low)}-{share(high)}", share(figures["mean_confidence"]), share(figures["answered"])]
        changed = f"{share(figures['change'])} of {figures['windows_with_changes']}"
        rows.append([name, str(figures["windows"]), *shares, *rest, changed])
    sure = [f"≥ {s}" for s in next(iter(found.values()))["service"]] if found else []
    return table(["quiet windows", "number", *sure, "95 % of ≥ 0.5", "mean", "answered", "a change accused"], rows)


def failures(runs: Sequence[dict[str, Any]]) -> str:
    """Answers that never came, which count as misses, and why."""
    rows = [
        [name_of(run), method, str(count), reason.replace("|", "/")]
        for run in runs
        for method, figures in run["methods"].items()
        for reason, count in figures["failures"].items()
    ]
    return table(["data set", "method", "cases", "why"], rows)


def speed(report: dict[str, Any]) -> str:
    """Seconds and memory at each size, and how they grow."""
    rows = [
        [
            f"{row['services']:,}", f"{row['series']:,}", f"{row['seconds']:.3f}", f"{row['cpu_seconds']:.3f}",
            f"{row['baseline_seconds']:.3f}", f"{row['baseline_cpu_seconds']:.3f}", f"{row['held_mb']:.0f}",
            f"{row['peak_memory_mb']:.0f}", "yes" if row["right"] else "no",
        ]
        for row in report["sizes"]
    ]  # fmt: skip
    headings = ["services", "series", "s", "processor s", "n-sigma s", "n-sigma processor s", "MB before", "MB at most"]
    power = f"Cost grows with (services x metrics)^{_number(report['exponent'])}"
    return (
        f"{table([*headings, 'cause first'], rows)}\n\n{power}; n-sigma's with ^{_number(report['baseline_exponent'])}."
    )


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, numbers to the right; empty without rows."""
    if not rows:
        return ""
    rule = ["---", *["---:"] * (len(headings) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (headings, rule, *rows))


def name_of(run: dict[str, Any]) -> str:
    return run["dataset"] if run["delay_s"] is None else f"{run['dataset']} +{run['delay_s']:g} s"


def share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}".removeprefix("0") if value < 0.995 else f"{value:.2f}"


def _cell(run: dict[str, Any], method: str, best: float | None) -> str:
    figures = run["methods"].get(method)
    if figures is None or figures["ac_at_1"] is None:
        return "-"
    low, high = figures["interval"]["ac_at_1"]
    value = share(figures["ac_at_1"])
    value = f"**{value}**" if figures["ac_at_1"] == best else value
    sampled = f" (n={figures['asked']})" if figures["asked"] < run["cases"] else ""
    return f"{value} {share(low)}-{share(high)}{sampled}"


def _over_data_sets(runs: Sequence[dict[str, Any]], method: str) -> str:
    """The mean over data sets of the mean over their runs; a method that sat out somewhere has none."""
    found: dict[str, list[float]] = {}
    for run in runs:
        figures = run["methods"].get(method)
        if figures is None or figures["ac_at_1"] is None or figures["asked"] < run["cases"]:
            return "-"
        found.setdefault(run["dataset"], []).append(figures["ac_at_1"])
    return share(sum(sum(values) / len(values) for values in found.values()) / len(found))


def _titled(title: str, body: str) -> list[str]:
    return [title, body] if body else []


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"
