import json
import os

import pytest
from click.testing import CliRunner

from data.errors import ConfigError
from serving.commands.bench_serve import command as bench
from serving.commands.score import command, environment


def test_it_is_not_offered_to_others_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("bentoml")
    monkeypatch.delenv("QAI_SCORING_TOKEN", raising=False)
    done = CliRunner().invoke(command, ["--host", "0.0.0.0"])
    assert isinstance(done.exception, ConfigError)
    assert "QAI_SCORING_TOKEN" in str(done.exception)


def test_no_usage_statistics_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENTOML_DO_NOT_TRACK", "False")
    assert environment()["BENTOML_DO_NOT_TRACK"] == "True"


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("QAI_TEST_BENCH") != "1", reason="starts two services; set QAI_TEST_BENCH=1")
def test_batching_is_measured_beside_none() -> None:
    pytest.importorskip("bentoml")
    done = CliRunner().invoke(bench, ["--json", "--seconds", "1", "--rounds", "1", "--clients", "8"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["batched"]["errors"] == report["unbatched"]["errors"] == 0
    assert report["batched"]["requests"] > 8
    assert report["batched"]["p99_ms"] >= report["batched"]["p50_ms"] > 0
    assert report["ratio"] == pytest.approx(
        report["batched"]["throughput_rps"] / report["unbatched"]["throughput_rps"], rel=0.02
    )
