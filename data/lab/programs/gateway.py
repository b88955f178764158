"""A stand-in for the payment company: answers as slowly, and declines as often, as a real one. Shares no telemetry.

Its line takes in ``--bandwidth`` bytes a second, so what is large takes long to send.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MEDIAN_S, SPREAD, LONGEST_S = 0.05, 0.3, 0.25
DECLINED = 0.01
_CHUNK = 16_384


class Gateway(BaseHTTPRequestHandler):
    """Authorises cards and captures amounts."""

    slower_s = 0.0
    failing = 0.0
    bandwidth = 2_000_000.0
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        self._receive(int(self.headers.get("Content-Length") or 0))
        time.sleep(min(LONGEST_S, MEDIAN_S * random.lognormvariate(0, SPREAD)) + self.slower_s)
        if random.random() < self.failing:
            self._answer(503, {"error": "service temporarily unavailable"})
        elif self.path.endswith("/authorisations"):
            status = "declined" if random.random() < DECLINED else "authorised"
            self._answer(200, {"id": secrets.token_hex(6), "status": status})
        elif self.path.endswith("/captures"):
            self._answer(200, {"id": secrets.token_hex(6), "status": "captured"})
        else:
            self._answer(404, {"error": "no such resource"})

    def _receive(self, length: int) -> None:
        while length > 0:
            chunk = self.rfile.read(min(length, _CHUNK))
            if not chunk:
                return
            length -= len(chunk)
            time.sleep(len(chunk) / self.bandwidth)

    def _answer(self, status: int, content: dict[str, str]) -> None:
        payload = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        """Third parties keep their logs to themselves."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--slower-s", type=float, default=0.0)
    parser.add_argument("--failing", type=float, default=0.0, help="share of requests answered with 503")
    chosen = parser.parse_args()
    Gateway.slower_s, Gateway.failing = chosen.slower_s, chosen.failing
    server = ThreadingHTTPServer(("127.0.0.1", chosen.port), Gateway)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
