"""Every format, from files written here: what is read, and above all what a ranker cannot see."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.datasets import CATALOGUE, Case, has_alerts, load
from data.datasets.nezha_tables import reconciled
from data.datasets.rcd import split_columns
from data.errors import InputError

T0 = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def write_bundles(root: Path) -> Path:
    for name, culprit in (("culprit-is-basket", "basket"), ("culprit-is-web", "web")):
        folder = root / name
        folder.mkdir(parents=True)
        alert = {"id": f"a{len(name)}", "service": "web", "title": "slow", "fired_at": _iso(T0)}
        (folder / "alert.json").write_text(json.dumps(alert))
        rows = [(T0 + timedelta(minutes=m), s, "latency_ms", float(m)) for m in range(-5, 4) for s in ("web", "basket")]
        pd.DataFrame(rows, columns=["timestamp", "service", "metric", "value"]).to_csv(folder / "metrics.csv")
        truth = {"services": [culprit], "changes": ["c1"], "decoys": ["c2"]}
        (folder / "truth.json").write_text(json.dumps(truth))
    return root


def write_petshop(root: Path) -> Path:
    def metrics(path: Path, start: float, count: int, level: float) -> None:
        columns = pd.MultiIndex.from_product([["Shop", "Search_X"], ["latency"], ["Average", "p90"]])
        index = pd.Index(start + 300.0 * np.arange(count), name="unix_timestamp")
        path.parent.mkdir(parents=True)
        pd.DataFrame(level + np.arange(count * 4.0).reshape(count, 4), index=index, columns=columns).to_csv(path)

    scenario = root / "dataset" / "calm_traffic"
    metrics(scenario / "noissue" / "metrics.csv", T0.timestamp() + 9e6, 6, 1.0)
    for n, cause in enumerate(("Search_X", "Shop")):
        issue = scenario / "test" / f"issue_{n}"
        metrics(issue / "metrics.csv", T0.timestamp() + n, 3, 50.0 + n)
        target = {"node": "Shop", "metric": "latency", "agg": "p90", "timestamp": int(T0.timestamp()) + 310}
        cause_record = {"node": cause, "metric": None}
        text = {"target": target, "root_cause": cause_record, "metadata": {"command": f"break {cause} now"}}
        (issue / "target.json").write_text(json.dumps(text))
    matrix = pd.DataFrame([[0.0, 1.0], [0.0, 0.0]], index=["Shop", "Search_X"], columns=["Shop", "Search_X"])
    matrix.to_csv(scenario / "graph.csv", index_label="microservice")
    return root


def write_rcd(root: Path) -> Path:
    rng = np.random.default_rng(7)
    for label in ("basket-cpu", "cart-db-mem"):
        folder = root / "some-shop" / label / "1"
        folder.mkdir(parents=True)
        for name, start, rows in (("normal", 1.6e9, 40), ("anomalous", 1.7e9, 30)):
            table = pd.DataFrame({"time": (start + np.arange(rows)).astype(int)})
            for column in ("basket_cpu", "cart-db_cpu", "cart-db_mem", "web_lat_90", "web_cpu", "basket_lat_90"):
                table[column] = rng.random(rows) + (5 if column == "web_lat_90" else 0)
            table.to_csv(folder / f"{name}.csv", index=False)
    return root


def write_dycause(root: Path) -> Path:
    rng = np.random.default_rng(8)
    runs = [("big_campaign", f"e{n}", cause) for n, cause in enumerate(("basket", "web"))] + [("trial", "e9", "web")]
    for campaign, experiment, cause in runs:
        run = root / "data" / campaign / experiment / "run01"
        for part in ("baseline", "fault"):
            (run / part).mkdir(parents=True)
            table = pd.DataFrame(rng.random((20, 3)), columns=["edge", "basket", "web"])
            table.to_csv(run / part / "raw_prometheus.csv", index=False)
        metadata = {
            "root_cause": cause,
            "desc": f"kill {cause}",
            "services": ["edge", "basket", "web"],
            "frontend_idx": 0,
        }
        (run / "metadata.json").write_text(json.dumps(metadata))
    return root


def write_nezha(root: Path) -> Path:
    day = root / "rca_data" / "2024-05-01"
    (day / "metric").mkdir(parents=True)
    (day / "trace").mkdir()
    (day / "log").mkdir()
    pods = {"web": "web-5f6585d649-fnmft", "ts-basket-service": "ts-basket-service-7b598fc7d-lmggd"}
    minutes = [T0 + timedelta(minutes=m, seconds=19) for m in range(-40, 61)]
    for number, pod in enumerate(pods.values()):
        wrong = 200_000_000 if number == 0 else 0  # as in the published files: the text is right, the number is not
        table = pd.DataFrame(
            {
                "Time": [f"{t:%Y-%m-%d %H:%M:%S}.607158889 +0000 UTC m=+0.11" for t in minutes],
                "TimeStamp": [int(t.timestamp()) + wrong for t in minutes],
                "PodName": pod,
                "CpuUsage(m)": np.arange(len(minutes)) + 1.0,
                "SyscallRead": 3.0,
            }
        )
        table.to_csv(day / "metric" / f"{pod}_metric.csv", index=False)
    front = table[["Time", "TimeStamp"]].assign(**{"ServiceName": "Web", "LatencyP50(s)": 1.0, "LatencyP99(s)": 2.0})
    front.to_csv(day / "metric" / "front_service.csv", index=False)
    (day / "metric" / "dependency.csv").write_text("Source,Target,Weight\nweb,ts-basket-service,1\nweb,10.0.0.7,1\n")
    for minute in (0, 1, 20):
        start = int((T0 + timedelta(minutes=minute)).timestamp() * 1e9)
        spans = [
            ("t", f"r{minute}", "root", pods["web"], "GET /", start, start + 9_000_000, 9000),
            ("t", f"c{minute}", f"r{minute}", pods["ts-basket-service"], "Add", start + 1000, start + 5_000_000, 5000),
        ]
        titles = "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration"
        frame = pd.DataFrame(spans, columns=titles.split(","))
        frame.to_csv(day / "trace" / f"12_{minute:02}_trace.csv", index=False)
        inner = json.dumps({"severity": "error", "message": "TraceID: t SpanID: s basket refused"})
        log = {"Timestamp": "x", "TimeUnixNano": start, "Node": "n", "PodName": pods["web"], "Container": "server",
               "TraceID": "t", "SpanID": "s", "Log": json.dumps({"log": inner + "\n"})}  # fmt: skip
        pd.DataFrame([log]).to_csv(day / "log" / f"12_{minute:02}_log.csv", index=False)
    faults = [
        {"inject_time": f"{T0 + timedelta(minutes=m):%Y-%m-%d %H:%M:%S}", "inject_pod": pods[s], "inject_type": kind}
        for m, s, kind in ((0, "ts-basket-service", "cpu_contention"), (20, "web", "return"))
    ]
    faults[0]["inject_timestamp"] = str(int(T0.timestamp()) - 60)
    (day / "2024-05-01-fault_list.json").write_text(json.dumps({"12": faults}))
    return root


WRITERS: dict[str, Callable[[Path], Path]] = {
    "bundles": write_bundles,
    "petshop": write_petshop,
    "nezha": write_nezha,
    "rcd": write_rcd,
    "dycause": write_dycause,
}
# What would give the answer away: labels, the names of faults, and the folders that carry them.
SECRETS = {
    "bundles": ["culprit-is", "truth", "decoy"],
    "petshop": ["root_cause", "break ", "issue_"],
    "nezha": ["inject", "cpu_contention", "return"],
    "rcd": ["basket-cpu", "cart-db-mem", "anomalous", "normal.csv"],
    "dycause": ["root_cause", "kill", "run01", "trial"],
}
LABEL_FILES = {"bundles": "truth.json", "dycause": "metadata.json"}


@pytest.fixture(params=sorted(CATALOGUE))
def written(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    return request.param, WRITERS[request.param](tmp_path / "public")


def everything_a_ranker_sees(case: Case) -> Iterator[str]:
    yield case.id
    yield case.alert.model_dump_json()
    telemetry = case.telemetry
    yield from (" ".join(key) for key in telemetry.metrics.keys)
    yield from (table.to_csv() for table in (telemetry.logs, telemetry.spans))
    yield from (evidence.model_dump_json() for evidence in telemetry.missing)
    yield from (change.model_dump_json() for change in telemetry.changes)
    yield json.dumps(telemetry.graph.as_json())


def test_two_cases_with_telemetry_and_a_label_that_is_a_service_of_it(written: tuple[str, Path]) -> None:
    cases = list(load(*written))
    assert len(cases) == 2
    assert len({case.id for case in cases}) == 2
    for case in cases:
        assert case.telemetry.metrics.values.shape[0] > 3
        assert set(case.truth().services) <= set(case.telemetry.services)
        assert case.alert.service in case.telemetry.services
    assert len({case.truth().services for case in cases}) == 2


def test_nothing_a_ranker_sees_names_the_fault(written: tuple[str, Path]) -> None:
    name, _ = written
    for case in load(*written):
        seen = "\n".join(everything_a_ranker_sees(case)).lower()
        assert not [secret for secret in SECRETS[name] if secret in seen]
        assert not re.search("basket|web|shop|search|cart", case.id.lower().removeprefix(name))


def test_ids_and_order_come_from_content_alone(written: tuple[str, Path]) -> None:
    cases = [case.id for case in load(*written)]
    assert cases == sorted(cases)
    assert cases == [case.id for case in load(*written)]


@pytest.mark.parametrize("name", sorted(LABEL_FILES))
def test_labels_in_files_of_their_own_may_be_absent_until_asked_for(name: str, tmp_path: Path) -> None:
    root = WRITERS[name](tmp_path)
    for path in root.rglob(LABEL_FILES[name]):
        path.unlink()
    cases = list(load(name, root))
    assert len(cases) == 2
    with pytest.raises(InputError, match=LABEL_FILES[name]):
        cases[0].truth()


@pytest.mark.parametrize(("name", "key"), [("petshop", "root_cause"), ("nezha", "inject_pod")])
def test_labels_beside_the_alert_are_not_read_with_it(name: str, key: str, tmp_path: Path) -> None:
    root = WRITERS[name](tmp_path)
    for path in [*root.rglob("target.json"), *root.rglob("*fault_list.json")]:
        path.write_text(path.read_text().replace(f'"{key}"', '"hidden"'))
    cases = list(load(name, root))
    assert len(cases) == 2
    with pytest.raises(KeyError):
        cases[0].truth()


def test_the_label_of_rcd_moves_with_its_folder_and_nothing_else_does(tmp_path: Path) -> None:
    root = write_rcd(tmp_path)
    before = {case.id: case for case in load("rcd", root)}
    (root / "some-shop" / "basket-cpu").rename(root / "some-shop" / "web-lat_90")
    after = {case.id: case for case in load("rcd", root)}
    assert list(after) == list(before)
    changed = [i for i in before if before[i].truth() != after[i].truth()]
    assert len(changed) == 1
    assert after[changed[0]].truth().services == ("web",)
    assert after[changed[0]].truth().indicators == ("lat_90",)
    assert before[changed[0]].alert == after[changed[0]].alert


@pytest.mark.parametrize("name", [name for name in sorted(CATALOGUE) if not has_alerts(name)])
def test_the_delay_moves_the_alert_and_only_the_alert(name: str, tmp_path: Path) -> None:
    root = WRITERS[name](tmp_path)
    early, late = (list(load(name, root, delay_s=d)) for d in (0, 15))
    for one, other in zip(early, late, strict=True):
        assert one.id == other.id
        assert other.alert.fired_at - one.alert.fired_at == timedelta(seconds=15)
        assert other.alert.service == one.alert.service


def test_until_cuts_the_telemetry_after_the_alert(written: tuple[str, Path]) -> None:
    for case in load(*written, until_s=0):
        last = case.telemetry.metrics.timestamps[-1]
        assert last <= np.datetime64(case.alert.fired_at.replace(tzinfo=None), "us")


def test_rcd_joins_its_two_recordings_without_a_gap(tmp_path: Path) -> None:
    case = next(load("rcd", write_rcd(tmp_path), delay_s=0))
    steps = np.diff(case.telemetry.metrics.timestamps).astype("timedelta64[s]").astype(int)
    assert set(steps) == {1}
    assert len(steps) == 69
    assert case.alert.fired_at == datetime(2000, 1, 1, 0, 0, 40, tzinfo=UTC)
    assert (case.alert.service, case.alert.metric) == ("web", "lat_90")


def test_rcd_columns_are_cut_where_other_columns_say_so() -> None:
    columns = ["cart_cpu", "cart_lat_50", "my_svc_cpu", "odd_one_out", "alone"]
    expected = [("cart", "cpu"), ("cart", "lat_50"), ("my_svc", "cpu"), ("odd", "one_out"), ("alone", "value")]
    assert split_columns(columns) == expected


def test_petshop_moves_normal_operation_to_just_before_the_issue(tmp_path: Path) -> None:
    case = next(load("petshop", write_petshop(tmp_path)))
    metrics = case.telemetry.metrics
    assert set(np.diff(metrics.timestamps).astype("timedelta64[s]").astype(int)) == {300}
    assert len(metrics.timestamps) == 9
    assert case.alert.metric == "latency_p90"
    assert case.alert.metric in {key.metric for key in metrics.keys}
    assert case.telemetry.graph.callees("Shop") == ("Search_X",)
    assert case.system == "calm_traffic"


def test_petshop_without_normal_operation_says_so(tmp_path: Path) -> None:
    root = write_petshop(tmp_path)
    (root / "dataset" / "calm_traffic" / "noissue" / "metrics.csv").unlink()
    case = next(load("petshop", root))
    assert len(case.telemetry.metrics.timestamps) == 3
    assert "no recording of normal operation" in case.telemetry.missing[0].summary


def test_nezha_reads_a_window_of_pods_spans_and_logs(tmp_path: Path) -> None:
    cases = {case.truth().services[0]: case for case in load("nezha", write_nezha(tmp_path))}
    case = cases["ts-basket-service"]
    assert case.alert.fired_at == T0 + timedelta(seconds=60)  # the text of the list, not its number
    assert (case.alert.service, case.alert.metric) == ("web", "LatencyP99")
    metrics = case.telemetry.metrics
    cpu = next(i for i, key in enumerate(metrics.keys) if key.metric == "CpuUsage" and key.service == "web")
    assert (metrics.keys[cpu].unit, metrics.keys[cpu].instance) == ("m", "web-5f6585d649-fnmft")
    at_fault = int(np.searchsorted(metrics.timestamps, np.datetime64(T0.replace(tzinfo=None))))
    assert metrics.values[at_fault, cpu] == 41.0  # the 41st minute of the day's recording, by the text of its time
    assert len(metrics.timestamps) == 35
    spans = case.telemetry.spans
    assert list(spans["span_id"]) == ["r0", "c0", "r1", "c1"]
    assert list(spans["parent_id"].isna()) == [True, False, True, False]
    assert spans["duration_ms"].iloc[0] == pytest.approx(9.0)
    assert list(case.telemetry.logs["message"]) == ["basket refused"] * 2
    assert set(case.telemetry.logs["severity"]) == {"ERROR"}
    assert case.telemetry.graph.edges == (("web", "ts-basket-service"),)
    assert case.telemetry.graph.hosts == {"web": "10.0.0.7"}


def test_nezha_never_runs_into_the_next_fault(tmp_path: Path) -> None:
    root = write_nezha(tmp_path)
    for case in load("nezha", root, delay_s=18 * 60):
        if case.truth().services == ("ts-basket-service",):
            assert case.telemetry.metrics.timestamps[-1] < np.datetime64(
                (T0 + timedelta(minutes=20)).replace(tzinfo=None)
            )


def test_nezha_without_a_dependency_file_takes_the_calls_in_the_spans(tmp_path: Path) -> None:
    root = write_nezha(tmp_path)
    next(root.rglob("dependency.csv")).unlink()
    assert ("web", "ts-basket-service") in next(load("nezha", root)).telemetry.graph.edges


def test_dycause_takes_the_largest_campaign_and_its_entry_service(tmp_path: Path) -> None:
    cases = list(load("dycause", write_dycause(tmp_path)))
    assert {case.system for case in cases} == {"big_campaign"}
    assert {case.alert.service for case in cases} == {"edge"}
    assert cases[0].telemetry.metrics.values.shape == (40, 3)
    trial = list(load("dycause", tmp_path / "data" / "trial"))
    assert [case.truth().services for case in trial] == [("web",)]


def test_bundles_keep_changes_and_decoys_of_the_label(tmp_path: Path) -> None:
    truth = next(load("bundles", write_bundles(tmp_path))).truth()
    assert (truth.changes, truth.decoys) == (("c1",), ("c2",))


@pytest.mark.parametrize("name", ["bundles", "petshop", "rcd", "dycause"])
def test_a_recording_that_occurs_twice_stays_two_cases(name: str, tmp_path: Path) -> None:
    root = WRITERS[name](tmp_path)
    files = {"bundles": "alert.json", "petshop": "target.json", "rcd": "normal.csv", "dycause": "metadata.json"}
    original = sorted(root.rglob(files[name]))[0].parent
    copy = original.with_name("9") if name == "rcd" else original.with_name(original.name + "9")
    shutil.copytree(original, copy)
    cases = list(load(name, root))
    assert len({case.id for case in cases}) == 3


@pytest.mark.parametrize(
    ("text", "number", "expected"),
    [
        ("2024-05-01 12:00:00.5 +0000 UTC m=+0.1", "1714564800", "2024-05-01T12:00:00.5"),  # they agree
        ("2024-05-01 12:00:00", "1914564800", "2024-05-01T12:00:00"),  # the number is off by years
        ("2024-05-01 12:00:00", "1714564740", "2024-05-01T12:00:00"),  # the number is off by a minute
        ("2024-05-01 20:00:00", "1714564800", "2024-05-01T12:00:00"),  # the text is local time
        ("2024-05-01 20:00:00 +0800 CST", None, "2024-05-01T12:00:00"),
        (None, "1714564800", "2024-05-01T12:00:00"),
    ],
)
def test_nezha_reconciles_text_and_number_of_a_time(text: str | None, number: str | None, expected: str) -> None:
    times = reconciled(pd.DataFrame({"Time": [text], "TimeStamp": [number]}))
    assert times.iloc[0] == pd.Timestamp(expected, tz="UTC")
