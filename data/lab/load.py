"""Customers: sessions that arrive at random, look around, fill a basket and mostly buy it."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import random
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any

_CATEGORIES = ("kitchen", "garden", "office", "toys", "books", "sports", "music", "travel")
_PRODUCTS = 400
_TIMEOUT_S = 20.0
# When this many sessions are under way, newcomers walk past: the load stays bounded whatever the shop does.
_MOST_SESSIONS = 32


@dataclass(frozen=True)
class Habits:
    """How customers behave. The arrival rate swells and ebbs by ``swell`` over ``period_s``."""

    sessions_per_s: float = 2.6
    swell: float = 0.2
    period_s: float = 240.0
    buys: float = 0.85
    think_s: float = 0.25


class Customers:
    """Sends sessions to the storefront at ``url`` for as long as the ``with`` block lasts."""

    def __init__(self, url: str, *, seed: int = 0, habits: Habits | None = None) -> None:
        self._url = url
        self._chance = random.Random(seed)
        self._habits = habits or Habits()
        self._over = threading.Event()
        self._arrivals = threading.Thread(target=self._arrive)
        self._free = threading.BoundedSemaphore(_MOST_SESSIONS)

    def __enter__(self) -> Customers:
        self._arrivals.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._arrivals.join()

    def _arrive(self) -> None:
        started, habits = time.monotonic(), self._habits
        with ThreadPoolExecutor(_MOST_SESSIONS) as pool:
            while not self._over.is_set():
                phase = 2 * math.pi * (time.monotonic() - started) / habits.period_s
                rate = habits.sessions_per_s * (1 + habits.swell * math.sin(phase))
                self._over.wait(self._chance.expovariate(rate))
                if self._free.acquire(blocking=False):
                    pool.submit(self._session, random.Random(self._chance.getrandbits(64)))

    def _session(self, chance: random.Random) -> None:
        try:
            # A customer who meets an error goes away; the shop's own telemetry holds what happened.
            with contextlib.suppress(urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException):
                self._shop(chance)
        finally:
            self._free.release()

    def _shop(self, chance: random.Random) -> None:
        session, habits = f"{chance.getrandbits(48):012x}", self._habits
        send(self._url, "GET", f"/?category={chance.choice(_CATEGORIES)}")
        for _ in range(chance.randint(1, 3)):
            self._think(chance)
            send(self._url, "GET", f"/products/{_sku(chance)}")
        for _ in range(chance.randint(1, 2)):
            self._think(chance)
            lines = [{"sku": _sku(chance), "units": chance.randint(1, 3)} for _ in range(chance.randint(2, 7))]
            send(self._url, "POST", f"/basket/{session}", {"lines": lines})
        if chance.random() < habits.buys:
            self._think(chance)
            send(self._url, "POST", f"/checkout/{session}", {"card": f"tok_{chance.getrandbits(32):08x}"})

    def _think(self, chance: random.Random) -> None:
        self._over.wait(chance.expovariate(1 / self._habits.think_s))


def send(url: str, method: str, path: str, body: object = None) -> Any:
    """One request's JSON answer.

    Raises:
        urllib.error.HTTPError: for any status but success.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
        return json.load(answer)


def _sku(chance: random.Random) -> str:
    """A product; low numbers sell best."""
    return f"SKU-{int(_PRODUCTS * chance.random() ** 2):04d}"
