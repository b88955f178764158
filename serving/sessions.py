"""Login links and sessions, as files and signatures; no web framework here.

A link's token is 256 random bits. Only its SHA-256 is kept, as the name of a file that is removed when the token
is spent; removing a file succeeds once, however many requests try at the same time. A session is a signed cookie:
nothing is stored for it but, after signing out, its id.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from itsdangerous import BadData, URLSafeTimedSerializer

from data.domain import now

LINK_LIFETIME = timedelta(minutes=15)

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_UNPRINTABLE = re.compile(r"[^\w .@+-]")


@dataclass(frozen=True)
class Session:
    """Somebody signed in. ``name`` is who the audit log will say it was."""

    id: str
    name: str


class Sessions:
    """Issues and redeems login links, and opens and closes sessions.

    Args:
        state_dir: where ``keys/session.key``, ``login/`` and ``signed_out/`` live; made on first use.
        lifetime: how long a session lasts.
    """

    def __init__(self, state_dir: Path, lifetime: timedelta) -> None:
        self.lifetime = lifetime
        self._state_dir = state_dir
        self._links = state_dir / "login"
        self._signed_out = state_dir / "signed_out"

    def issue(self, name: str) -> str:
        """A new token for one sign-in by ``name`` within :data:`LINK_LIFETIME`."""
        _private_folder(self._links)
        _forget(self._links, older_than=LINK_LIFETIME)
        token = secrets.token_urlsafe(32)
        record = {"name": _UNPRINTABLE.sub("", name)[:64], "expires_at": (now() + LINK_LIFETIME).isoformat()}
        _write_private(self._links / _digest(token), json.dumps(record).encode())
        return token

    def redeem(self, token: str) -> Session | None:
        """Spend a token; None when it is unknown, expired or spent already."""
        if not _TOKEN.fullmatch(token):
            return None
        path = self._links / _digest(token)
        try:
            record = json.loads(path.read_bytes())
            path.unlink()  # of requests racing to here, one succeeds
        except FileNotFoundError:
            return None
        if datetime.fromisoformat(record["expires_at"]) < now():
            return None
        return Session(id=secrets.token_urlsafe(16), name=record["name"])

    def seal(self, session: Session) -> str:
        """The cookie that carries a session."""
        return str(self._serializer.dumps([session.id, session.name]))

    def open(self, cookie: str) -> Session | None:
        """The session a cookie carries; None when it is forged, expired or signed out."""
        try:
            identity, name = self._serializer.loads(cookie, max_age=int(self.lifetime.total_seconds()))
        except (BadData, ValueError, TypeError):
            return None
        session = Session(id=identity, name=name)
        return None if (self._signed_out / _digest(session.id)).exists() else session

    def close(self, session: Session) -> None:
        """Sign out: the cookie is worthless from here on, wherever it was copied to."""
        _private_folder(self._signed_out)
        _forget(self._signed_out, older_than=self.lifetime)
        (self._signed_out / _digest(session.id)).touch(mode=0o600)

    def form_token(self, session: Session) -> str:
        """What a session's own forms carry and nobody else's can."""
        return hmac.new(self._key, b"form:" + session.id.encode(), hashlib.sha256).hexdigest()

    @cached_property
    def _key(self) -> bytes:
        path = self._state_dir / "keys" / "session.key"
        _private_folder(path.parent)
        if not path.exists():
            fresh = path.with_name(f"session.{secrets.token_hex(8)}.new")
            _write_private(fresh, secrets.token_bytes(32))
            try:
                os.link(fresh, path)  # fails where another process was first: then its key is the key
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_bytes()

    @cached_property
    def _serializer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self._key, salt="qai-sre session", signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _private_folder(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _forget(folder: Path, older_than: timedelta) -> None:
    limit = time.time() - older_than.total_seconds()
    for path in folder.iterdir():
        try:
            if path.stat().st_mtime < limit:
                path.unlink()
        except FileNotFoundError:  # another process forgot it first
            continue
