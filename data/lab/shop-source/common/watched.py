"""A JSON file that others change while we run."""

import json


class WatchedFile:
    """The object in a JSON file, read again when the file changes; empty while there is none."""

    def __init__(self, path):
        self._path = path
        self._stamp = None
        self._content = {}

    def read(self):
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._content = None, {}
            return self._content
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._stamp:
            self._content, self._stamp = json.loads(self._path.read_text()), stamp
        return self._content
