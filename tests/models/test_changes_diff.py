"""How diffs, words and files are read."""

from __future__ import annotations

import pytest

from models.changes.context import Symptom
from models.changes.diff import numbers_in, parse_diff
from models.changes.files import acting_part, kind_of_file, largest_step
from models.changes.releases import same_commit
from models.changes.signal import total
from models.changes.substance import substance_signals
from models.changes.words import stem, stems, vocabulary


@pytest.mark.parametrize(
    "forms", ["cache caches cached caching", "retry retries retried", "exhaust exhausted exhaustion"]
)
def test_forms_of_a_word_have_one_stem(forms: str) -> None:
    assert len({stem(word) for word in forms.split()}) == 1


def test_names_and_prose_meet() -> None:
    assert set(stems("maxIdleConns")) == set(stems("max_idle_connections"))
    assert stem("timeout") in vocabulary("time out")
    assert set(stems("HTTPServerError")) == {stem("http"), stem("server"), stem("error")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15 * time.Second", 15.0),
        ("5m", 300.0),
        ("200ms", 0.2),
        ("512Mi", 512 * 2**20),
        ("1_000", 1000.0),
        ("size: 40", 40.0),
    ],
)
def test_numbers_with_units(text: str, expected: float) -> None:
    assert numbers_in(text) == (pytest.approx(expected),)


def test_a_unit_edit_is_a_value_edit() -> None:
    (edit,) = parse_diff("-ttl: 15m\n+ttl: 15s").edits
    assert edit.numbers == ((900.0, 15.0),)
    assert edit.largest_ratio == pytest.approx(1 / 60)


def test_layout_and_comments_change_nothing() -> None:
    assert parse_diff("-  a(b,c)\n+a(b, c)").formatting_only
    assert parse_diff("-// old words\n+// new words").removed == ()
    assert total(substance_signals(parse_diff("-  a(b,c)\n+a(b, c)"))) < -2
    assert total(substance_signals(parse_diff("-# old words\n+# new words"))) < -2


def test_file_headers_are_not_content() -> None:
    diff = parse_diff("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a = 1\n+a = 2")
    assert (diff.removed, diff.added) == (("a = 1",), ("a = 2",))


def test_reordered_statements_are_seen() -> None:
    diff = parse_diff("-lock(a)\n-lock(b)\n+lock(b)\n+lock(a)")
    assert diff.moved_only
    assert any("order of statements" in s.reason for s in substance_signals(diff))


@pytest.mark.parametrize(
    ("diff", "why"),
    [
        ("-if user is None:\n-    return\n send(user.mail)", "check for a missing value"),
        ("-with lock:\n-    write()\n+write()", "a lock"),
        ("-for row in rows:\n-    out.append(row.name)\n+for row in rows:\n+    out.append(db.query(row.id))", "loop"),
        ("-pool_size = 50\n+pool_size = 5", "lowers a number 10 times"),
        ("+DROP INDEX by_owner;", "drops"),
        ('-q = match("title", text)\n+q = match("name", text)', "others may rely on"),
        ("+while True:\n+    poll()", "without a bound"),
        ("-  await save(x)\n+  save(x)", "waiting for a result"),
    ],
)
def test_risks_are_named(diff: str, why: str) -> None:
    risks = [s for s in substance_signals(parse_diff(diff)) if s.weight > 0]
    assert any(why in s.reason for s in risks), risks


def test_a_helper_extracted_is_no_risk() -> None:
    diff = (
        "-  body = encode(order)\n-  send(body)\n+  send(body_of(order))\n+def body_of(order):\n+  return encode(order)"
    )
    assert total(substance_signals(parse_diff(diff))) < 0


def test_raising_a_capacity_is_less_risky_than_lowering_it() -> None:
    lower, raise_ = (
        total(substance_signals(parse_diff(f"-max_threads: {a}\n+max_threads: {b}"))) for a, b in ((80, 8), (8, 80))
    )
    assert lower > raise_ > 0


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("docs/flags.md", "documentation"),
        ("pkg/money/convert_test.go", "tests"),
        ("src/test/java/CartTest.java", "tests"),
        (".github/workflows/build.yml", "continuous integration"),
        ("go.mod", "dependencies"),
        ("db/migrations/0001_init.sql", "the database schema"),
        ("deploy/cart/values.yaml", "configuration"),
        ("services/cart/latest.py", "code"),
    ],
)
def test_files_by_their_names(path: str, kind: str) -> None:
    assert kind_of_file(path)[0] == kind


@pytest.mark.parametrize(
    ("before", "after", "step"),
    [("v5.5.4", "v5.5.5", "patch"), ("v1.2.0", "v1.3.0", "minor"), ("2.9.1", "3.0.0", "major")],
)
def test_version_steps(before: str, after: str, step: str) -> None:
    assert largest_step([f"-lib {before}", f"+lib {after}", "-same 1.0.0", "+same 1.0.0"]) == step


def test_abbreviated_commits_are_the_same_commit() -> None:
    assert same_commit("0123456789abcdef", "0123456")
    assert not same_commit("0123456789abcdef", "012345")
    assert not same_commit("0123456789abcdef", "fedcba9")


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("rose from 12 to 480", (12.0, 480.0)),
        ("latency_p99_ms of cart rose from 182 ms to 1,279 ms at 15:03Z", (182.0, 1279.0)),
        ("fell from 0.969 to 0.549", (0.969, 0.549)),
        ("fell from 2,100 s to -2,040 s", (2100.0, -2040.0)),
        ("vanished", None),
    ],
)
def test_levels_of_a_metric_symptom(text: str, levels: tuple[float, float] | None) -> None:
    assert Symptom("cart", "metric", "m", text).levels == levels


