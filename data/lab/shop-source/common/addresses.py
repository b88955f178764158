"""Where the others are: a table of names, as a resolver would hold it, read again when it changes."""

import errno

from common import environment
from common.watched import WatchedFile

_FOLDER = environment.STATE / "addresses"
_everyone = WatchedFile(_FOLDER / "all.json")
# What this caller alone resolves differently, as with a sidecar or a hosts file.
_mine = WatchedFile(_FOLDER / f"from-{environment.SERVICE}.json")


class UnknownHost(OSError):
    """The resolver has no address for a name."""

    def __init__(self, name):
        super().__init__(errno.ENOENT, f"getaddrinfo: name or service not known: {name}")


def resolve(name):
    """The ``(host, port)`` of a service or of ``host:port``."""
    host, _, port = name.partition(":")
    if port:
        return host, int(port)
    found = (_everyone.read() | _mine.read()).get(name)
    if found is None:
        raise UnknownHost(name)
    return "127.0.0.1", found
