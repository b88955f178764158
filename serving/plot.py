"""A record, its anomaly score and its alarms as one SVG picture, without a plotting library."""

from __future__ import annotations

from html import escape

import numpy as np
import numpy.typing as npt

from data.telemetry import Floats
from pipelines.detect import Detection

WIDTH, PANEL, GAP, LEFT, TOP = 1000, 180, 26, 64, 34
# More columns than this are not told apart in a picture; the most moving ones are drawn.
SHOWN = 8
_COLOURS = ("#2563eb", "#059669", "#d97706", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f", "#475569")
_ALARM = "#dc2626"


def drawing(found: Detection, title: str) -> str:
    """The picture: values above, score below with its threshold, alarms as red bands through both."""
    height = TOP + 2 * (PANEL + GAP) + 10
    columns = _most_moving(found.series.values)
    values = found.series.values[:, columns]
    if len(columns) > 1:
        values = _to_one_scale(values)
    bottom = TOP + PANEL + GAP
    threshold = found.threshold.value if np.isfinite(found.threshold.value) else 0.0
    highest = max(float(found.scores.max(initial=0.0)), threshold, 1e-9)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"',
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="15">{escape(title)}</text>',
        *_bands(found.alarms, height),
        *_panel(values, TOP, _extent(values), _COLOURS),
        *_panel(found.scores[:, None], bottom, (0.0, highest), ("#111827",)),
        _level(threshold, highest, bottom),
        *_legend([found.series.columns[i] for i in columns]),
        f'<text x="{LEFT}" y="{bottom - 6}">score (alarm above {threshold:.3g})</text>',
        "</svg>",
    ]
    return "\n".join(parts)


def _most_moving(values: Floats) -> list[int]:
    moving = np.nan_to_num(np.nanstd(values, axis=0) / (np.abs(np.nanmean(values, axis=0)) + 1e-12))
    return sorted(int(i) for i in np.argsort(-moving, kind="stable")[:SHOWN])


def _to_one_scale(values: Floats) -> Floats:
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    return np.asarray((values - low) / np.where(high > low, high - low, 1.0))


def _extent(values: Floats) -> tuple[float, float]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _panel(values: Floats, top: int, extent: tuple[float, float], colours: tuple[str, ...]) -> list[str]:
    """One line a column, with the extent written beside it."""
    frame = f'<rect x="{LEFT}" y="{top}" width="{WIDTH - LEFT - 10}" height="{PANEL}" fill="none" stroke="#cbd5e1"/>'
    marks = [
        f'<text x="{LEFT - 6}" y="{y}" text-anchor="end">{value:.4g}</text>'
        for value, y in ((extent[1], top + 10), (extent[0], top + PANEL))
    ]
    lines = [
        f'<path d="{_path(values[:, i], top, extent)}" fill="none" stroke="{colours[i % len(colours)]}"/>'
        for i in range(values.shape[1])
    ]
    return [frame, *marks, *lines]


def _path(values: Floats, top: int, extent: tuple[float, float]) -> str:
    """At most a lowest and a highest point a pixel, so that a million rows draw as a thousand and no peak is lost."""
    x = _across(len(values))
    y = top + PANEL * (1 - (values - extent[0]) / (extent[1] - extent[0]))
    kept = _extremes(values, x)
    steps: list[str] = []
    pen_up = True
    for i in kept:
        if np.isfinite(y[i]):
            steps.append(f"{'M' if pen_up else 'L'}{x[i]:.1f} {y[i]:.1f}")
        pen_up = not np.isfinite(y[i])
    return " ".join(steps)


def _extremes(values: Floats, x: Floats) -> list[int]:
    if len(values) <= 2 * WIDTH:
        return list(range(len(values)))
    pixels = np.flatnonzero(np.diff(x.astype(int), prepend=-1))
    kept: list[int] = []
    for start, stop in zip(pixels, [*pixels[1:], len(values)], strict=True):
        part = values[start:stop]
        if np.isfinite(part).any():
            kept.extend(sorted({int(start + np.nanargmin(part)), int(start + np.nanargmax(part))}))
    return kept


def _across(rows: int) -> Floats:
    return np.asarray(LEFT + (WIDTH - LEFT - 10) * np.arange(rows) / max(rows - 1, 1))


def _bands(alarmed: npt.NDArray[np.bool_], height: int) -> list[str]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], alarmed, [False]]).astype(int)))
    x = _across(len(alarmed))
    return [
        f'<rect x="{x[a]:.1f}" y="{TOP}" width="{max(x[b - 1] - x[a], 1.5):.1f}" height="{height - TOP - 10}" '
        f'fill="{_ALARM}" fill-opacity="0.18"/>'
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]


def _level(threshold: float, highest: float, top: int) -> str:
    y = top + PANEL * (1 - threshold / highest)
    return f'<path d="M{LEFT} {y:.1f} H{WIDTH - 10}" stroke="{_ALARM}" stroke-dasharray="4 3"/>'


def _legend(names: list[str]) -> list[str]:
    return [
        f'<text x="{LEFT + 6}" y="{TOP + 14 * (i + 1)}" fill="{_COLOURS[i]}">{escape(name)}</text>'
        for i, name in enumerate(names)
    ]
