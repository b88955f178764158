"""Prepare: incidents whose cause is known, made into boards that rankers learn from.

    python -m pipelines.prepare --out DIR synthetic=2000 lab=DIR petshop=DIR nezha=DIR bundles=DIR

writes one file a system (:mod:`models.rankers.examples`). A file that was made from the same code and arguments is
kept. Sets without a licence may be prepared too, for scoring; ``pipelines.train`` refuses to learn from them.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from data.datasets import CATALOGUE, Case, has_alerts, load
from data.errors import InputError
from data.telemetry import Telemetry, empty_logs, empty_spans
from data.topology import ServiceGraph
from models.rankers.board import board_of
from models.rankers.examples import Example, digest_of, save
from models.unseen import modalities
from pipelines.fan_out import ALONE, Workers, each
from pipelines.investigate import last_instant, look_around

ROOT = Path(__file__).resolve().parent.parent
# What decides a board; folders count with their modules, not with folders inside. Rankers are not in the list: another
# ranker learns from the same boards.
CODE = ("data/datasets", "data/datasets/synthetic", "models", "models/logs", "data/telemetry.py", "data/topology.py",
        "models/rankers/board.py", "pipelines/investigate.py", "pipelines/prepare.py")  # fmt: skip
NOT_CODE = ("ranking.py", "confidence.py", "calibration.py", "evidence.py", "metrics.py", "baselines.py", "catalog.py")
# What may be learned from: the licence of each, as its own files state it. Other sets are for benchmarks alone.
LICENCES = {
    "bundles": "Apache-2.0",
    "lab": "made by this project",
    "petshop": "CC-BY-4.0, the PetShop dataset by Amazon Web Services",
    "nezha": "MIT, copyright 2023 IntelligentDDS",
    "synthetic": "made by this project",
}
MADE, LAB = "synthetic", "lab"
DELAYS_S = (0.0, 60.0, 240.0)
SIZES = ((5, 20), (5, 60))
# Incidents are also shown without some of what was recorded, as if a source had not been there.
DROPPED = ((), ("spans",), ("logs",), ("graph", "spans"))


@dataclass(frozen=True)
class Source:
    """One system to prepare: a folder of a known format, or how many incidents to make from which seed on."""

    system: str
    where: str
    seed: int = 1000
    dropped: tuple[tuple[str, ...], ...] = ((),)
    workers: Workers = ALONE
    sizes: tuple[tuple[int, int], ...] = SIZES

    @property
    def made(self) -> bool:
        return self.system.startswith(MADE)

    @property
    def digest(self) -> str:
        """Of the code that makes the boards, and of what is asked for."""
        made_of = hashlib.sha256(repr((self.system, self.where, self.seed, self.dropped, self.sizes)).encode())
        paths = (p for name in CODE for p in ([ROOT / name] if name.endswith(".py") else (ROOT / name).glob("*.py")))
        for path in sorted(p for p in paths if p.name not in NOT_CODE):
            made_of.update(path.read_bytes())
        return made_of.hexdigest()


def main(arguments: Sequence[str]) -> None:
    options = _parser().parse_args(arguments)
    workers = Workers(options.workers, options.cluster)
    for text in options.sources:
        system, _, where = text.partition("=")
        dropped = DROPPED if options.drop and not system.startswith(MADE) else ((),)
        path = prepare(Source(system, where, options.seed, dropped, workers), options.out)
        sys.stdout.write(f"{path}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines.prepare", description=__doc__)
    parser.add_argument("sources", nargs="+", metavar="SYSTEM=WHERE", help="synthetic=COUNT, lab=DIR or DATASET=DIR")
    parser.add_argument("--out", type=Path, required=True, help="where the files go")
    parser.add_argument("--seed", type=int, default=1000, help="of the first made incident")
    parser.add_argument("--drop", action="store_true", help="show recorded incidents also without some modalities")
    parser.add_argument("--workers", type=int, default=1, help="processes of this machine")
    parser.add_argument("--cluster", metavar="tcp://HOST:PORT", help="a dask scheduler whose workers do it instead")
    return parser


def prepare(source: Source, out: Path) -> Path:
    """The file of one system, made if it is not there already.

    Raises:
        InputError: if the source is unknown or holds no incident.
    """
    path = out / f"{source.system}.npz"
    digest = source.digest
    if digest_of(path) != digest:
        examples = _made(source) if source.made else _recorded(source)
        if not examples:
            raise InputError("holds no incident", field=source.where)
        save(path, examples, system=source.system, digest=digest)
    return path


def _made(source: Source) -> list[Example]:
    wanted = ((source.seed, number, source.sizes) for number in range(int(source.where)))
    parts = each(_make, wanted, source.workers)
    return [example for part in parts for example in part]


def _make(seed: int, number: int, sizes: Sequence[tuple[int, int]]) -> list[Example]:
    from data.datasets.synthetic import synthesize

    case = synthesize((seed, number), services=sizes[number % len(sizes)])
    rng = np.random.default_rng((seed, number, 1))
    return examples_of(_later(case, float(rng.choice([0.0, rng.uniform(0.0, 240.0)]))), number, number)


def _later(case: Case, delay_s: float) -> Case:
    """The alert comes ``delay_s`` later, if the recording goes on for so long."""
    last = last_instant(case.alert, case.telemetry)
    fired_at = min(case.alert.fired_at + timedelta(seconds=delay_s), last)
    return replace(case, alert=case.alert.model_copy(update={"fired_at": fired_at}))


def _recorded(source: Source) -> list[Example]:
    """All cases at all delays, with all subsets of modalities."""
    name = "bundles" if source.system == LAB else source.system
    if name not in CATALOGUE:
        raise InputError(f"is none of {MADE}, {LAB}, {', '.join(CATALOGUE)}", field=source.system)
    shown = ((case, number, showing) for showing, (case, number) in enumerate(_showings(name, source)))
    return [example for part in each(examples_of, shown, source.workers) for example in part]


def _showings(name: str, source: Source) -> Iterator[tuple[Case, int]]:
    """Every way in which every case is shown, with the case's number."""
    numbers: dict[str, int] = {}
    for delay_s in DELAYS_S[:1] if has_alerts(name) else DELAYS_S:
        for case in load(name, Path(source.where), delay_s=delay_s):
            number = numbers.setdefault(case.id, len(numbers))
            yield from ((shown, number) for shown in _shown(case, source.dropped))


