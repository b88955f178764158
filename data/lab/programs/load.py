"""Customers: sessions that arrive at random, look around, fill a basket and often buy it.

How many arrive follows the hour of the day, and ``--control`` names a JSON file that is read as it changes:
``sessions_per_s`` (mean over a day), ``multiplier``, and ``spring_from`` (seconds since 1970), from when on
some customers use the spring voucher.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import math
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

_CATEGORIES = ("kitchen", "garden", "office", "toys", "books", "sports", "music", "travel")
_PRODUCTS = 400
_TIMEOUT_S = 20.0
# When this many sessions are under way, newcomers walk past: the load stays bounded whatever the shop does.
_MOST_SESSIONS = 160
_MOST_SESSIONS_PER_S = 40.0
_THINK_S = 0.4
# (weight, pages looked at, fills a basket, buys it)
_JOURNEYS = ((40, 2, False, False), (15, 1, True, False), (45, 1, True, True))


def daily(phase: float) -> float:
    """Arrivals at ``phase`` of the day (0 is midnight) against their mean: low before dawn, high in the evening."""
    return 1 + 0.25 * math.sin(2 * math.pi * (phase - 0.45)) + 0.07 * math.sin(4 * math.pi * (phase - 0.65))


class Control:
    """The control file's content, read again once a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = -1.0
        self._content: dict[str, float] = {}

    def get(self, key: str, default: float) -> float:
        if time.monotonic() - self._at > 1:
            self._at = time.monotonic()
            with contextlib.suppress(OSError, ValueError):
                self._content = json.loads(self._path.read_text())
        return float(self._content.get(key, default))


class Customers:
    """Sends sessions to the frontend, whose address is looked up in ``addresses`` for every request."""

    def __init__(self, addresses: Path, control: Control, day_s: float, seed: int) -> None:
        self._addresses, self._control, self._day_s = addresses, control, day_s
        self._chance = random.Random(seed)
        self._free = threading.BoundedSemaphore(_MOST_SESSIONS)
        self._drift = 0.0

    def arrive_forever(self) -> None:
        with ThreadPoolExecutor(_MOST_SESSIONS) as pool:
            while True:
                time.sleep(self._chance.expovariate(self._rate()))
                if self._free.acquire(blocking=False):
                    pool.submit(self._session, random.Random(self._chance.getrandbits(64)))

    def _rate(self) -> float:
        # Interest drifts, too: a random walk that is drawn back to zero, some 5 % either way.
        self._drift = 0.995 * self._drift + self._chance.gauss(0, 0.005)
        rate = self._control.get("sessions_per_s", 3.5) * daily(time.time() / self._day_s % 1)
        rate *= math.exp(self._drift) * self._control.get("multiplier", 1.0)
        return min(_MOST_SESSIONS_PER_S, max(0.05, rate))

    def _session(self, chance: random.Random) -> None:
        try:
            # A customer who meets an error goes away; the shop's own telemetry holds what happened.
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                self._shop(chance)
        finally:
            self._free.release()

    def _shop(self, chance: random.Random) -> None:
        session = f"{chance.getrandbits(48):012x}"
        _, pages, fills, buys = chance.choices(_JOURNEYS, [weight for weight, *_ in _JOURNEYS])[0]
        self._send("GET", f"/?category={chance.choice(_CATEGORIES)}")
        for _ in range(pages):
            self._think(chance)
            self._send("GET", f"/products/{_sku(chance)}")
        if fills:
            self._think(chance)
            lines = [{"sku": _sku(chance), "units": chance.randint(1, 3)} for _ in range(chance.randint(2, 7))]
            self._send("POST", f"/basket/{session}", {"lines": lines})
            self._think(chance)
            self._send("GET", f"/basket/{session}")
        if buys:
            self._think(chance)
            order = {"card": f"tok_{chance.getrandbits(32):08x}", "voucher": self._voucher(chance)}
            self._send("POST", f"/checkout/{session}", order)

    def _voucher(self, chance: random.Random) -> str | None:
        drawn = chance.random()
        if drawn < 0.35 and time.time() >= self._control.get("spring_from", 0.0):
            return "SPRING15"
        return "WELCOME10" if drawn > 0.85 else None

    def _send(self, method: str, path: str, body: object = None) -> Any:
        port = json.loads(self._addresses.read_text())["frontend"]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise http.client.HTTPException(f"{answer.status} {answer.reason}")
        return json.loads(content)

    @staticmethod
    def _think(chance: random.Random) -> None:
        time.sleep(chance.expovariate(1 / _THINK_S))


def _sku(chance: random.Random) -> str:
    """A product; low numbers sell best."""
    return f"SKU-{int(_PRODUCTS * chance.random() ** 2):04d}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--addresses", type=Path, required=True)
    parser.add_argument("--control", type=Path, required=True)
    parser.add_argument("--day-length-s", type=float, default=86_400.0)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    Customers(chosen.addresses, Control(chosen.control), chosen.day_length_s, chosen.seed).arrive_forever()


if __name__ == "__main__":
    main()
