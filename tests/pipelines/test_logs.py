import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from data.errors import InputError
from pipelines.bench_logs import bench_logs, grouping_accuracy, summarise
from pipelines.cross_validate_logs import cross_validate
from pipelines.logs import read_log
from serving.commands.logs import command


def plain(minutes: int = 100) -> list[str]:
    """An hour and a half of requests, errors in the last ten minutes, a heartbeat that stops twenty before the end."""
    lines = []
    for m in range(minutes):
        at = f"2026-01-02 {10 + m // 60:02d}:{m % 60:02d}:00,000"
        lines += [f"{at} INFO  [web] c.Api: GET /v1/orders/{m * 7 + i} took {i} ms" for i in range(5)]
        if m < minutes - 20:
            lines.append(f"{at} INFO  [web] c.Beat: alive")
        if m >= minutes - 10:
            lines.append(f"{at} ERROR [db] c.Pool: connection pool exhausted after {m} ms, trace_id=4bf92f3577b34da6")
    return lines


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "web.log"
    path.write_text("\n".join([*plain(), "", "\tat shop.Cart.add(Cart.java:17)"]))
    return path


def test_templates_are_counted_with_when_and_where_they_were_seen(log: Path) -> None:
    report = read_log(log)
    uses = {use.template: use for use in report.templates}
    pool = uses["connection pool exhausted after <*> ms, trace_id=<*>"]
    assert (pool.count, pool.trend, pool.severity) == (10, "new", "ERROR")
    assert (pool.first_seen, pool.last_seen) == ("2026-01-02 11:30:00,000", "2026-01-02 11:39:00,000")
    assert pool.trace_ids == ("4bf92f3577b34da6",)
    assert "pool exhausted after 90 ms" in pool.samples[0]
    assert uses["alive"].trend == "vanished"
    assert uses["GET <*> took <*> ms"].trend == "steady"
    assert report.paths == (("/v1/orders/<*>", 500),)


def test_every_line_has_a_template(log: Path) -> None:
    report = read_log(log)
    ids = list(report.template_ids())
    assert len(ids) == report.lines == len(log.read_text().split("\n"))
    of = {use.id: use.template for use in report.templates}
    assert of[ids[-2]] == ""
    assert of[ids[-1]].startswith("at shop.Cart.add")


def test_since_is_the_callers_to_choose(log: Path) -> None:
    report = read_log(log, since="2026-01-02T11:35:00Z")
    pool = next(use for use in report.templates if "exhausted" in use.template)
    assert (pool.before, pool.since) == (5, 5)
    assert report.since is not None
    assert report.since.strip() == "2026-01-02 11:35:00,000"
    with pytest.raises(InputError, match="--since"):
        read_log(log, since="soon")


def test_json_lines_say_the_same_and_carry_traces(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    rows = [
        {"ts": f"2026-01-02T10:00:{i:02d}Z", "level": "warn", "msg": f"retry {i}", "trace_id": f"t{i}"}
        for i in range(9)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "not json\n")
    report = read_log(path)
    retry, stray = report.templates
    assert (report.format, retry.template, retry.count, retry.severity) == ("ndjson", "retry <*>", 9, "warn")
    assert retry.trace_ids == ("t0", "t1", "t2")
    assert retry.last_seen == "2026-01-02T10:00:08Z"
    assert stray.template == "not json"


def test_a_log_without_times_is_split_by_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("alive\n" * 80 + "boom\n" * 20)
    report = read_log(path)
    assert {use.template: use.trend for use in report.templates} == {"alive": "vanished", "boom": "new"}
    with pytest.raises(InputError, match="no time"):
        read_log(path, since="2026-01-02T11:35:00Z")


def test_an_empty_log_has_no_templates(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    assert read_log(tmp_path / "log").templates == ()


def test_the_command_writes_what_it_found(log: Path, tmp_path: Path) -> None:
    templates, lines = tmp_path / "t.csv", tmp_path / "l.csv"
    result = CliRunner().invoke(command, [str(log), "--templates", str(templates), "--lines", str(lines), "--json"])
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    with templates.open(newline="") as text:
        counts = {row["template_id"]: int(row["count"]) for row in csv.DictReader(text)}
    with lines.open(newline="") as text:
        ids = [row["template_id"] for row in csv.DictReader(text)]
    assert counts == {t["template_id"]: t["count"] for t in record["templates"]}
    assert {name: ids.count(name) for name in counts} == counts
    shown = CliRunner().invoke(command, [str(log)])
    assert "new: connection pool exhausted" in shown.output


def test_grouping_counts_groups_that_are_exactly_right() -> None:
    assert grouping_accuracy([1, 1, 2], ["a", "a", "b"]) == (1.0, 1.0)
    # "a" is split: its two lines are wrong, and so are two groups of three.
    ga, fga = grouping_accuracy([1, 3, 2], ["a", "a", "b"])
    assert (ga, fga) == (pytest.approx(1 / 3), pytest.approx(2 * 1 / (3 + 2)))
    assert grouping_accuracy([1, 1, 1], ["a", "a", "b"]) == (0.0, 0.0)


def test_the_benchmark_reads_a_labelled_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.bench_logs.MIN_TIMED_LINES", 200)
    folder = tmp_path / "Shop"
    folder.mkdir()
    messages = [f"sent {i} bytes" if i % 2 else f"user u{i} left" for i in range(50)]
    (folder / "Shop_2k.log").write_text("".join(f"2026-01-02 10:00:{i:02d} INFO {m}\n" for i, m in enumerate(messages)))
    with (folder / "Shop_2k.log_structured.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["LineId", "Content", "EventTemplate"])
        writer.writerows([i + 1, m, "sent <*> bytes" if i % 2 else "user <*> left"] for i, m in enumerate(messages))
    report = summarise(bench_logs(tmp_path))
    ours = [row for row in report["mean"] if row["method"] == "qai-sre"]
    assert [(row["lines"], row["ga"], row["fga"]) for row in ours] == [("whole", 1.0, 1.0), ("message", 1.0, 1.0)]
    assert all(row["lines_per_s"] > 0 for row in report["systems"])


def test_rules_are_tried_on_a_system_they_were_not_chosen_on(tmp_path: Path) -> None:
    """Where two words in a place are two templates everywhere else, they are kept apart in the system held out."""
    for name in ("a", "b", "c"):
        labels = {f"{name} door {word} now": word for word in ("opened", "closed")}
        if name != "c":
            labels |= {f"{name} user {user} left the room": "left" for user in ("ann", "bob", "cyd", "dan")}
        with (tmp_path / f"{name}_2k.log_structured.csv").open("w", newline="") as out:
            csv.writer(out).writerows([["Content", "EventTemplate"], *labels.items()])
        (tmp_path / f"{name}_2k.log").write_text("\n".join(labels))
    held = {row.system: row for row in cross_validate(tmp_path)}
    assert held["c"].chosen_words == (3, 4)
    assert (held["c"].ga, held["c"].fga) == (1.0, 1.0)
