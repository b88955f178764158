"""The whole benchmark: every data set that is there, at every delay of the alert, with everybody beside us.

One run is one data set at one delay, as :func:`~pipelines.bench.summary.summarise` describes it. Data sets with alerts
of their own have one run. For the others, the run with an alert at the very start of the fault (delay 0) is the one
in which peers get what their papers give them: the time of the injection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from data.datasets import CATALOGUE, DEFAULT_DELAY_S, Case, has_alerts, load
from data.errors import InputError
from pipelines.bench.quiet import false_alarms
from pipelines.bench.summary import calibration, summarise
from pipelines.evaluate import Evaluation, Outcome, default_rankers, evaluate
from pipelines.fan_out import ALONE, Workers
from pipelines.peers import CATALOGUE as PEERS
from pipelines.peers import petshop
from pipelines.peers.process import Peers

DELAYS_S = (0.0, 30.0, 60.0, 120.0, 240.0)
# Where peers that take up to a minute a case are asked.
SLOW_DELAYS_S = (0.0, 60.0)
QUIET_MADE = 50


@dataclass(frozen=True)
class Plan:
    """What to run.

    Attributes:
        delays_s: from fault to alert, where a data set has no alert of its own.
        limit: at most this many cases a data set; ids are hashes of content, so the first are a fixed random sample.
        slow_cases: how many of these, at delays of 0 and 60 s, the slow peers are asked about; 0 for none.
        workers: who ranks; peers always wait in threads of this machine.
        seed: of the bootstrap, of the order in which peers see the series, and of made incidents.
    """

    delays_s: tuple[float, ...] = DELAYS_S
    limit: int | None = None
    slow_cases: int = 0
    workers: Workers = ALONE
    seed: int = 0


Told = Callable[[str], None]


@dataclass
class Report:
    """What was run, in order, and what was not found."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    ours: dict[tuple[str, float | None], tuple[Outcome, ...]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"runs": self.runs, "absent": self.absent, "pooled": pooled(self.ours)}


def benchmark(folders: Sequence[Path], plan: Plan, peers: Peers | None, told: Told) -> dict[str, Any]:
    """Every data set found in ``folders``.

    Args:
        peers: the peers' processes, or None to go without.
        told: hears what is being done.

    Raises:
        InputError: if no data set is there, or one is there and broken.
    """
    report = Report()
    start = perf_counter()
    for dataset in CATALOGUE:
        found = [folder for folder in folders if _is_there(dataset, folder)]
        if not found:
            report.absent.append(dataset)
        for folder in found:
            recorded = _Recorded(dataset, folder, dataset if len(found) == 1 else f"{dataset} {folder.name}")
            for delay_s in (None,) if has_alerts(dataset) else plan.delays_s:
                _run(report, recorded, delay_s, plan, peers, told)
    if not report.runs:
        where = ", ".join(map(str, folders))
        raise InputError(f"no data set in {where}; give folders that hold one of {', '.join(CATALOGUE)}", field="DIR")
    quiet = false_alarms(folders, limit=plan.limit, made=min(QUIET_MADE, plan.limit or QUIET_MADE),
                         workers=plan.workers, seed=plan.seed, told=told)  # fmt: skip
    return {**report.as_json(), "false_alarms": quiet, "seconds": perf_counter() - start}


class _Recorded(NamedTuple):
    """A data set: its format, where it lies, and what the report calls it."""

    dataset: str
    folder: Path
    name: str

    def cases(self, delay_s: float | None, limit: int | None) -> Iterator[Case]:
        delay_s = DEFAULT_DELAY_S if delay_s is None else delay_s
        return islice(load(self.dataset, self.folder, delay_s=delay_s), limit)


def _run(
    report: Report, recorded: _Recorded, delay_s: float | None, plan: Plan, peers: Peers | None, told: Told,
) -> None:  # fmt: skip
    name = recorded.name if delay_s is None else f"{recorded.name}, alert {delay_s:g} s after the fault"
    told(f"{name}: ours")

    rankers = {**default_rankers(), **petshop.METHODS}
    own = evaluate(recorded.cases(delay_s, plan.limit), rankers, workers=plan.workers)
    beside: list[Evaluation] = []
    for names, limit in _asked(peers, delay_s, plan):
        told(f"{name}: {', '.join(names)}")
        assert peers is not None
        them = {peer: peers.ranker(peer) for peer in names}
        beside.append(evaluate(recorded.cases(delay_s, limit), them, workers=replace(plan.workers, threads=True)))
    outcomes = {method: all_ for evaluation in (own, *beside) for method, all_ in evaluation.outcomes.items()}
    for method in petshop.METHODS:
        if all(outcome.failure for outcome in outcomes[method]):  # they need what this data set does not have
            del outcomes[method]
    together = Evaluation(own.cases, outcomes, own.load_ms, own.peak_memory_mb)
    summary = summarise(together, seed=plan.seed)
    report.runs.append({"dataset": recorded.name, "delay_s": delay_s, **summary})
    report.ours[recorded.name, delay_s] = own.outcomes["qai"]


def _asked(peers: Peers | None, delay_s: float | None, plan: Plan) -> Iterator[tuple[list[str], int | None]]:
    """Which peers are asked, and on how many cases."""
    if peers is None:
        return
    yield [name for name, peer in PEERS.items() if not peer.slow], plan.limit
    if plan.slow_cases and (delay_s is None or delay_s in SLOW_DELAYS_S):
        cases = min(plan.slow_cases, plan.limit or plan.slow_cases)
        yield [name for name, peer in PEERS.items() if peer.slow], cases


def _is_there(dataset: str, folder: Path) -> bool:
    try:
        load(dataset, folder)
    except InputError:
        return False
    return True


def pooled(ours: Mapping[tuple[str, float | None], Iterable[Outcome]]) -> dict[str, Any]:
    """Our confidence over all data sets, each run weighing as its cases do; and the worst single system's ECE."""
    everything = [outcome for outcomes in ours.values() for outcome in outcomes]
    systems: dict[str, list[Outcome]] = {}
    for (dataset, _), outcomes in ours.items():
        for outcome in outcomes:
            systems.setdefault(f"{dataset}/{outcome.system}", []).append(outcome)
    by_system = {name: calibration(part)["ece"] for name, part in sorted(systems.items())}
    return {**calibration(everything), "cases": len(everything), "ece_by_system": by_system}
