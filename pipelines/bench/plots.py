"""The benchmark's figures as pictures. matplotlib draws them; it is not among what the product needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.errors import ConfigError


def plot_reliability(pooled: dict[str, Any], path: Path) -> None:
    """Accuracy against confidence; the area of a dot grows with the answers in its bin."""
    axes, save = _axes()
    rows = pooled["reliability"]
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
    sizes = [20 + 400 * row["count"] / max(r["count"] for r in rows) for row in rows]
    axes.scatter([r["confidence"] for r in rows], [r["accuracy"] for r in rows], s=sizes, alpha=0.7)
    axes.set(xlabel="confidence of the first answer", ylabel="share that was right", xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title(f"ECE {pooled['ece']:.3f}, Brier {pooled['brier']:.3f}, {pooled['cases']} answers")
    save(path)


def plot_speed(report: dict[str, Any], path: Path) -> None:
    """Processor seconds over the number of series, both logarithmic."""
    axes, save = _axes()
    rows = report["sizes"]
    for key, label in (("cpu_seconds", "ours"), ("baseline_cpu_seconds", "n-sigma")):
        axes.loglog([r["series"] for r in rows], [r[key] for r in rows], marker="o", label=label)
    axes.set(xlabel="services x metrics", ylabel="processor seconds", title=f"exponent {report['exponent']:.2f}")
    axes.legend()
    save(path)


def _axes() -> tuple[Any, Any]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("drawing needs matplotlib: pip install matplotlib, or leave out --plot") from error
    figure = Figure(figsize=(6, 5), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.subplots(), lambda path: figure.savefig(path, dpi=120)
