"""What was really done to the shop: for scoring, and read by nothing that diagnoses."""

from __future__ import annotations

from pathlib import Path

from data.domain import Noun, Utc


class Truth(Noun):
    """One fault that was put in.

    ``services`` are the right answers to "where is it", any of which counts; ``changes`` the ids of the change
    events and commits that caused it, empty where no change did; ``innocent`` the harmless ones around it.
    ``starts_at`` is when its effect may begin. ``base`` is the newest commit before it.
    """

    id: str
    fault: str
    seed: int
    services: tuple[str, ...]
    indicators: tuple[str, ...]
    changes: tuple[str, ...]
    innocent: tuple[str, ...]
    injected_at: Utc
    starts_at: Utc
    base: str | None = None


def write_truth(state_dir: Path, truth: Truth) -> None:
    folder = state_dir / "truth"
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f".{truth.id}.new"
    new.write_text(truth.model_dump_json(indent=1) + "\n", encoding="utf-8")
    new.replace(folder / f"{truth.id}.json")


def forget_truth(state_dir: Path, truth: Truth) -> None:
    (state_dir / "truth" / f"{truth.id}.json").unlink(missing_ok=True)


def read_truths(state_dir: Path) -> tuple[Truth, ...]:
    """The faults that are in, oldest first."""
    found = [Truth.model_validate_json(path.read_text()) for path in (state_dir / "truth").glob("*.json")]
    return tuple(sorted(found, key=lambda truth: truth.injected_at))
