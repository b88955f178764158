"""The emergency stop: while it stands, nothing is written to the world, anywhere, until a person lifts it.

A stop is a row in the database, so that it reaches every replica and survives a restart, or a file in the state folder,
for when nothing else can be reached: ``STOP`` for everything, ``STOP-cart`` for the service ``cart``. Nobody keeps it
in memory: whoever is about to write asks here first, each time, so that a stop takes hold before the next write.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import sqlalchemy as sa

from data import audit
from data import schema as t
from data.database import reading
from data.domain import Noun, Utc, now
from data.errors import StoppedError

FILE = "STOP"


class Stop(Noun):
    """One stop that stands. ``service`` None means everything."""

    service: str | None
    by: str
    because: str
    at: Utc | None = None


@dataclass(frozen=True)
class Brake:
    """The stops of one installation.

    Attributes:
        engine: the database every replica shares.
        file: a file that stops everything while it is there; what it holds is the reason. Beside it, a file of the same
            name with ``-`` and a service after it stops that service.
    """

    engine: sa.Engine
    file: Path

    @classmethod
    def of(cls, engine: sa.Engine, state_dir: Path) -> Brake:
        """The brake of an installation with this database and state folder."""
        return cls(engine, state_dir / FILE)

    def file_of(self, service: str | None) -> Path:
        """The file that stops one service, or everything. What cannot stand in a name is percent-encoded."""
        return self.file if service is None else self.file.with_name(f"{self.file.name}-{quote(service, safe=' ')}")

    def stop(self, by: str, because: str = "", service: str | None = None) -> Stop:
        """Stop everything, or one service. Stopped already, that stop stands and no other is made."""
        known = next((s for s in self._rows() if s.service == service), None)
        if known is not None:
            return known
        made = Stop(service=service, by=by, because=because or "no reason was given", at=now())
        with self.engine.begin() as connection:
            connection.execute(t.stops.insert().values(**made.model_dump()))
        audit.append(self.engine, by, "stop", service or "everything", because=made.because)
        return made

    def resume(self, by: str, service: str | None = None) -> tuple[Stop, ...]:
        """Lift the stop of everything, or of one service, and return what was lifted; the file goes with it."""
        lifted = tuple(s for s in self.standing() if s.service == service)
        is_same = t.stops.c.service.is_(None) if service is None else t.stops.c.service == service
        with self.engine.begin() as connection:
            connection.execute(
                t.stops.update().where(is_same, t.stops.c.lifted_at.is_(None)).values(lifted_at=now(), lifted_by=by)
            )
        for file in self._files():
            if _stopped_by(self.file, file) == service:
                file.unlink(missing_ok=True)
        if lifted:
            audit.append(self.engine, by, "resume", service or "everything", lifted=len(lifted))
        return lifted

    def standing(self) -> tuple[Stop, ...]:
        """Every stop that stands, the one of everything first."""
        found = (*self._by_file(), *self._rows())
        return tuple(sorted(found, key=lambda stop: (stop.service is not None, stop.service or "")))

    def check(self, service: str | None) -> None:
        """Ask this right before a write.

        Args:
            service: what the write is about; None where it is about no one service, which any stop then holds up.

        Raises:
            StoppedError: a stop stands that holds it up.
        """
        for stop in self.standing():
            if stop.service is None or service is None or stop.service == service:
                what, lift = stop.service or "everything", f" --service {stop.service}" if stop.service else ""
                raise StoppedError(f"{what} was stopped by {stop.by} ({stop.because}); qai-sre resume{lift} lifts it")

    def _rows(self) -> list[Stop]:
        columns = (t.stops.c.service, t.stops.c.by, t.stops.c.because, t.stops.c.at)
        with reading(self.engine) as connection:
            rows = connection.execute(sa.select(*columns).where(t.stops.c.lifted_at.is_(None))).mappings()
            return [Stop.model_validate(dict(row)) for row in rows]

    def _by_file(self) -> list[Stop]:
        return [
            Stop(service=_stopped_by(self.file, file), by=f"the file {file.name}", because=_reason(file))
            for file in self._files()
        ]

    def _files(self) -> list[Path]:
        """The stop files that are there. A folder that cannot be read raises: then nothing is written either."""
        if not self.file.parent.is_dir():
            return []
        beside = f"{self.file.name}-"
        return sorted(p for p in self.file.parent.iterdir() if p.name == self.file.name or p.name.startswith(beside))


def _stopped_by(base: Path, file: Path) -> str | None:
    """The service that ``file`` stops; None where it stops everything."""
    return unquote(file.name.removeprefix(f"{base.name}-")) or None if file.name != base.name else None


def _reason(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as failed:  # there, and unreadable: it is meant to stop us
        text = str(failed)
    return " ".join(text.split())[:200] or "no reason"
