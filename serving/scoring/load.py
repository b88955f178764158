"""How much a scoring service takes: clients that each send the next request when the last was answered."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

SEED = 7


@dataclass(frozen=True)
class Load:
    """What came of it: requests answered a second, errors, and how long an answer took.

    ``errors`` counts refusals, failures and broken connections alike.
    """

    requests: int
    errors: int
    throughput_rps: float
    p50_ms: float
    p99_ms: float

    def as_json(self) -> dict[str, Any]:
        return {name: round(value, 1) for name, value in asdict(self).items()}


def bodies(count: int, rows: int) -> list[bytes]:
    """Requests of one series each, no two alike."""
    rng = np.random.default_rng(SEED)
    made = rng.normal(100.0, 5.0, (count, rows)) + 10.0 * np.sin(np.arange(rows) / 9.0)
    return [json.dumps({"batch": [{"values": row.round(3).tolist()}]}).encode() for row in made]


def measure(url: str, payloads: Sequence[bytes], *, clients: int, seconds: float, token: str | None = None) -> Load:
    """``clients`` ask ``url`` at once for ``seconds``, over connections they keep."""
    import uvloop

    return uvloop.run(_measure(url, payloads, clients, seconds, token))


async def _measure(url: str, payloads: Sequence[bytes], clients: int, seconds: float, token: str | None) -> Load:
    import aiohttp

    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    took: list[float] = []
    errors = 0

    async def ask(session: aiohttp.ClientSession, first: int, until: float) -> None:
        nonlocal errors
        turn = first
        while (began := time.perf_counter()) < until:
            turn += clients
            try:
                async with session.post(url, data=payloads[turn % len(payloads)]) as answer:
                    await answer.read()
                    errors += answer.status != 200
            except aiohttp.ClientError:
                errors += 1
            took.append(time.perf_counter() - began)

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        began = time.perf_counter()
        await asyncio.gather(*(ask(session, number, began + seconds) for number in range(clients)))
        elapsed = time.perf_counter() - began
    p50, p99 = np.quantile(took, [0.5, 0.99]) * 1000.0
    return Load(len(took), errors, (len(took) - errors) / elapsed, float(p50), float(p99))
