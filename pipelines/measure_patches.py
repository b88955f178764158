"""How well the patcher places real edits: every change between two releases of public packages, quoted in several ways.

    python -m pipelines.measure_patches httpx==0.27.0 httpx==0.27.2 httpx==0.28.0 --cache DIR --out FILE

Releases of one package are compared in the order given; pip fetches their source distributions. Each change of a file
is put to the patcher as a language model might put it, and the outcome is held against the file as it should be:

    quoted      with three lines around it, as the file has them
    shifted     the same at another indentation, blanks at the ends of lines lost
    renumbered  as a unified diff whose line numbers are wrong
    together    all changes of a file at once
    ambiguous   its lines alone, where the file has those lines more than once: must be refused
    stale       quoted from the release before, against a file that does not hold those lines any more: must be refused

What is wrong is judged without the patcher's own matching: by comparing texts, and by counting lines.
"""

from __future__ import annotations

import difflib
import json
import subprocess
import sys
import tarfile
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from data.errors import InputError
from data.proposal import CodeChange
from remediation.patch import plan_changes
from remediation.patch.udiff import code_changes
from remediation.protected import protected_files
from remediation.syntax import syntax_problem

CONTEXT = 3
MAX_BYTES = 200_000

Lines = list[str]


@dataclass(frozen=True)
class Case:
    """One edit put to the patcher: the file as it is, the changes, and the file as it should be; None to refuse."""

    kind: str
    path: str
    text: str
    changes: tuple[CodeChange, ...]
    wanted: str | None


@dataclass(frozen=True)
class Hunk:
    """One run of changed lines: what stands in the file with some lines around it, and what is to stand there."""

    old: Lines
    new: Lines
    changed: Lines
    start: int
    end: int


def hunks(before: Lines, after: Lines) -> Iterator[Hunk]:
    """Every change from one text to another, with up to :data:`CONTEXT` lines on both sides."""
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        start, end, new_start, new_end = group[0][1], group[-1][2], group[0][3], group[-1][4]
        changed = [line for tag, i, j, _, _ in group if tag != "equal" for line in before[i:j]]
        yield Hunk(before[start:end], after[new_start:new_end], changed, start, end)


def cases(path: str, before: str, after: str) -> Iterator[Case]:
    """Every way of putting the edits that make ``after`` out of ``before`` (both with ``\\n`` line ends)."""
    old, new = before.splitlines(), after.splitlines()
    found = list(hunks(old, new))
    for hunk in found:
        wanted = _joined([*old[: hunk.start], *hunk.new, *old[hunk.end :]], before)
        change = _change(path, hunk.old, hunk.new)
        yield Case("quoted", path, before, (change,), wanted)
        if shifted := _shifted(path, hunk):
            yield Case("shifted", path, before, (shifted,), wanted)
        if places(before, "\n".join(hunk.changed)) > 1:
            yield Case("ambiguous", path, before, (_change(path, hunk.changed, [*hunk.changed, "# changed"]),), None)
        if occurrences(new, hunk.old) == 0 and hunk.old:
            yield Case("stale", path, after, (change,), None)
    if found:
        yield Case("together", path, before, tuple(_change(path, h.old, h.new) for h in found), after)
        yield Case("renumbered", path, before, _renumbered(path, old, new), after)


def occurrences(lines: Lines, wanted: Lines) -> int:
    """How often ``wanted`` stands in ``lines``, blanks at both ends of each line aside; 0 for nothing wanted."""
    sought, bare = [line.strip() for line in wanted], [line.strip() for line in lines]
    if not any(sought):
        return 0
    return sum(bare[at : at + len(sought)] == sought for at in range(len(bare) - len(sought) + 1))


def places(text: str, snippet: str) -> int:
    """In how many places ``snippet`` may be meant: as it is, or else line by line with blanks aside."""
    if not snippet.strip():
        return 0
    found, at = 0, text.find(snippet)
    while at != -1:
        found, at = found + 1, text.find(snippet, at + 1)
    return found or occurrences(text.splitlines(), snippet.splitlines())


def outcome(case: Case, root: Path) -> str:
    """``right``, ``blank line``, ``refused``, ``refused rightly`` or ``wrong``: what the patcher makes of a case.

    ``blank line``: right but for a blank line more or less. ``root`` is a folder to work in.
    """
    target = root / case.path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(case.text, encoding="utf-8", newline="")
    plan = plan_changes(root, case.changes)
    made = plan.files.get(target) if plan.applies else None
    target.unlink()
    if case.wanted is None:
        return "refused rightly" if made is None else "wrong"
    if made is not None:
        return (
            "right" if _alike(made, case.wanted) else "blank line" if _alike_but_blank(made, case.wanted) else "wrong"
        )
    return "refused rightly" if _has_to_be_refused(case) else "refused"


def _has_to_be_refused(case: Case) -> bool:
    """Whether a right edit could not be made: its place is not certain, or the file is broken by it alone."""
    snippets = [change.old_content_snippet for change in case.changes]
    doubtful = any(not snippet.strip() or places(case.text, snippet) > 1 for snippet in snippets)
    return doubtful or syntax_problem(case.path, case.text, case.wanted or "") is not None


def _alike(made: str, wanted: str) -> bool:
    """The same but for blanks at the ends of lines, which a quotation may lose."""
    return [line.rstrip() for line in made.splitlines()] == [line.rstrip() for line in wanted.splitlines()]


def _alike_but_blank(made: str, wanted: str) -> bool:
    return [line.rstrip() for line in made.split("\n") if line.strip()] == [
        line.rstrip() for line in wanted.split("\n") if line.strip()
    ]