def section(path: str, old: str, new: str) -> str:
    return f"--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-{old}\n+{new}\n"


def test_what_is_committed_beside_the_code_says_nothing_of_the_code() -> None:
    code = section("cart/db.py", "pool = 40", "pool = 4")
    aside = section(".github/workflows/ci.yml", "timeout-minutes: 3", "timeout-minutes: 90")
    bump = section("requirements.txt", "yaml==7.1", "yaml==7.2")
    assert acting_part(aside + code + bump) == code
    assert acting_part(aside) == aside
    assert acting_part("-pool = 40\n+pool = 4") == "-pool = 40\n+pool = 4"


def test_a_removed_sql_comment_is_no_file() -> None:
    text = "--- a/m.sql\n+++ b/m.sql\n@@ -1,2 +1 @@\n--- drop it\n-drop table a;\n+drop table b;\n"
    assert parse_diff(acting_part(text)).removed == ("drop table a;",)


@pytest.mark.parametrize(
    "line",
    [
        'log.info("done")',
        'self._logger.warn("x", y);',
        "console.log(`a`)",
        'slog.Info("x")',
        'app.telemetry.log("INFO", f"reserved {sum(wanted.values())} units")',
        'out.log(Level.WARN, "slow");',
    ],
)
def test_a_log_statement_is_no_code(line: str) -> None:
    assert parse_diff(f"-{line}").removed == ()


@pytest.mark.parametrize(
    "line", ["login.info(user)", "log.info(x); charge(card)", "return log.debug(x)", "math.log(x)", "events.log(order)"]
)
def test_what_only_looks_like_a_log_statement_is_code(line: str) -> None:
    assert parse_diff(f"-{line}").removed == (line,)


@pytest.mark.parametrize(
    ("diff", "reason"),
    [
        ("-@retry(attempts=3, wait=exponential(0.1))\n+@retry(attempts=3, wait=none())", "a pause between attempts"),
        ("-x = c.fetch_many(ids)\n+x = [c.fetch(i) for i in ids]", "a call for each"),
        (
            '-rows = db.query(f"SELECT id, n FROM t WHERE id IN ({marks})", ids)\n'
            "+return {i: self._one(i) for i in ids}\n"
            '+def _one(i):\n+return db.query("SELECT n FROM t WHERE id = ?", (i,))',
            "a query for each",
        ),
        (
            "-found = Price.objects.filter(sku__in=skus)\n+for sku in skus:\n+    one = Price.objects.filter(sku=sku)",
            "a query for each",
        ),
        ("-b = s.prices.Batch(keys)\n+for i := range keys {\n+p := s.prices.Load(keys[i])\n+}", "a call for each"),
    ],
)
def test_what_a_diff_risks(diff: str, reason: str) -> None:
    assert any(reason in s.reason and s.weight > 1 for s in substance_signals(parse_diff(diff)))


@pytest.mark.parametrize(
    ("diff", "bulky"),
    [
        ("+body['photo'] = base64.b64encode(image).decode()", True),
        ("+const photo = file.toString('base64');", True),
        ("+page = bytearray(WIDTH * HEIGHT)", True),
        ("+name = photo.name", False),
        ("-x = base64.b64encode(image)\n+y = base64.b64encode(image)", False),
    ],
)
def test_bytes_made_or_encoded_anew_make_what_holds_them_large(diff: str, bulky: bool) -> None:
    assert any("many bytes" in s.reason for s in substance_signals(parse_diff(diff))) is bulky


@pytest.mark.parametrize(
    ("diff", "slow"),
    [
        ('-q = "select n from t where sku = ?"\n+q = "select n from t where lower(sku) = lower(?)"', True),
        ('-q = "select n from t where day = ?"\n+q = "select n from t where date(created_at) = ?"', True),
        ('-q = "select n from t where sku = ?"\n+q = "select n from t where sku = lower(?)"', False),
        ('-q = "select n from t where lower(a) = ?"\n+q = "select m from t where lower(a) = ?"', False),
    ],
)
def test_a_function_of_a_column_is_served_by_no_index(diff: str, slow: bool) -> None:
    assert any("no plain index" in s.reason for s in substance_signals(parse_diff(diff))) is slow


@pytest.mark.parametrize(
    "diff",
    [
        '-q = "SELECT n FROM t WHERE id IN (?, ?)"\n+q = "SELECT m FROM t WHERE id IN (?, ?)"',
        '-n = db.query("SELECT n FROM t WHERE id = ?", (i,))\n+n = db.query("SELECT n FROM t WHERE id = ?", (j,))',
    ],
)
def test_a_query_that_asks_for_as_many_as_before_is_none_for_each(diff: str) -> None:
    assert not any("for each" in s.reason for s in substance_signals(parse_diff(diff)))


def test_numbers_meet_by_name_where_a_line_lost_some() -> None:
    (edit,) = parse_diff(
        "-@retry(attempts=3, wait=jitter(0.1, 2.0), on=Timeout)\n+@retry(attempts=90, on=Timeout)"
    ).edits
    assert edit.numbers == ((3.0, 90.0),)


def test_a_message_put_in_other_words_breaks_nothing() -> None:
    assert (
        total(substance_signals(parse_diff('-raise Bad(400, "no such item")\n+raise Bad(400, "this is no item")'))) < -1
    )


@pytest.mark.parametrize(("old", "new"), [('"cart-v1"', '"cart-v2"'), ('"select a from t"', '"select b from t"')])
def test_a_name_or_a_query_put_in_other_words_may(old: str, new: str) -> None:
    assert total(substance_signals(parse_diff(f"-call({old})\n+call({new})"))) > 0
