"""The same answers in the same order from this process, from several, and from a cluster of two workers."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.datasets.synthetic import synthesize
from data.errors import ConfigError, InputError
from pipelines.evaluate import default_rankers, evaluate
from pipelines.fan_out import ALONE, Workers, each
from pipelines.prepare import Source, prepare


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a scheduler on a free loopback port, with two worker processes that end with the module."""
    distributed = pytest.importorskip("distributed", reason="needs the extra 'scale'")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=False
    ) as running:
        yield running.scheduler_address


@pytest.fixture(params=["two processes", "two threads", "a cluster"])
def workers(request: pytest.FixtureRequest) -> Workers:
    if request.param == "a cluster":
        return Workers(cluster=request.getfixturevalue("cluster"))
    return Workers(2, threads=request.param == "two threads")


def squared(number: int, delay_s: float, values: Any) -> tuple[int, int, float]:
    time.sleep(delay_s)  # later ones are ready first
    return number**2, os.getpid(), float(np.sum(values))


def arguments(count: int, taken: list[int]) -> Iterator[tuple[int, float, Any]]:
    for number in range(count):
        taken.append(number)
        yield number, 0.04 * (number % 3 == 0), np.full(50_000, float(number))


def test_answers_come_in_the_order_of_the_arguments(workers: Workers) -> None:
    answers = list(each(squared, arguments(12, []), workers))
    assert [(square, total) for square, _, total in answers] == [(n**2, 50_000.0 * n) for n in range(12)]


def test_work_is_done_elsewhere(cluster: str) -> None:
    pids = {pid for _, pid, _ in each(squared, arguments(24, []), Workers(cluster=cluster))}
    assert len(pids) == 2
    assert os.getpid() not in pids


@pytest.mark.parametrize("where", ["alone", "cluster"])
def test_arguments_are_taken_as_they_are_needed(where: str, request: pytest.FixtureRequest) -> None:
    taken: list[int] = []
    workers = ALONE if where == "alone" else Workers(cluster=request.getfixturevalue("cluster"))
    answers = each(squared, arguments(1000, taken), workers)
    next(answers)
    assert len(taken) < 100, "all arguments were made at once"


def test_boards_are_the_same_wherever_they_are_made(cluster: str, tmp_path: Path) -> None:
    files = {}
    for name, workers in {"here": ALONE, "there": Workers(cluster=cluster)}.items():
        path = prepare(Source("synthetic", "3", seed=5, workers=workers), tmp_path / name)
        with np.load(path) as arrays:
            files[name] = dict(arrays)
    assert files["here"].keys() == files["there"].keys()
    for key, mine in files["here"].items():
        np.testing.assert_array_equal(mine, files["there"][key], err_msg=key)


def test_rankings_are_judged_the_same_wherever_they_are_made(cluster: str) -> None:
    cases = [synthesize((11, n), services=(5, 8)) for n in range(3)]
    here, there = (evaluate(cases, default_rankers(), workers=w) for w in (ALONE, Workers(cluster=cluster)))
    for name, mine in here.outcomes.items():
        assert [o.figures for o in mine] == [o.figures for o in there.outcomes[name]], name
        assert [o.confidence for o in mine] == [o.confidence for o in there.outcomes[name]], name


def read(number: int) -> int:
    if number == 2:
        raise InputError("cannot be read", field="case 2")
    return number


def test_an_error_arrives_as_itself(workers: Workers) -> None:
    with pytest.raises(InputError, match="case 2: cannot be read") as caught:
        list(each(read, ((n,) for n in range(4)), workers))
    assert caught.value.field == "case 2"


def test_workers_that_run_other_code_are_refused(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.fan_out.PACKAGES", ("data",))
    with pytest.raises(ConfigError, match="runs other code than this process"):
        list(each(squared, arguments(1, []), Workers(cluster=cluster)))


def test_no_cluster_and_one_without_workers_are_said(monkeypatch: pytest.MonkeyPatch, unused_port: int) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra 'scale'")
    monkeypatch.setattr("pipelines.fan_out.CONNECT_S", 0.3)
    with pytest.raises(ConfigError, match="no dask scheduler answers at"):
        list(each(squared, arguments(1, []), Workers(cluster=f"tcp://127.0.0.1:{unused_port}")))
    with (
        distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as empty,
        pytest.raises(ConfigError, match="has no worker; start one"),
    ):
        list(each(squared, arguments(1, []), Workers(cluster=empty.scheduler_address)))


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.fan_out.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"qai-sre\[scale\]"):
        list(each(squared, arguments(1, []), Workers(cluster="tcp://127.0.0.1:1")))


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])
