"""A bad line between two services: passes TCP on, late, or as though packets were lost.

A lost packet is not an error to TCP but a wait: the sender repeats it after a timeout that doubles each time
(RFC 6298: one second for the first packet of a connection, on Linux at least 200 ms later on). So that is what
``--loss`` does to the bytes that pass through here.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random

_FIRST_TIMEOUT_S, _LATER_TIMEOUT_S, _MOST_REPEATS = 1.0, 0.2, 4
_CHUNK = 65_536


class Line:
    """Adds ``delay_s`` (give or take ``jitter_s``) each way, and loses ``loss`` of the packets."""

    def __init__(self, port: int, delay_s: float, jitter_s: float, loss: float) -> None:
        self._port, self._delay_s, self._jitter_s, self._loss = port, delay_s, jitter_s, loss

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until both sides are done."""
        try:
            await asyncio.sleep(self._repeats(_FIRST_TIMEOUT_S))
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
            await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        except OSError:
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                late_s = max(0.0, random.gauss(self._delay_s, self._jitter_s)) if self._delay_s else 0.0
                await asyncio.sleep(late_s + self._repeats(_LATER_TIMEOUT_S))
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            if writer.can_write_eof():
                writer.write_eof()
        if reader.at_eof() and writer.transport.is_closing():
            writer.close()

    def _repeats(self, timeout_s: float) -> float:
        """How long it takes until a packet gets through."""
        waited = 0.0
        for attempt in range(_MOST_REPEATS):
            if random.random() >= self._loss:
                break
            waited += timeout_s * 2**attempt
        return waited


async def serve(listen: int, line: Line) -> None:
    server = await asyncio.start_server(line.accept, "127.0.0.1", listen, backlog=512)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--delay-s", type=float, default=0.0)
    parser.add_argument("--jitter-s", type=float, default=0.0)
    parser.add_argument("--loss", type=float, default=0.0)
    chosen = parser.parse_args()
    asyncio.run(serve(chosen.listen, Line(chosen.to, chosen.delay_s, chosen.jitter_s, chosen.loss)))


if __name__ == "__main__":
    main()
