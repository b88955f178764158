"""What people and machines did to the shop: one line a change event, as a deployment tool or flag service keeps it."""

from __future__ import annotations

from pathlib import Path

from data.domain import Change


class EventLog:
    """An append-only file of :class:`~data.domain.Change`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, change: Change) -> Change:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(change.model_dump_json(exclude_defaults=True) + "\n")
        return change

    def read(self) -> tuple[Change, ...]:
        """Every event so far, oldest first."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ()
        # A line still being written has no newline yet.
        return tuple(Change.model_validate_json(line) for line in text[: text.rfind("\n") + 1].splitlines())

    def next_id(self, kind: str) -> str:
        """An id no event has yet."""
        return f"{kind}-{len(self.read()) + 1}"
