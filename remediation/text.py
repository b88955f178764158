"""Text that others wrote, made safe to put into a sentence, a Markdown page or a commit message.

Titles, commit subjects and log lines can be written by whoever makes a service log something. None of it may
start a line, close a fence, mention a person, close an issue, load an image or pass for a trailer.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Collection

_BREAK = "\u200b"  # zero-width space: stops "@name", "#12" and "://" from being more than text
_BRACKETS = str.maketrans("[]", "()")
_MARKDOWN = re.compile(r"[\\`*<>|~$]")


def one_line(text: str, limit: int = 200) -> str:
    """``text`` on one line of at most ``limit`` characters, without control and direction-changing characters."""
    kept = "".join(" " if char.isspace() else char for char in text if char.isspace() or not _is_hidden(char))
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def code_line(text: str, limit: int = 300) -> str:
    """A line of code with its own spacing, of at most ``limit`` characters, without control and hidden characters."""
    line = "".join(char for char in text if char == "\t" or not _is_hidden(char))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def plain(text: str, limit: int = 200) -> str:
    """``text`` on one line and without square brackets: whatever it holds cannot pass for a citation of evidence."""
    return one_line(text, limit).translate(_BRACKETS)


def short(identity: str) -> str:
    """A commit id at the length people read; any other identity as it is."""
    return identity[:12] if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", identity) else identity


def defang(text: str) -> str:
    """``text`` on one line, with mentions, issue references and links broken up."""
    line = one_line(text, 2000)
    line = re.sub(r"@(?=\w)", "@" + _BREAK, line)
    line = re.sub(r"#(?=\d)", "#" + _BREAK, line)
    line = re.sub(r"\b(GH-)(?=\d)", r"\1" + _BREAK, line, flags=re.IGNORECASE)
    line = re.sub(r"!(?=\d)", "!" + _BREAK, line)  # a GitLab merge request
    line = re.sub(r":(?=//)", ":" + _BREAK, line)
    return re.sub(r"\b(www)(?=\.)", r"\1" + _BREAK, line, flags=re.IGNORECASE)


def markdown(text: str, citations: Collection[str] = ()) -> str:
    """``text`` as one line of Markdown that shows what it says and does nothing.

    ``citations`` are the evidence ids whose ``[id]`` is our own writing and stays readable.
    """
    line = defang(text).replace("&", "&amp;")
    line = _MARKDOWN.sub(lambda match: "\\" + match.group(), line)
    line = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", line)
    line = re.sub(r"\[([^\[\]]*)\]|[\[\]]", lambda match: _bracket(match, citations), line)
    # A word at the start of a line can be a heading, a list, a quotation or, on GitLab, a command.
    return re.sub(r"^([#+=/-]|\d+(?=[.)]))", lambda m: "\\" + m[1] if not m[1].isdigit() else m[1] + _BREAK, line)


def code(text: str, limit: int = 300) -> str:
    """``text`` as a Markdown code span, whatever backticks it holds."""
    line = one_line(text, limit) or " "
    fence = "`" * (max((len(run) for run in re.findall(r"`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def paragraph(text: str, *, indent: str = "", width: int = 72) -> str:
    """``text`` wrapped for a commit message. No line of it can be a trailer when ``indent`` is given."""
    return textwrap.fill(
        defang(text), width, initial_indent=indent, subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def slug(text: str, limit: int = 40) -> str:
    """``text`` as a part of a branch name: letters, digits, dot and dash."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"\.\.+", ".", re.sub(r"[^A-Za-z0-9.]+", "-", plain))
    return words[:limit].strip("-.") or "fix"


def _bracket(match: re.Match[str], citations: Collection[str]) -> str:
    if match.group(1) is not None and match.group(1) in citations:
        after = match.string[match.end() : match.end() + 1]
        if after not in ("(", "[", ":"):
            return match.group()
    return match.group().replace("[", r"\[").replace("]", r"\]")


def _is_hidden(char: str) -> bool:
    """Control, format (direction overrides, zero-width) and surrogate characters."""
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn"}
