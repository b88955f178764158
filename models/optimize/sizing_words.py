"""How sizes are spoken of: what to do, what was seen, what could go wrong, what was not seen."""

from __future__ import annotations

from models.optimize.history import ServiceHistory
from models.optimize.need import Need
from models.optimize.opportunity import Fact, Target
from models.optimize.roles import Role

WEEK_HOURS = 7 * 24.0


def shrink_action(service: str, target: Target, needs: list[Need]) -> str:
    if target.replicas is not None:
        return f"Run {service} on {target.replicas[1]} instances instead of {target.replicas[0]:.3g}"
    told = _told(target)
    if told:
        return f"Give each instance of {service} {told}"
    shares = ", ".join(f"{need.needed:.0%} of its {need.resource}" for need in needs if need.needed < 1)
    return f"Give {service} {shares} of today"


def grow_action(service: str, target: Target, worst: Need) -> str:
    if target.replicas is not None:
        return f"Run {service} on {target.replicas[1]} instances instead of {target.replicas[0]:.3g}"
    told = _told(target)
    return f"Give each instance of {service} {told or f'{worst.needed:.0%} of the {worst.resource} it has today'}"


def _told(target: Target) -> str:
    parts = []
    if target.cpu_cores and target.cpu_cores[0] != target.cpu_cores[1]:
        parts.append(f"{target.cpu_cores[1]:.3g} CPU cores instead of {target.cpu_cores[0]:.3g}")
    if target.memory_mib and target.memory_mib[0] != target.memory_mib[1]:
        parts.append(f"{target.memory_mib[1]:.0f} MiB of memory instead of {target.memory_mib[0]:.0f}")
    return " and ".join(parts)


def fact(service: str, need: Need) -> Fact:
    days = f"{len(need.peaks)} day{'s' if len(need.peaks) != 1 else ''}"
    what = "95th percentile" if need.resource == "cpu" else "highest value"
    grows = f", and the peak gains {need.growth:.0%} a month" if need.growth else ""
    text = (
        f"{need.resource} of {service} is {need.average:.0%} used on average and {need.peaks.max():.0%} in the busiest "
        f"hour ({need.busiest:%Y-%m-%d %H:%M} UTC, {what}), over {need.hours:.0f} h on {days}{grows}"
    )
    detail = {"metric": need.metric, "average": need.average, "daily_peaks": [round(float(p), 4) for p in need.peaks],
              "busiest_hour": need.busiest.isoformat(), "allotted": need.allotted, "hours": need.hours,
              "growth_per_month": need.growth}  # fmt: skip
    return Fact(need.resource, text, detail)


def shrink_risk(hours: float, days: int) -> str:
    week = "" if hours >= WEEK_HOURS else f" Only {hours:.0f} h were seen: a busier day of the week may not be in them."
    return (
        f"A peak higher than in these {days} days finds less room; month ends, campaigns and a failover that moves "
        f"another zone's load here are not in them unless they happened.{week} Take it away in steps and watch."
    )


def unknown(history: ServiceHistory, needs: list[Need], hours: float) -> tuple[str, ...]:
    seen = {need.resource for need in needs}
    found = [f"{r} of {history.service} was not seen" for r in ("cpu", "memory") if r not in seen]
    found += [f"what {need.resource} {history.service} requests or is limited to is not recorded, only a share of it"
              for need in needs if need.allotted is None]  # fmt: skip
    if history.instances() is None:
        found.append(f"how many instances of {history.service} run is not recorded")
    if hours < WEEK_HOURS:
        found.append(f"a whole week was not seen, only {hours:.0f} h")
    return tuple(found)


def why_unsized(history: ServiceHistory) -> tuple[str, ...]:
    used = {Role.cpu_used, Role.memory_used} & set(history.frames)
    if not used:
        return history.unread
    what = " and ".join(sorted(str(role).removesuffix("_used") for role in used))
    return (*history.unread, f"{history.service} is not sized: its {what} use is recorded, but neither a request nor a "
            "limit to hold it against")  # fmt: skip


def too_short(service: str, hours: float, needed: float, what: str) -> str:
    return f"{service} is not sized: {hours:.1f} h of history were seen, and {needed:.0f} h are needed before {what}"
