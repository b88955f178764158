"""Hostile text is made harmless, whatever it is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation.text import code, defang, markdown, one_line, paragraph, plain, slug

HOSTILE = st.text(alphabet=st.sampled_from("a1 \n\r\t\\`*_[]()<>#@!|~$:/-+=.&\u202e\u200b\u2028")) | st.text()


@given(HOSTILE)
def test_one_line_is_one_line(text):
    line = one_line(text, 50)
    assert len(line) <= 50
    assert line.splitlines() in ([], [line])
    assert "\u202e" not in line
    assert one_line(line, 50) == line


@given(HOSTILE)
def test_markdown_leaves_nothing_that_acts(text):
    shown = markdown(text, ["E1"])
    assert len(shown.splitlines()) <= 1
    bare = re.sub(r"\\.", "·", shown)
    assert not re.search(r"[`*<>|~$]", bare)
    assert "](" not in bare
    assert not re.search(r"@\w|#\d", bare)
    assert "://" not in shown
    assert not re.match(r"[#+=/-]", shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("p99_latency of checkout [E1]", "p99_latency of checkout [E1]"),
        ("see [E1](http://x)", "see \\[E1\\](http:\u200b//x)"),
        ("[E2] [x]: y", "\\[E2\\] \\[x\\]: y"),
        ("![a](b) <img>", "!\\[a\\](b) \\<img\\>"),
        ("thanks @root, fixes #12", "thanks @\u200broot, fixes #\u200b12"),
        ("&#64;root", "&amp;#\u200b64;root"),
        ("/merge", "\\/merge"),
        ("# Title\n- [ ] x", "\\# Title - \\[ \\] x"),
        ("1. one", "1\u200b. one"),
    ],
)
def test_markdown_shows_what_was_said(text, shown):
    assert markdown(text, ["E1"]) == shown


@given(HOSTILE)
def test_a_code_span_cannot_be_left(text):
    span = code(text)
    fence = re.match(r"`+", span)
    assert fence
    inside = span[len(fence.group()) : -len(fence.group())]
    assert span.endswith(fence.group())
    assert fence.group() not in set(re.findall(r"`+", inside))


@given(HOSTILE)
def test_plain_text_cites_nothing(text):
    assert not re.search(r"[\[\]]", plain(text))


@given(HOSTILE)
def test_an_indented_paragraph_has_no_line_that_starts_at_the_margin(text):
    assert all(line.startswith("    ") for line in paragraph(text, indent="    ").splitlines())


@given(HOSTILE)
def test_a_slug_fits_a_branch_name(text):
    assert re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", slug(text))
    assert ".." not in slug(text)


def test_defanging_twice_is_defanging_once():
    assert defang(defang("@a #1 http://b GH-7 www.x !5")) == defang("@a #1 http://b GH-7 www.x !5")
