"""A change is put where it belongs, or nowhere; a tree is changed as a whole, or not at all."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ActionError
from data.proposal import CodeAction, CodeChange, ConfigurationChange
from remediation.patch import Match, Scope, plan_changes, write

CODE = """\
import os


def total(items):
    result = 0
    for item in items:
        result += item.price
    return result


def discount(items):
    if not items:
        return 0
    return total(items) * 0.1
"""


def replace(old: str, new: str, path: str = "shop.py") -> CodeChange:
    return CodeChange(file_path=path, old_content_snippet=old, new_content_snippet=new)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(CODE)
    return tmp_path


def after(tree: Path, *changes: CodeChange) -> str:
    plan = plan_changes(tree, changes)
    assert plan.applies, plan.changes
    write(plan)
    return (tree / "shop.py").read_text()


def problem(tree: Path, *changes: CodeChange, scope: Scope | None = None) -> str:
    before = {p: p.read_bytes() for p in tree.rglob("*") if p.is_file()}
    plan = plan_changes(tree, changes, scope=scope)
    assert not plan.applies
    assert not plan.files
    assert {p: p.read_bytes() for p in tree.rglob("*") if p.is_file()} == before
    return "; ".join(change.problem for change in plan.changes if change.problem)


def test_exact_text_is_replaced_and_the_rest_stays(tree: Path) -> None:
    assert after(tree, replace("item.price", "item.price * item.count")) == CODE.replace(
        "item.price", "item.price * item.count"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    return result", "    return result\n\n\ndef discount(items):"),
        ("    return total(items) * 0", "    return total(items) * 0.1"),
        ("    for item in items:", "    result = 0\n    for item in items:"),
        ("if not items:\n    return 0\n", "if not items:\n    return 0\nreturn total(items) * 0.1\n"),
    ],
)
def test_what_was_added_before_is_not_added_again(tree: Path, old: str, new: str) -> None:
    assert "nothing to do: the file reads so already" in problem(tree, replace(old, new))


@pytest.mark.parametrize("action", [CodeAction.insert_before, CodeAction.insert_after])
def test_what_was_inserted_before_is_not_inserted_again(tree: Path, action: CodeAction) -> None:
    anchor, new = "    result = 0", "    # from nothing"
    change = CodeChange(file_path="shop.py", old_content_snippet=anchor, new_content_snippet=new, action=action)
    assert "# from nothing" in after(tree, change)
    assert "nothing to do" in problem(tree, change)


def test_blank_lines_quoted_at_the_end_go_if_they_are_not_put_back(tree: Path) -> None:
    assert after(tree, replace("    return result\n\n", "    return result")) == CODE.replace(
        "return result\n\n\n", "return result\n"
    )


def test_text_found_twice_is_ambiguous(tree: Path) -> None:
    assert "ambiguous" in problem(tree, replace("items", "things"))
    assert "found 2 times" in problem(tree, replace("(items):", "(things):"))


def test_text_that_is_not_there_is_missing(tree: Path) -> None:
    assert "missing" in problem(tree, replace("item.cost", "item.price"))


def test_a_part_of_a_longer_word_is_no_match(tree: Path) -> None:
    (tree / "shop.py").write_text("timeout = 30\n")
    assert "part of a longer word" in problem(tree, replace("timeout = 3", "timeout = 5"))


def test_a_snippet_at_another_indentation_is_found_and_its_replacement_indented(tree: Path) -> None:
    change = replace(
        "for item in items:\n    result += item.price",
        "for item in items:\n    if item.active:\n        result += item.price",
    )
    expected = CODE.replace(
        "        result += item.price\n", "        if item.active:\n            result += item.price\n"
    )
    plan = plan_changes(tree, [change])
    assert plan.changes[0].match is Match.whitespace
    assert after(tree, change) == expected


def test_a_snippet_indented_too_far_is_found_and_its_replacement_moved_back(tree: Path) -> None:
    change = replace(
        "        if not items:\n            return 0\n", "        if items is None:\n            return 1\n"
    )
    assert after(tree, change) == CODE.replace(
        "    if not items:\n        return 0\n", "    if items is None:\n        return 1\n"
    )


def test_lines_moved_by_different_amounts_are_not_guessed_at(tree: Path) -> None:
    assert "other indentations" in problem(tree, replace("for item in items:\nresult += item.price", "pass"))


def test_a_line_quoted_without_its_indentation_gets_lines_with_it(tree: Path) -> None:
    change = replace("return total(items) * 0.1", "rate = 0.1\nreturn total(items) * rate")
    assert after(tree, change) == CODE.replace(
        "    return total(items) * 0.1\n", "    rate = 0.1\n    return total(items) * rate\n"
    )


def test_of_two_ways_to_indent_the_one_that_parses_is_taken(tree: Path) -> None:
    change = replace("return total(items) * 0.1", "if True:\n    return total(items) * 0.2")
    assert after(tree, change).endswith("    if True:\n        return total(items) * 0.2\n")


def test_insert_before_and_after_take_the_anchors_indentation(tree: Path) -> None:
    before = CodeChange(
        file_path="shop.py",
        old_content_snippet="    return result",
        new_content_snippet="    log(result)",
        action=CodeAction.insert_before,
    )
    behind = CodeChange(
        file_path="shop.py",
        old_content_snippet="result = 0",
        new_content_snippet="count = 0",
        action=CodeAction.insert_after,
    )
    made = after(tree, before, behind)
    assert "    log(result)\n    return result\n" in made
    assert "    result = 0\n    count = 0\n    for" in made


def test_delete_takes_whole_lines(tree: Path) -> None:
    change = CodeChange(
        file_path="shop.py",
        old_content_snippet="    if not items:\n        return 0",
        action=CodeAction("delete_block"),
    )
    assert after(tree, change) == CODE.replace("    if not items:\n        return 0\n", "")


def test_an_edit_that_breaks_the_syntax_is_refused(tree: Path) -> None:
    assert "syntax broken" in problem(tree, replace("    return result", "    return (result"))


def test_a_file_that_was_broken_may_be_mended(tree: Path) -> None:
    (tree / "shop.py").write_text("def f(:\n    return 1\n")
    assert after(tree, replace("def f(:", "def f():")) == "def f():\n    return 1\n"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("a.js", "function f() { return 1; }\n", "function f() { return 1; \n"),
        ("a.ts", "const a: number = 1;\n", "const a: = 1;\n"),
        ("a.go", "package a\n\nfunc F() int { return 1 }\n", "package a\n\nfunc F( int { return 1 }\n"),
        ("A.java", "class A { int a = 1; }\n", "class A { int a = ; }\n"),
        ("a.rb", "def a\n  1\nend\n", "def a(\n  1\nend\n"),
        ("a.rs", "fn a() -> i32 { 1 }\n", "fn a( -> i32 { 1 }\n"),
        ("a.c", "int a(void) { return 1; }\n", "int a(void) { return 1 }\n"),
        ("a.cpp", "int a() { return 1; }\n", "int a() { return 1 }\n"),
        ("a.cs", "class A { int a = 1; }\n", "class A { int a = ; }\n"),
        ("a.php", "<?php echo 1;\n", "<?php echo (1;\n"),
        ("a.sh", "if true; then echo 1; fi\n", "if true; then echo 1\n"),
        ("a.tf", 'variable "a" {\n  default = 1\n}\n', 'variable "a" {\n  default = \n'),
        ("a.json", '{"a": 1}\n', '{"a": 1,}\n'),
        ("a.yaml", "a: [1]\n", "a: [1\n"),
        ("a.toml", "a = 1\n", "a = \n"),
    ],
)
def test_syntax_is_kept_in_every_language(tmp_path: Path, name: str, good: str, bad: str) -> None:
    (tmp_path / name).write_text(good)
    assert "syntax broken" in problem(tmp_path, replace(good, bad, name))
    assert plan_changes(tmp_path, [replace("1", "2", name)]).applies


@pytest.mark.parametrize(
    "path", ["../outside.py", "/etc/passwd", ".git/config", ".github/workflows/ci.yml", "deploy/.env", "a\\b.py", " "]
)
def test_paths_out_of_scope_are_refused(tree: Path, path: str) -> None:
    change = CodeChange(file_path=path, new_content_snippet="x = 1\n", action=CodeAction.create_file)
    assert "outside scope" in problem(tree, change)


def test_a_link_is_not_followed(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "a.py").write_text("a = 1\n")
    (tree / "linked").symlink_to(elsewhere)
    assert "symbolic link" in problem(tree, replace("a = 1", "a = 2", "linked/a.py"))


def test_only_the_scope_may_change(tree: Path) -> None:
    change = replace("result = 0", "result = 1")
    assert "outside scope" in problem(tree, change, scope=Scope(allowed=("services/cart",)))
    assert plan_changes(tree, [change], scope=Scope(allowed=("*.py",))).applies


def test_one_refused_change_holds_back_all(tree: Path) -> None:
    assert "missing" in problem(tree, replace("result = 0", "result = 1"), replace("nowhere", "x"))


def test_changes_are_matched_against_the_file_before_any_of_them(tree: Path) -> None:
    made = after(tree, replace("    result = 0\n", "    item_price = 0\n    result = 0\n"), replace("item.price", "1"))
    assert made == CODE.replace("    result = 0\n", "    item_price = 0\n    result = 0\n").replace("item.price", "1")


def test_overlapping_changes_are_refused(tree: Path) -> None:
    assert "overlap" in problem(
        tree, replace("    result = 0\n    for", "    result = 1\n    for"), replace("result = 0", "result = 2")
    )


def test_files_are_created_and_deleted(tree: Path) -> None:
    plan = plan_changes(
        tree,
        [
            CodeChange(file_path="new/a.py", new_content_snippet="a = 1\n", action=CodeAction.create_file),
            CodeChange(file_path="shop.py", action=CodeAction.delete_file),
        ],
    )
    write(plan)
    assert (tree / "new/a.py").read_text() == "a = 1\n"
    assert not (tree / "shop.py").exists()


def test_an_existing_file_is_not_created_over(tree: Path) -> None:
    change = CodeChange(file_path="shop.py", new_content_snippet="a = 1\n", action=CodeAction.create_file)
    assert "exists already" in problem(tree, change)


def test_line_ends_and_permissions_stay(tree: Path) -> None:
    script = tree / "run.sh"
    script.write_bytes(b"#!/bin/sh\r\necho 1\r\necho 2\r\n")
    script.chmod(0o755)
    write(plan_changes(tree, [replace("echo 1\necho 2", "echo 3\necho 4", "run.sh")]))
    assert script.read_bytes() == b"#!/bin/sh\r\necho 3\r\necho 4\r\n"
    assert script.stat().st_mode & 0o777 == 0o755


def test_a_failed_write_puts_everything_back(tree: Path) -> None:
    plan = plan_changes(
        tree,
        [
            replace("result = 0", "result = 1"),
            CodeChange(file_path="sub/a.py", new_content_snippet="a = 1\n", action=CodeAction.create_file),
        ],
    )
    (tree / "sub").write_text("in the way since the plan was made")
    with pytest.raises(ActionError, match="could not be written"):
        write(plan)
    assert (tree / "shop.py").read_text() == CODE


def test_settings_and_code_of_one_file_are_not_mixed(tree: Path) -> None:
    (tree / "a.yaml").write_text("a: 1\n")
    plan = plan_changes(tree, [replace("a: 1", "a: 2", "a.yaml"), ConfigurationChange(path="a.yaml", key="a", value=3)])
    assert not plan.applies


WORDS = st.sampled_from(["alpha", "beta", "gamma", "x = 1", "", "    beta", "delta(alpha)"])


@given(st.lists(WORDS, min_size=1, max_size=12), st.data())
def test_whatever_is_applied_is_what_was_meant(lines: list[str], data: st.DataObject) -> None:
    """A span of a text is replaced by a mark: either exactly that span went, or the change was refused."""
    import tempfile

    text = "\n".join(lines) + "\n"
    start = data.draw(st.integers(0, len(lines) - 1))
    end = data.draw(st.integers(start + 1, len(lines)))
    old = "\n".join(lines[start:end])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "a.txt").write_text(text)
        plan = plan_changes(root, [replace(old, "MARK", "a.txt")])
        if plan.applies:
            write(plan)
            # The mark stands where the old text's first word stood; white space around it may differ.
            meant = "\n".join([*lines[:start], "MARK", *lines[end:]]) + "\n"
            assert (root / "a.txt").read_text().split() == meant.split()
        else:
            places = sum(text.startswith(old, at) for at in range(len(text)))
            assert places != 1 or not old.strip() or "longer word" in (plan.changes[0].problem or "")


def test_random_order_of_changes_makes_no_difference(tree: Path) -> None:
    changes = [replace("result = 0", "result = 1"), replace("* 0.1", "* 0.2"), replace("import os", "import sys")]
    wanted = {plan_changes(tree, changes).files[tree.resolve() / "shop.py"]}
    for seed in range(5):
        random.Random(seed).shuffle(changes)
        wanted.add(plan_changes(tree, changes).files[tree.resolve() / "shop.py"])
    assert len(wanted) == 1
