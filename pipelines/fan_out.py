"""Fan out: independent pieces of work, in this process, in several of this machine, or on a dask cluster.

    for board in each(prepared, ((case,) for case in cases), Workers(count=8)):
    for board in each(prepared, ((case,) for case in cases), Workers(cluster="tcp://10.0.0.5:8786")):

The answers are the same wherever the work is done, and come in the order of the arguments. These are taken as they are
needed, so a data set that does not fit into memory may be gone through.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from data.errors import ConfigError

if TYPE_CHECKING:
    from distributed import Client

R = TypeVar("R")

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("data", "models", "pipelines")
CONNECT_S = 10.0


@dataclass(frozen=True)
class Workers:
    """Who does the work: ``count`` processes, or all workers of the dask scheduler at ``cluster`` (``tcp://HOST:PORT``).

    ``threads`` of this process take the place of processes where the work does nothing but wait; a cluster then has no
    say.
    """

    count: int = 1
    cluster: str | None = None
    threads: bool = False


ALONE = Workers()


def each(work: Callable[..., R], arguments: Iterable[tuple[Any, ...]], workers: Workers = ALONE) -> Iterator[R]:
    """``work(*a)`` for each of ``arguments``, in their order. What a piece of work raises ends the whole.

    Raises:
        ConfigError: where the cluster is not reached, has no worker, or runs other code than this process.
    """
    if workers.cluster is not None and not workers.threads:
        yield from _on_cluster(work, arguments, workers.cluster)
    elif workers.count == 1:
        yield from (work(*given) for given in arguments)
    else:
        from joblib import Parallel, delayed

        kind = "threads" if workers.threads else "processes"
        parallel = Parallel(n_jobs=workers.count, prefer=kind, return_as="generator")
        yield from parallel(delayed(work)(*given) for given in arguments)


def _on_cluster(work: Callable[..., R], arguments: Iterable[tuple[Any, ...]], address: str) -> Iterator[R]:
    with _connected(address) as client:
        from joblib import Parallel, delayed, parallel_config

        # Parallel keeps the backend it is made under; were work done inside the block, whoever takes our answers would
        # find every other use of joblib sent to the cluster, too.
        with parallel_config(backend="dask", client=client):
            parallel = Parallel(return_as="generator")
        yield from parallel(delayed(work)(*given) for given in arguments)


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    if find_spec("distributed") is None:
        raise ConfigError("work on a cluster needs the extra: pip install 'qai-sre[scale]'")
    from distributed import Client

    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ConfigError(f"no dask scheduler answers at {address}: {error}") from error
    with client:
        _check(client, address)
        yield client


def _check(client: Client, address: str) -> None:
    """Other code would answer, too, but not the same."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
    except TimeoutError as error:
        raise ConfigError(f"the cluster at {address} has no worker; start one: dask worker {address}") from error
    ours = code_digest()
    found = client.run(code_digest, on_error="return")
    other = sorted(worker for worker, theirs in found.items() if theirs != ours)
    if other:
        raise ConfigError(f"{', '.join(other)}: runs other code than this process; install the same qai-sre there")


def code_digest() -> str:
    """Of the modules that work is made of, as installed where this is called."""
    found = hashlib.sha256()
    for path in sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py")):
        found.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()
