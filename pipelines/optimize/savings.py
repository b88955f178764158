"""What a change of size saves a month, with its interval; or why that cannot be said."""

from __future__ import annotations

from dataclasses import dataclass

from models.optimize.opportunity import Opportunity, Target
from models.optimize.saving import LEAST_DAYS, Estimate, Peaks, estimate
from pipelines.optimize.prices import HOURS_PER_MONTH, Prices, Rates


@dataclass(frozen=True)
class Saving:
    """Money a month: negative where it costs. ``estimate`` is None where it cannot be told, and ``reason`` says why.

    ``reason`` is also set beside an estimate that leaves something out.
    """

    estimate: Estimate | None
    currency: str = ""
    reason: str = ""

    def __str__(self) -> str:
        if self.estimate is None:
            return f"saving not known: {self.reason}"
        value, low, high = (f"{figure:,.2f}" for figure in (self.estimate.value, self.estimate.low, self.estimate.high))
        note = f"; {self.reason}" if self.reason else ""
        verb = "saves" if self.estimate.value >= 0 else "changes the bill by"
        value = value if self.estimate.value >= 0 else f"{-self.estimate.value:,.2f} more"
        return f"{verb} {value} {self.currency} a month (90 % interval {low} to {high}){note}"


def saving_of(opportunity: Opportunity, prices: Prices | None) -> Saving:
    """Never a figure without a price, without what is allotted, or without enough days to say how sure it is."""
    if opportunity.target is None or opportunity.resized is None:
        return Saving(None, reason="it wins time, which has no price")
    if prices is None:
        return Saving(None, reason="no prices are given")
    rates = prices.of(opportunity.service)
    why_not = _why_unpriced(opportunity.target, rates)
    if why_not:
        return Saving(None, prices.currency, why_not)
    if opportunity.days < LEAST_DAYS:
        seen = f"{opportunity.days} day{'s' if opportunity.days != 1 else ''}"
        why = f"{seen} of history were seen, and an interval needs at least {LEAST_DAYS}; a week is better"
        return Saving(None, prices.currency, why)
    resized = opportunity.resized

    def of(peaks: Peaks) -> float:
        return HOURS_PER_MONTH * _hourly(resized(peaks), rates)

    found = estimate(of, opportunity.peaks, opportunity.days)
    return Saving(found, prices.currency, _left_out(opportunity.target, rates))


def _hourly(target: Target, rates: Rates) -> float:
    """Saved an hour. Of a resource whose price or amount is not known, nothing."""
    if target.replicas is not None:
        return (target.replicas[0] - target.replicas[1]) * _instance(target, rates)
    cores = _less(target.cpu_cores) * (rates.cpu_core_hour or 0.0)
    memory = _less(target.memory_mib) / 1024 * (rates.memory_gib_hour or 0.0)
    return (cores + memory) * (target.instances or 1.0)


def _instance(target: Target, rates: Rates) -> float:
    """What one instance costs an hour, as a whole or by what it is allotted."""
    if rates.instance_hour is not None:
        return rates.instance_hour
    cores = target.cpu_cores[0] if target.cpu_cores else 0.0
    memory = target.memory_mib[0] / 1024 if target.memory_mib else 0.0
    return cores * (rates.cpu_core_hour or 0.0) + memory * (rates.memory_gib_hour or 0.0)


def _less(pair: tuple[float, float] | None) -> float:
    return pair[0] - pair[1] if pair else 0.0


def _why_unpriced(target: Target, rates: Rates) -> str:
    by_size = (target.cpu_cores is not None and rates.cpu_core_hour is not None) or (
        target.memory_mib is not None and rates.memory_gib_hour is not None
    )
    if target.replicas is not None:
        return "" if by_size or rates.instance_hour else "neither an instance nor what it is allotted has a known price"
    if target.cpu_cores is None and target.memory_mib is None:
        return "what is allotted is not recorded, only a share of it, nor how many instances there are"
    if by_size:
        return ""
    if rates.instance_hour is not None:
        return "an instance is billed as a whole, and the price of a smaller one is not given"
    return "no price is given for what would change"


def _left_out(target: Target, rates: Rates) -> str:
    """What the figure does not hold, where it could hold more."""
    found = []
    if target.replicas is None or rates.instance_hour is None:
        if target.cpu_cores and rates.cpu_core_hour is None:
            found.append("CPU has no price")
        if target.memory_mib and rates.memory_gib_hour is None:
            found.append("memory has no price")
    if target.instances is None:
        found.append("one instance is counted, for their number is not recorded")
    return "; ".join(found)
