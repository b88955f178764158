"""Server-sent events: tells a page that something it shows has changed; the page then asks for the part anew.

One stream serves both pages. It carries no content, so there is nothing in it to escape and nothing to go stale.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from threading import Event as Flag

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from data.store import Store
from serving.auth import session_of

POLL_S = 0.5
HEARTBEAT_S = 15.0


async def changes(request: Request, store: Store, after: int, incident_id: str | None) -> AsyncIterator[str]:
    """The stream: at most one ``change`` a poll, with the ids of the incidents concerned, and heartbeats between.

    Ends when the browser goes, the session ends, or ``app.state.stopping`` (a threading.Event) says that the server
    is to stop; otherwise a graceful shutdown would wait for every open page.
    """
    stopping: Flag = getattr(request.app.state, "stopping", None) or Flag()
    yield f"retry: 2000\n: from {after}\n\n"
    quiet_s = 0.0
    while not (stopping.is_set() or await request.is_disconnected()):
        if await run_in_threadpool(session_of, request) is None:
            return
        events = await run_in_threadpool(store.events, incident_id, after)
        if events:
            after, quiet_s = events[-1].seq, 0.0
            yield message("change", after, {"incidents": sorted({event.incident_id for event in events})})
        elif quiet_s >= HEARTBEAT_S:
            quiet_s = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(POLL_S)
        quiet_s += POLL_S


def message(kind: str, seq: int, content: dict[str, object]) -> str:
    """One event in the wire format. JSON puts no line break into ``data``."""
    return f"event: {kind}\nid: {seq}\ndata: {json.dumps(content)}\n\n"
