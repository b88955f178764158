"""What a board is made of, beside the signs that rankings are tested by."""

from datetime import UTC, datetime, timedelta

import numpy as np

from data.domain import Alert, EvidenceKind
from data.topology import ServiceGraph
from models.base import Channel, Finding
from models.features import Period
from models.rankers.board import Board, board_of

START = datetime(2026, 1, 1, tzinfo=UTC)
PERIOD = Period(before=START, onset=START, end=START + timedelta(minutes=10))
ALERT = Alert(id="a", source="t", service="web", title="t", fired_at=START, group="g")


def shown(*findings: Finding, graph: ServiceGraph | None = None) -> Board:
    return board_of(ALERT, graph or ServiceGraph([("web", "db")]), [], findings, period=PERIOD)


def finding(service: str, channel: Channel, seconds: float | None) -> Finding:
    at = None if seconds is None else START + timedelta(seconds=seconds)
    return Finding(service, channel, 5.0, EvidenceKind.log, "said so", "logs", at=at)


def test_the_first_new_error_of_a_service_is_when_it_began_to_deviate() -> None:
    board = shown(
        finding("web", Channel.new_logs, 40.0),
        finding("web", Channel.new_logs, 12.0),
        finding("db", Channel.error_origin, 3.0),
        finding("cache", Channel.named_in_errors, 1.0),
        finding("mail", Channel.new_logs, None),
    )
    assert dict(zip(board.services, board.first.tolist(), strict=True)) | {"cache": 0, "mail": 0} == {
        "web": 12.0, "db": 3.0, "cache": 0, "mail": 0,
    }  # fmt: skip
    assert np.isnan(board.first[[board.services.index(name) for name in ("cache", "mail")]]).all()


def test_services_are_numbered_by_their_hosts() -> None:
    graph = ServiceGraph([("web", "db"), ("web", "cart")], ["mail"], {"web": "n1", "cart": "n1", "db": "n2"})
    board = shown(graph=graph)
    host = dict(zip(board.services, board.host.tolist(), strict=True))
    assert host["web"] == host["cart"] != host["db"]
    assert host["mail"] == -1
