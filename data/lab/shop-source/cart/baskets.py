"""Where baskets are kept."""

import json
import threading
import time

from common.errors import HttpError

# A basket nobody has touched for so long is cleared away.
FORGOTTEN_AFTER_S = 1800
_CLEAR_EVERY_S = 60.0


class Baskets:
    def __init__(self, folder):
        self._folder = folder
        self._lock = threading.Lock()
        self._cleared = time.monotonic()

    def lines(self, session):
        path = self._path(session)
        try:
            return json.loads(path.read_text())
        except FileNotFoundError:
            return []

    def add(self, session, lines):
        """Append lines; returns how many there are now."""
        with self._lock:
            together = self.lines(session) + lines
            self._path(session).write_text(json.dumps(together))
            self._clear()
        return len(together)

    def remove(self, session):
        self._path(session).unlink(missing_ok=True)

    def _path(self, session):
        if not session.isalnum():
            raise HttpError(400, "a session is letters and digits")
        return self._folder / f"{session}.json"

    def _clear(self):
        if time.monotonic() - self._cleared < _CLEAR_EVERY_S:
            return
        self._cleared = time.monotonic()
        for path in self._folder.glob("*.json"):
            if time.time() - path.stat().st_mtime > FORGOTTEN_AFTER_S:
                path.unlink(missing_ok=True)
