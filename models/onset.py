"""When the trouble began, estimated from the telemetry near the alert.

An alert comes late: after its monitor's window, its evaluation delay, its retries. Comparing the minutes
before and after ``fired_at`` then puts sick samples into the baseline and costs more accuracy than any other
single mistake. So each series is cut in two where that explains it best (least squares, the likelihood ratio
of Hawkins 1977 for one change of mean), and the cuts of all series are added up: noise puts its cuts
anywhere, a fault puts them in one place.

Series that wander have such places, too, and then the estimate is sure and wrong. So half of what is believed stays
with the delay of alerts alone, spread evenly over the time in which monitors fire. To begin too early costs little, a
few calm samples in the incident window; to begin too late costs much, sick samples in the baseline.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.domain import Alert
from data.telemetry import Floats, Metrics, SeriesKey, Times, to_datetime64
from models.features import LEVEL_SHARE, as_rates, level_of

# Monitors fire within five minutes of the onset, or within three samples where samples are rarer.
MAX_DELAY = timedelta(minutes=5)
MAX_DELAY_SAMPLES = 3
# How much of the time around the search is looked at, in multiples of the longest delay.
LOOK_BACK = 3
# ... and how far past the alert: enough to see that it lasts, too little to see it recover.
LOOK_AHEAD, LOOK_AHEAD_SAMPLES = timedelta(minutes=2), 2
# Values this many spreads away count no more than this: one wild sample is no change point.
CLIP = 5.0
# The series the monitor watches certainly shows the trouble, and its entity likely does; of all others together
# that is a hope. Each group's evidence is brought to at most one before these weights are applied.
GROUP_WEIGHTS = (1.0, 0.5, 0.25)
# Less evidence than this (in nats, over a group) is noise.
DOUBT = 6.0
MAX_INSTANTS = 128
MAX_GUESSES = 3
# How much is believed of the evidence; the rest is for the delay of alerts alone, in so many guesses at most.
BELIEVED = 0.5
MAX_BLIND = 6
# ... and over no more than this share of what was recorded before the alert: without a past nothing can be told.
LONGEST = 0.5
# Each guess costs as much as the system is large: so many series, and lines and spans, may be looked at again, in all
# blind guesses together. A thousand services get none, and have more series to place the onset by.
SPARE_SERIES, SPARE_ROWS = 9_000, 6_000_000
# How much a better onset is preferred: its evidence to this power. Fitted on PetShop, Nezha and the bundles.
SHARPNESS = 4
# A correlation of neighbours from fewer samples than this is a guess.
MIN_UNDISTURBED = 16


@dataclass(frozen=True)
class Onset:
    """``at`` is the likeliest instant; ``earliest`` and ``latest`` hold the instants nearly as likely.

    ``probability`` is beside the other guesses at the onset of the same incident. ``blind``: it goes by the delay of
    alerts alone, not by what was seen.
    """

    at: datetime
    earliest: datetime
    latest: datetime
    probability: float
    blind: bool = False


def affordable(series: int, rows: int) -> int:
    """How many blind guesses a system of so many series, and lines and spans, can be looked at from."""
    return min(MAX_BLIND, SPARE_SERIES // max(series, 1), SPARE_ROWS // max(rows, 1))


def estimate_onsets(
    blocks: Sequence[Metrics], alert: Alert, as_of: datetime, *, blind: int = MAX_BLIND
) -> tuple[Onset, ...]:
    """The likeliest beginnings of what made ``alert`` fire, likeliest first; their probabilities sum to one.

    Several are seen where the evidence is torn, for instance where the monitor watches something the fault
    hardly touches. Behind them come the blind ones. An alert cannot come before its cause;
    one sample's grace is for clocks that stamp late.

    Args:
        blocks: metric series, in one or several tables each with its own clock (spans and logs counted by
            service and time are such tables).
        as_of: nothing later is looked at.
        blind: how many guesses by the delay of alerts alone there may be, see :func:`affordable`.

    Without any usable series the alert itself is the best guess, uncertain by the longest delay.
    """
    fired_at = alert.fired_at
    blocks = [block.before(as_of) for block in blocks if len(block) and len(block.timestamps) > MAX_DELAY_SAMPLES]
    interval = min((sample_interval(block.timestamps) for block in blocks), default=timedelta(0))
    # By the finest clock: a rare series must not widen the search among the dense ones.
    delay = max(MAX_DELAY, MAX_DELAY_SAMPLES * interval)
    ahead = max(LOOK_AHEAD, LOOK_AHEAD_SAMPLES * interval)
    instants = _instants(blocks, fired_at - delay, min(fired_at + interval, as_of))
    if not len(instants):
        return (Onset(fired_at, fired_at - delay, fired_at, 1.0),)
    gains = np.zeros((len(GROUP_WEIGHTS), len(instants)))
    for block in blocks:
        gains += _evidence(block, instants, (fired_at - LOOK_BACK * delay, fired_at + ahead), alert)
    most = gains.max(axis=1)
    total = np.asarray(GROUP_WEIGHTS) @ (gains / (most + DOUBT)[:, None])
    recorded = max(fired_at - min(_utc(block.timestamps[0]) for block in blocks), timedelta(0))
    return _with_blind(_peaks(instants, total), _blind(instants, fired_at, min(MAX_DELAY, LONGEST * recorded), blind))


def _with_blind(seen: Sequence[Onset], blind: Sequence[Onset]) -> tuple[Onset, ...]:
    """Both, each with its share."""
    if not blind:
        return tuple(seen)
    return (
        *(replace(onset, probability=BELIEVED * onset.probability) for onset in seen),
        *(replace(onset, probability=(1.0 - BELIEVED) * onset.probability) for onset in blind),
    )


def _blind(instants: Times, fired_at: datetime, delay: timedelta, count: int) -> tuple[Onset, ...]:
    """``count`` guesses spread evenly over ``delay``, each at the sample it falls on; equal ones are one.

    However rare the samples are: monitors do not wait longer for that.
    """
    wanted = [to_datetime64(fired_at - delay * (i / max(count - 1, 1))) for i in range(count)]
    places = np.minimum(np.searchsorted(instants, np.array(wanted, dtype=instants.dtype)), len(instants) - 1)
    found = Counter(_utc(instants[place]) for place in places.tolist())
    return tuple(Onset(at, at, at, times / count, blind=True) for at, times in found.items())


def _peaks(instants: Times, total: Floats) -> tuple[Onset, ...]:
    """The highest peaks of the evidence, each with the instants around it that are nearly as likely."""
    if total.max() <= 0:
        return (Onset(_utc(instants[-1]), _utc(instants[0]), _utc(instants[-1]), 1.0),)
    found: list[tuple[datetime, datetime, datetime]] = []
    weights: list[float] = []
    left = total.copy()
    while len(found) < MAX_GUESSES and left.max() >= 0.5 * total.max():
        best = int(np.argmax(left))
        # A tenth less evidence than the peak is within what noise moves it by.
        low, high = _around(total, best, 0.9)
        found.append((_utc(instants[best]), _utc(instants[low]), _utc(instants[high])))
        weights.append(float(total[best]) ** SHARPNESS)
        low, high = _around(total, best, 0.75)
        left[low : high + 1] = -1.0
    return tuple(Onset(*at, w / sum(weights)) for at, w in zip(found, weights, strict=True))


def _around(total: Floats, best: int, share: float) -> tuple[int, int]:
    """First and last place of the stretch about ``best`` that keeps ``share`` of its evidence."""
    below = np.flatnonzero(total < share * total[best])
    return int(below[below < best].max(initial=-1)) + 1, int(below[below > best].min(initial=len(total))) - 1


def sample_interval(times: Times) -> timedelta:
    """The usual time between samples; zero when there are fewer than two."""
    if len(times) < 2:
        return timedelta(0)
    return timedelta(microseconds=float(np.median(np.diff(times).astype("timedelta64[us]").astype(float))))


def _instants(blocks: Sequence[Metrics], first: datetime, last: datetime) -> Times:
    """Where the onset may lie: at sample times only, thinned evenly to a bounded number."""
    low, high = to_datetime64(first), to_datetime64(last)
    near = [block.timestamps[(block.timestamps >= low) & (block.timestamps <= high)] for block in blocks]
    instants = np.unique(np.concatenate(near)) if near else np.empty(0, "datetime64[us]")
    step = -(-len(instants) // MAX_INSTANTS) if len(instants) else 1
    return np.asarray(instants[::step])


def _evidence(block: Metrics, instants: Times, span: tuple[datetime, datetime], alert: Alert) -> Floats:
    """Log-likelihood gained by cutting at each instant, shape (3, instants): watched series, its entity, all others."""
    low = int(np.searchsorted(block.timestamps, to_datetime64(span[0]), side="left"))
    high = int(np.searchsorted(block.timestamps, to_datetime64(span[1]), side="right"))
    if high - low < MAX_DELAY_SAMPLES + 1:
        return np.zeros((len(GROUP_WEIGHTS), len(instants)))
    # Never from the first sample on: a cut there has no before.
    cuts = np.searchsorted(block.timestamps[low:high], instants, side="left")
    series = _standardised(as_rates(np.ascontiguousarray(block.values[low:high].T), high - low), block.keys)
    present = np.isfinite(series)
    values = np.where(present, series, 0.0)
    n_before = _cumulative(present.astype(float), cuts)
    sum_before = _cumulative(values, cuts)
    n, total = present.sum(axis=1, keepdims=True).astype(float), values.sum(axis=1, keepdims=True)
    n_after = n - n_before
    usable = (n_before >= 2) & (n_after >= 1)
    shift = (total - sum_before) / np.maximum(n_after, 1.0) - sum_before / np.maximum(n_before, 1.0)
    gain = np.where(usable, n_before * n_after / np.maximum(n, 1.0) * shift**2, 0.0)
    around = np.maximum(n, 1.0) * _variance(values, present) + 1.0  # + 1: a spread's worth of doubt
    explained = np.clip(gain / around, 0.0, 1.0 - 1e-6)
    likelihood = -0.5 * _independent(values, present, n, int(cuts[0])) * np.log1p(-explained)
    # Chance alone gains about the logarithm of the number of places tried; twice that is rare.
    likelihood = np.maximum(likelihood - 2.0 * np.log(1.0 + len(instants)), 0.0)
    group = np.array([_group(key, alert) for key in block.keys])
    return np.stack([likelihood[group == g].sum(axis=0) for g in range(len(GROUP_WEIGHTS))])


def _group(key: SeriesKey, alert: Alert) -> int:
    if key.service != alert.service:
        return 2
    return 0 if key.metric == alert.metric else 1


def _standardised(series: Floats, keys: tuple[SeriesKey, ...]) -> Floats:
    """Each row about its median, in its own spread, clipped."""
    count = np.isfinite(series).sum(axis=1)
    ordered = np.sort(series, axis=1)
    rows = np.arange(len(series))
    at = [np.minimum((q * np.maximum(count - 1, 0)).astype(int), series.shape[1] - 1) for q in (0.25, 0.5, 0.75)]
    low, middle, high = (ordered[rows, i] for i in at)
    spread = np.fmax((high - low) / 1.35, LEVEL_SHARE * level_of(middle, keys))
    ends = ordered[rows, np.maximum(count - 1, 0)] - ordered[:, 0]
    spread = np.where(spread > 0, spread, ends / CLIP)  # constant but for a few samples
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(
            np.clip((series - middle[:, None]) / np.where(spread > 0, spread, np.nan)[:, None], -CLIP, CLIP)
        )


def _variance(values: Floats, present: npt.NDArray[np.bool_]) -> Floats:
    n = np.maximum(present.sum(axis=1, keepdims=True), 1)
    off = values - np.where(present, values.sum(axis=1, keepdims=True) / n, 0.0)
    return np.asarray((off**2).sum(axis=1, keepdims=True) / n)


def _independent(values: Floats, present: npt.NDArray[np.bool_], n: Floats, undisturbed: int) -> Floats:
    """How many independent samples each row is worth: n (1 - r) / (1 + r), with r the correlation of neighbours.

    Series that wander would else be full of change points: a one-minute average sampled every second holds
    each value sixty times. ``r`` is taken from the samples ahead of the search, where there is no fault to see.
    """
    if undisturbed < MIN_UNDISTURBED:
        return n
    calm, both = values[:, :undisturbed], present[:, 1:undisturbed] & present[:, : undisturbed - 1]
    around = _variance(calm, present[:, :undisturbed])
    steps = (np.where(both, np.diff(calm, axis=1), 0.0) ** 2).sum(axis=1, keepdims=True)
    steps /= np.maximum(both.sum(axis=1, keepdims=True), 1)
    # Less its own sampling error: what independent samples might show by luck does not count.
    r = np.clip(1.0 - steps / np.maximum(2.0 * around, 1e-12) - 2.0 / np.sqrt(undisturbed), 0.0, 0.98)
    return np.asarray(n * (1.0 - r) / (1.0 + r))


def _cumulative(values: Floats, cuts: npt.NDArray[np.intp]) -> Floats:
    """Sums of each row over the samples before each cut."""
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return np.asarray(sums[:, cuts])


def _utc(instant: np.datetime64) -> datetime:
    return pd.Timestamp(instant).to_pydatetime().replace(tzinfo=UTC)
