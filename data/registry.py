"""Which ranker is in use: versions on disk, and the two that have names, champion and challenger.

    STATE_DIR/models/registry.json      who is champion, who challenger, and who was champion before
    STATE_DIR/models/v0003/ranker.json  a version, as data
    STATE_DIR/models/v0003/entry.json   its digest, when it came, and what is said of it

Version 0 is the ranker that ships and is always there. ``registry.json`` is replaced in one step, so that whoever reads
it while it changes sees the old state or the new; one writer at a time holds a lock. Every switch is in the audit log
before it is made.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data import audit
from data.domain import now
from data.errors import ModelError

SHIPPED = 0
RANKER = "ranker.json"


@dataclass(frozen=True)
class Entry:
    """One version: ``digest`` covers all that decides a score; ``about`` is what is said of it (figures, origin)."""

    version: int
    digest: str
    path: Path
    made_at: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Aliases:
    """Versions by name. ``before`` are earlier champions, the last one first to come back; ``since`` is when the
    champion became one, None where it always was."""

    champion: int = SHIPPED
    challenger: int | None = None
    before: tuple[int, ...] = ()
    since: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Registry:
    """The versions below ``folder``. Reading needs no more than that; whoever writes has to be able to leave a record.

    Attributes:
        folder: ``STATE_DIR/models``; need not exist.
        shipped: the file of version 0.
        engine: database of the audit log; None for readers.
        mirror: told of the aliases after each switch, for instance to repeat them in MLflow. What it raises is the
            caller's: the switch stands.
    """

    folder: Path
    shipped: Path
    engine: sa.Engine | None = None
    mirror: Callable[[Aliases], None] | None = None

    def champion(self) -> Entry:
        """The version that answers. Cheap enough to be polled."""
        return self.entry(self.aliases().champion)

    def challenger(self) -> Entry | None:
        """The version on trial, if there is one."""
        version = self.aliases().challenger
        return None if version is None else self.entry(version)

    def entries(self) -> list[Entry]:
        """All versions, oldest first."""
        versions = sorted(int(p.parent.name[1:]) for p in self.folder.glob("v*/entry.json"))
        return [self.entry(version) for version in (SHIPPED, *versions)]

    def entry(self, version: int) -> Entry:
        """One version.

        Raises:
            ModelError: if there is none, or its file is not the one that was registered.
        """
        if version == SHIPPED:
            return Entry(SHIPPED, _digest(self.shipped), self.shipped, about={"made_by": "ships with this release"})
        folder = self._of(version)
        try:
            known = json.loads((folder / "entry.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"no version {version}; see qai-sre models list") from error
        if _digest(folder / RANKER) != known["digest"]:
            raise ModelError(f"version {version} is not the file that was registered; promote another or roll back")
        return Entry(version, known["digest"], folder / RANKER, known["made_at"], known["about"])

    def aliases(self) -> Aliases:
        """Who is champion and who challenger.

        Raises:
            ModelError: if the file is damaged.
        """
        path = self.folder / "registry.json"
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            since = datetime.fromisoformat(raw["since"]) if raw["since"] else None
            return Aliases(raw["champion"], raw["challenger"], tuple(raw["before"]), since)
        except FileNotFoundError:
            return Aliases()
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path} is damaged ({error!r}); remove it to return to the ranker that ships") from error

    def register(self, ranker: Path, *, by: str, about: Mapping[str, Any], challenges: bool = True) -> Entry:
        """Keep a ranker as the next version. The same ranker again is the version it was.

        Args:
            challenges: it becomes challenger, in the place of whoever was.
        """
        digest = _digest(ranker)
        with self._writing():
            for known in self.entries():
                if known.digest == digest:
                    return known
            standing = self.aliases().challenger
            version = max(entry.version for entry in self.entries()) + 1
            folder = self._of(version)
            partial = folder.with_name(f".{folder.name}")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            shutil.copyfile(ranker, partial / RANKER)
            entry = Entry(version, digest, folder / RANKER, now().isoformat(timespec="seconds"), about)
            _write(partial / "entry.json", {"digest": digest, "made_at": entry.made_at, "about": dict(about)})
            self._audit(by, "register_model", version, digest=digest)
            partial.replace(folder)
            if challenges and standing is not None:
                self._audit(by, "refuse_model", standing, because=f"version {version} takes its place as challenger")
            if challenges:
                self._set(replace(self.aliases(), challenger=version))
        return entry

    def trying(self, version: int, by: str, because: str, **figures: Any) -> None:
        """Let a version that passed so far answer unheard, as challenger, until more is known."""
        with self._writing():
            self._audit(by, "try_model", version, because=because, **figures)
            self._set(replace(self.aliases(), challenger=version))

    def promote(self, version: int, by: str, because: str, **figures: Any) -> Entry:
        """Make a version the champion; the one before can come back by :meth:`rollback`.

        Raises:
            ModelError: if there is no such version, or it is not what was registered.
        """
        with self._writing():
            entry, aliases = self.entry(version), self.aliases()
            if version == aliases.champion:
                return entry
            self._audit(by, "promote_model", version, because=because, instead_of=aliases.champion, **figures)
            challenger = None if aliases.challenger == version else aliases.challenger
            self._set(Aliases(version, challenger, (*aliases.before, aliases.champion), now()))
        return entry

    def refuse(self, version: int, by: str, because: str, **figures: Any) -> None:
        """The challenger did not pass; it stays on disk, and is challenger no more."""
        with self._writing():
            self._audit(by, "refuse_model", version, because=because, **figures)
            aliases = self.aliases()
            if aliases.challenger == version:
                self._set(replace(aliases, challenger=None))

    def rollback(self, by: str, because: str = "rolled back", **figures: Any) -> Entry:
        """Make the champion before this one champion again.

        Raises:
            ModelError: if there was none.
        """
        with self._writing():
            aliases = self.aliases()
            if not aliases.before:
                raise ModelError(f"version {aliases.champion} is the first champion; there is none to go back to")
            *before, version = aliases.before
            entry = self.entry(version)
            self._audit(by, "rollback_model", version, because=because, instead_of=aliases.champion, **figures)
            self._set(Aliases(version, aliases.challenger, tuple(before), now()))
        return entry

    def _of(self, version: int) -> Path:
        return self.folder / f"v{version:04d}"

    def _audit(self, by: str, action: str, version: int, **detail: Any) -> None:
        if self.engine is None:
            raise ModelError("this registry is open for reading only: nothing could be put on record")
        audit.append(self.engine, by, action, f"ranker v{version}", **detail)

    def _set(self, aliases: Aliases) -> None:
        state = {"champion": aliases.champion, "challenger": aliases.challenger, "before": list(aliases.before),
                 "since": aliases.since.isoformat() if aliases.since else None}  # fmt: skip
        _write(self.folder / "registry.json", state)
        if self.mirror is not None:
            self.mirror(aliases)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _digest(path: Path) -> str:
    """What the file says its digest is; that its content agrees is checked where it is loaded."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["digest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} holds no ranker ({error!r})") from error


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """Replaces the file in one step."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(path)
