"""Settings of this service: ``config.toml`` beside its code, overlaid by what operations has set since."""

import tomllib
from pathlib import Path

from common import environment
from common.watched import WatchedFile

_DEFAULTS = {"workers": 12, "max_requests_per_second": 500}


class Settings:
    """Looked up at each use, so that a changed setting or flag takes effect without a restart."""

    def __init__(self):
        code = Path(environment.SERVICE) / "config.toml"
        self._shipped = _DEFAULTS | (tomllib.loads(code.read_text()) if code.exists() else {})
        self._operations = WatchedFile(environment.STATE / "config" / f"{environment.SERVICE}.json")

    def __getitem__(self, key):
        return self._operations.read().get(key, self._shipped[key])


settings = Settings()
