"""What a file becomes by one code change. Text in, text out; nothing is read or written here."""

from __future__ import annotations

from dataclasses import dataclass

from data.errors import ProposalError
from data.proposal import CodeAction, CodeChange
from remediation.patch.match import Match, Place, line_bounds, locate


@dataclass(frozen=True)
class Edit:
    """Characters ``start`` to ``end`` of a file become the first of ``texts`` that keeps the file's syntax whole.

    There is more than one text only where a snippet left out the indentation of its first line and the later
    lines may be meant with or without it.
    """

    start: int
    end: int
    texts: tuple[str, ...]
    match: Match


def edit(text: str, change: CodeChange) -> Edit:
    """The edit that ``change`` means in ``text`` (with ``\\n`` line ends).

    Raises:
        ProposalError: its place is missing or ambiguous, or it would change nothing.
    """
    place = locate(text, change.old_content_snippet)
    new = change.new_content_snippet
    match change.action:
        case CodeAction.replace if not new.strip():
            made = _delete(text, place)
        case CodeAction.replace:
            made = _replace(text, place, new)
        case CodeAction.delete:
            made = _delete(text, place)
        case CodeAction.insert_before | CodeAction.insert_after:
            made = _insert(text, place, new, before=change.action is CodeAction.insert_before)
        case _:
            raise ProposalError(f"{change.action} is not an edit of a part of a file")
    if all(text[made.start : made.end] == new_text for new_text in made.texts):
        raise ProposalError("nothing to do: the change leaves the file as it is")
    if any(_is_there(text, made, new_text) for new_text in made.texts):
        raise ProposalError("nothing to do: the file reads so already at this place")
    return made


def _is_there(text: str, made: Edit, new: str) -> bool:
    """Whether an edit that only adds to what it finds was made before: then it would add the same again."""
    old = text[made.start : made.end]
    adds_after = new.startswith(old) and text.startswith(new, made.start)
    adds_before = new.endswith(old) and text.endswith(new, 0, made.end)
    return bool(new.strip()) and (adds_after or adds_before)


def _replace(text: str, place: Place, new: str) -> Edit:
    if place.match is Match.whitespace:
        lines = _shifted(_without_blank_ends(new), place)
        return Edit(place.start, place.end, ("\n".join(lines),), place.match)
    indent = _omitted_indent(text, place)
    # A snippet of whole lines whose replacement forgot the last newline, or has one too many. Blank lines that were
    # quoted at the end were not forgotten: they are to go.
    old = text[place.start : place.end]
    is_open = text[place.end : place.end + 1] != "\n" or not old.endswith("\n\n")
    if old.endswith("\n") and new and not new.endswith("\n") and is_open:
        new += "\n"
    elif new.endswith("\n") and not old.endswith("\n") and text[place.end : place.end + 1] in ("\n", ""):
        new = new[:-1]
    return Edit(place.start, place.end, _with_indent(new, indent, old), place.match)


def _delete(text: str, place: Place) -> Edit:
    start, end = line_bounds(text, place)
    whole_lines = not text[start : place.start].strip() and not text[place.end : end].strip()
    if whole_lines:
        return Edit(start, end, ("",), place.match)
    return Edit(place.start, place.end, ("",), place.match)


def _insert(text: str, place: Place, new: str, *, before: bool) -> Edit:
    if not new.strip():
        raise ProposalError("nothing to do: there is no text to insert")
    start, end = line_bounds(text, place)
    body = "\n".join(_shifted(_without_blank_ends(new, keep_one=True), place))
    if place.match is Match.exact:
        body = _insert_indented(body, _omitted_indent(text, place))
    at = start if before else end
    lead = "\n" if at == len(text) and text and not text.endswith("\n") else ""
    tail = "" if lead else "\n"
    return Edit(at, at, (lead + body + tail,), place.match)


def _omitted_indent(text: str, place: Place) -> str:
    """The white space between the start of the line and an exact match, where nothing else stands there."""
    line_start = text.rfind("\n", 0, place.start) + 1
    before = text[line_start : place.start]
    return before if before and not before.strip() else ""


def _with_indent(new: str, indent: str, old: str) -> tuple[str, ...]:
    """``new`` in place of ``old``, whose first line left out ``indent``; later lines as they are, and indented too."""
    lines = new.split("\n")
    later_old = [line for line in old.split("\n")[1:] if line.strip()]
    if not indent or len(lines) == 1 or later_old:
        return (new,)
    indented = "\n".join([lines[0], *(indent + line if line.strip() else line for line in lines[1:])])
    absolute = all(line.startswith(indent) for line in lines[1:] if line.strip())
    return (new, indented) if absolute else (indented,)


def _insert_indented(body: str, indent: str) -> str:
    """Inserted lines at the anchor's own indentation, where anchor and lines both left it out."""
    lines = body.split("\n")
    if not indent or lines[0].startswith(indent):
        return body
    if lines[0][:1].isspace():
        return body
    later = [line for line in lines[1:] if line.strip()]
    if later and all(line.startswith(indent) for line in later):
        return "\n".join([indent + lines[0], *lines[1:]])
    return "\n".join(indent + line if line.strip() else line for line in lines)


def _shifted(lines: list[str], place: Place) -> list[str]:
    """``lines`` moved by the difference between the file's indentation and the snippet's."""
    if place.unshift:
        return [line.removeprefix(place.unshift) for line in lines]
    return [place.shift + line if line.strip() else line for line in lines]


def _without_blank_ends(new: str, *, keep_one: bool = False) -> list[str]:
    """The lines of ``new`` without a newline at its end (and, for a match of lines, without blank ends)."""
    if keep_one:
        return new.removesuffix("\n").split("\n")
    return new.strip("\n").split("\n") if new.strip() else []