def _joined(lines: Lines, like: str) -> str:
    return "\n".join(lines) + ("\n" if like.endswith("\n") and lines else "")


def _change(path: str, old: Lines, new: Lines) -> CodeChange:
    return CodeChange(file_path=path, old_content_snippet="\n".join(old), new_content_snippet="\n".join(new))


def _shifted(path: str, hunk: Hunk) -> CodeChange | None:
    """The hunk without the indentation all its lines share, or four columns deeper where they share none."""
    mark = "\x00"
    both = textwrap.dedent("\n".join([*hunk.old, mark.join(hunk.new[:1]), *hunk.new[1:]]) if hunk.new else "")
    lines = both.split("\n")
    old, new = lines[: len(hunk.old)], lines[len(hunk.old) :]
    if not both or len(lines) != len(hunk.old) + len(hunk.new):
        return None
    if old == hunk.old:
        old, new = [_deeper(line) for line in old], [_deeper(line) for line in new]
    return _change(path, [line.rstrip() for line in old], [line.rstrip() for line in new])


def _deeper(line: str) -> str:
    return "    " + line if line.strip() else line


def _renumbered(path: str, old: Lines, new: Lines) -> tuple[CodeChange, ...]:
    diff = list(difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", n=CONTEXT, lineterm=""))
    return code_changes("\n".join("@@ -1,1 +1,1 @@" if line.startswith("@@ ") else line for line in diff) + "\n")


def measure(pairs: Iterable[tuple[str, str, str]]) -> dict[str, Counter[str]]:
    """Outcomes by kind of case, of (path, text before, text after)."""
    counts: dict[str, Counter[str]] = {}
    with TemporaryDirectory(prefix="qai-measure-") as folder:
        root = Path(folder).resolve()
        for path, before, after in pairs:
            for case in cases(path, before, after):
                counts.setdefault(case.kind, Counter())[outcome(case, root)] += 1
    return counts


def changed_files(before: Path, after: Path) -> Iterator[tuple[str, str, str]]:
    """Path and texts of every text file that two source distributions share and that differs, by name."""
    old, new = _texts(before), _texts(after)
    for path in sorted(old.keys() & new.keys()):
        if old[path] != new[path]:
            yield path, old[path], new[path]


def _texts(sdist: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    with tarfile.open(sdist) as archive:
        for member in archive:
            path = member.name.partition("/")[2]
            if not member.isfile() or member.size > MAX_BYTES or not path or protected_files([path]):
                continue
            content = archive.extractfile(member)
            assert content is not None
            try:
                text = content.read().decode("utf-8")
            except UnicodeDecodeError:
                continue
            if "\r" not in text and text.strip():
                found[path] = text
    return found


def fetch(requirement: str, cache: Path) -> Path:
    """The source distribution of ``PACKAGE==VERSION`` in ``cache``, downloaded by pip if it is not there yet.

    Raises:
        InputError: there is none.
    """
    name, _, version = requirement.partition("==")
    folder = cache / f"{name}-{version}"
    if not any(folder.glob("*.tar.gz")):
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        done = subprocess.run(
            [*command, "--dest", str(folder), requirement], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise InputError(f"{requirement}: {done.stderr.strip()[-200:]}", field="RELEASE")
    return next(folder.glob("*.tar.gz"))


def consecutive(releases: Sequence[str]) -> list[tuple[str, str]]:
    """Neighbours of one package in the order given.

    Raises:
        InputError: something is no PACKAGE==VERSION, or there are no two of one package beside each other.
    """
    for release in releases:
        if not all(release.partition("==")[::2]):
            raise InputError(f"{release!r} is no PACKAGE==VERSION", field="RELEASE")
    found = [(one, two) for one, two in pairwise(releases) if one.partition("==")[0] == two.partition("==")[0]]
    if not found:
        raise InputError("give two releases of a package, one after the other", field="RELEASE")
    return found


def table(counts: dict[str, Counter[str]]) -> str:
    """The outcomes as a Markdown table."""
    columns = ("right", "blank line", "refused rightly", "refused", "wrong")
    rows = ["| put as | edits | " + " | ".join(columns) + " |", "|---" * (len(columns) + 2) + "|"]
    for kind in ("quoted", "shifted", "renumbered", "together", "ambiguous", "stale"):
        row = counts.get(kind, Counter())
        total = sum(row.values())
        rows.append(f"| {kind} | {total:,} | " + " | ".join(_share(row[name], total) for name in columns) + " |")
    return "\n".join(rows)


def _share(count: int, total: int) -> str:
    return f"{count:,} ({count / total:.2%})" if count else "0"


@click.command()
@click.argument("releases", nargs=-1, required=True, metavar="PACKAGE==VERSION...")
@click.option("--cache", type=click.Path(path_type=Path), required=True, help="Where source distributions are kept.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the counts here as JSON.")
def main(releases: tuple[str, ...], cache: Path, out: Path | None) -> None:
    """Put every change between consecutive RELEASES to the patcher, and count what became of it."""
    pairs = consecutive(releases)
    fetched = {release: fetch(release, cache) for pair in pairs for release in pair}
    files = [file for one, two in pairs for file in changed_files(fetched[one], fetched[two])]
    counts = measure(files)
    record: dict[str, Any] = {"releases": list(releases), "files": len(files), "outcomes": counts}
    if out is not None:
        out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    click.echo(f"{len(pairs)} pairs of releases, {len(files)} files changed\n\n{table(counts)}")


if __name__ == "__main__":
    main()