def _shown(case: Case, dropped: Sequence[Sequence[str]]) -> Iterator[Case]:
    """``case`` without each of ``dropped``, where that leaves something and takes something away."""
    there = modalities(case.telemetry)
    for names in dropped:
        if set(names) <= there and (there - set(names)) & {"metrics", "spans"}:
            yield replace(case, telemetry=without(case.telemetry, names))


def without(telemetry: Telemetry, names: Sequence[str]) -> Telemetry:
    """``telemetry`` as it would be had the sources of ``names`` (spans, logs, graph) not been there."""
    return replace(
        telemetry,
        spans=empty_spans() if "spans" in names else telemetry.spans,
        logs=empty_logs() if "logs" in names else telemetry.logs,
        graph=ServiceGraph() if "graph" in names else telemetry.graph,
    )


def examples_of(case: Case, number: int, showing: int) -> list[Example]:
    """One example for each likely onset of ``case``. The label is opened after the boards are made."""
    as_of = last_instant(case.alert, case.telemetry)
    seen = case.telemetry.before(as_of)
    graph, views, unseen = look_around(case.alert, seen, as_of)
    there = modalities(seen)
    # Whom spans name in one view alone has a row in all, or rows of different views would not be the same service.
    named = {finding.service for view in views for finding in view.findings}
    boards = [
        board_of(case.alert, graph, v.blocks, v.findings, passings=v.passings, period=v.period, seen=there, among=named)
        for v in views
    ]
    services = case.truth().services
    return [
        Example(
            board,
            number,
            showing,
            view.onset.probability,
            len(unseen),
            np.isin(board.services, services),
            bool(services) and not set(services) & set(board.services),
        )
        for board, view in zip(boards, views, strict=True)
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
