from __future__ import annotations

from collections.abc import Iterator

import pytest

from data.lab.lab import Lab


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The whole shop for real, sampled every half second, without customers: tests send their own requests."""
    running = Lab(tmp_path_factory.mktemp("lab") / "state", interval_s=0.5)
    try:
        running.up()
        yield running
    finally:
        running.down()
