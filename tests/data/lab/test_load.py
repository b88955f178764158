from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data.lab.programs.load import Control, Customers, daily


def test_a_day_has_a_busy_and_a_quiet_part_and_keeps_its_mean() -> None:
    day = np.array([daily(phase) for phase in np.linspace(0, 1, 1000, endpoint=False)])
    assert day.mean() == pytest.approx(1, abs=0.01)
    assert day.min() < 0.8
    assert day.max() > 1.2
    assert 0.4 < day.argmax() / 1000 < 0.9
    assert daily(0.0) == pytest.approx(daily(1.0))


@pytest.fixture
def control(tmp_path: Path) -> Path:
    path = tmp_path / "load.json"
    path.write_text(json.dumps({"sessions_per_s": 5.0}))
    return path


def rate(control: Path, seed: int = 0) -> float:
    return Customers(Path("nowhere"), Control(control), day_s=86_400.0, seed=seed)._rate()


def test_a_surge_multiplies_and_the_rate_stays_bounded(control: Path) -> None:
    calm = rate(control)
    assert 2 < calm < 10
    control.write_text(json.dumps({"sessions_per_s": 5.0, "multiplier": 3.0}))
    assert rate(control) == pytest.approx(3 * calm, rel=0.05)
    control.write_text(json.dumps({"sessions_per_s": 5.0, "multiplier": 1000.0}))
    assert rate(control) == 40.0


def test_a_control_file_that_is_half_written_or_gone_keeps_the_rate(control: Path) -> None:
    calm = rate(control)
    control.write_text("{")
    assert rate(control) == pytest.approx(calm * 3.5 / 5, rel=0.3)
    control.unlink()
    assert rate(control) > 0


def test_no_spring_voucher_before_spring(control: Path) -> None:
    import random
    import time

    def vouchers() -> set[str | None]:
        customers = Customers(Path("nowhere"), Control(control), day_s=86_400.0, seed=0)
        return {customers._voucher(random.Random(n)) for n in range(200)}

    assert vouchers() == {"SPRING15", "WELCOME10", None}
    control.write_text(json.dumps({"spring_from": time.time() + 60}))
    assert vouchers() == {"WELCOME10", None}
