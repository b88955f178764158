"""The catalogue of what can go wrong in the shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from data.domain import ChangeKind
from data.lab.mechanisms import (
    BadCommit,
    BadLine,
    CpuHog,
    FullVolume,
    HeldLock,
    IdleConnections,
    Mechanism,
    MemoryPressure,
    NoSuchName,
    Provider,
    Setting,
    Surge,
    Throttle,
)


class FaultKind(StrEnum):
    """Where a fault comes from."""

    code = "code"
    config = "config"
    resource = "resource"
    network = "network"
    external = "external"
    load = "load"


@dataclass(frozen=True)
class Fault:
    """One thing that can go wrong.

    Attributes:
        mechanism: what really happens, in a sentence.
        culprits: the services that are a right answer to "where is it"; any counts. For a fault between two
            services these are both ends.
        indicators: metrics of a culprit, as its services report them, in which it shows.
    """

    name: str
    kind: FaultKind
    mechanism: str
    culprits: tuple[str, ...]
    indicators: tuple[str, ...]
    means: Mechanism

    @property
    def change_caused(self) -> bool:
        """Whether a commit, a deploy, a setting or a flag is to blame."""
        return self.kind in {FaultKind.code, FaultKind.config}

    @property
    def in_code(self) -> bool:
        """Whether reverting a commit, and deploying that, is the way back."""
        return self.kind is FaultKind.code

    @property
    def can_wait(self) -> bool:
        """Whether its effect can begin later: with the customers that meet it, or where no change is to blame.

        What a deploy or a setting does, it else does at once.
        """
        return not self.change_caused or (isinstance(self.means, BadCommit) and self.means.waits_for_spring)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind.value,
            "mechanism": self.mechanism,
            "expected_culprit": list(self.culprits),
            "indicators": list(self.indicators),
            "change_caused": self.change_caused,
            "can_wait": self.can_wait,
        }


_LATENCY = "http_server_request_duration_p95_ms"
_ERRORS = "http_server_error_ratio"

_CODE = (
    Fault(
        "n-plus-one",
        FaultKind.code,
        "catalogue asks inventory for the stock of each product on a page by itself, instead of all in one call",
        ("catalogue",),
        (_LATENCY, "http_client_request_duration_p95_ms{peer=inventory}"),
        BadCommit(
            "catalogue", "catalogue: show units in stock on product pages, too\n\nOne way to look them up for both."
        ),
    ),
    Fault(
        "missing-index",
        FaultKind.code,
        "inventory drops the index its stock lookups use, so that each of them reads the whole ledger",
        ("inventory",),
        (_LATENCY, "process_cpu_utilization"),
        BadCommit("inventory", "inventory: index the ledger by order reference\n\nSupport looks orders up all day."),
    ),
    Fault(
        "wrong-timeout",
        FaultKind.code,
        "payment gives the gateway 60 ms to answer, which it needs in a third of all cases",
        ("payment",),
        (_ERRORS, "http_client_errors_per_second{peer=gateway}"),
        BadCommit("payment", "payment: fail fast when the gateway is slow"),
    ),
    Fault(
        "pool-cut",
        FaultKind.code,
        "payment keeps one connection to the gateway where it had eight, so that charges queue for it",
        ("payment",),
        (_LATENCY, "gateway_connection_wait_duration_p95_ms"),
        BadCommit("payment", "payment: keep fewer idle connections to the gateway"),
    ),
    Fault(
        "exception-on-branch",
        FaultKind.code,
        "checkout raises KeyError for orders with the spring voucher, about a third of them",
        ("checkout",),
        (_ERRORS, "http_server_errors_per_second"),
        BadCommit("checkout", "checkout: vouchers may ask for a minimum order", waits_for_spring=True),
    ),
    Fault(
        "retry-storm",
        FaultKind.code,
        "payment gives the gateway 45 ms and asks up to 12 times without a pause, so that it is asked twice as often",
        ("payment",),
        (_LATENCY, "http_client_errors_per_second{peer=gateway}"),
        BadCommit("payment", "payment: ask the gateway again when it is slow"),
    ),
    Fault(
        "memory-leak",
        FaultKind.code,
        "cart keeps a copy of the whole price list for every look at a basket, until it meets its memory limit",
        ("cart",),
        ("process_memory_resident_mb", _ERRORS),
        BadCommit("cart", "cart: remember the prices a customer has seen\n\nThey are to be honoured at checkout."),
    ),
    Fault(
        "large-payload",
        FaultKind.code,
        "payment sends the gateway an image of the receipt, 640 kB, with every authorisation",
        ("payment",),
        (_LATENCY, "http_client_request_duration_p95_ms{peer=gateway}"),
        BadCommit("payment", "payment: show the receipt beside the charge"),
    ),
    Fault(
        "cache-stampede",
        FaultKind.code,
        "recommendation keeps what it computed for 0.6 s instead of 600 s, and every request that misses computes it",
        ("recommendation",),
        (_LATENCY, "cache_misses_per_second"),
        BadCommit("recommendation", "recommendation: fresher picks, and a simpler cache"),
    ),
)

_CONFIG = (
    Fault(
        "rate-limit",
        FaultKind.config,
        "cart's limit on requests a second is set to 2; what is above is turned away",
        ("cart",),
        ("http_server_rejected_per_second",),
        Setting("cart", "max_requests_per_second", 2),
    ),
    Fault(
        "flag-flip",
        FaultKind.config,
        "a flag makes recommendation compute its picks for every request instead of keeping them",
        ("recommendation",),
        (_LATENCY, "process_cpu_utilization"),
        Setting("recommendation", "personalised", True, ChangeKind.flag),
    ),
    Fault(
        "bad-url",
        FaultKind.config,
        "payment is told to reach the gateway under a name that does not exist",
        ("payment",),
        (_ERRORS, "http_client_errors_per_second{peer=gateway-eu}"),
        Setting("payment", "gateway_url", "gateway-eu"),
    ),
)

_RESOURCE = (
    Fault(
        "cpu-hog",
        FaultKind.resource,
        "sixteen processes spin on the core that catalogue is made to run on",
        ("catalogue",),
        (_LATENCY, "process_cpu_wait_ratio"),
        CpuHog("catalogue", 16),
    ),
    Fault(
        "cpu-throttling",
        FaultKind.resource,
        "checkout may run for 15 ms of every 100 ms, as under a CPU quota",
        ("checkout",),
        (_LATENCY,),
        Throttle("checkout", 0.15),
    ),
    Fault(
        "memory-pressure",
        FaultKind.resource,
        "catalogue's memory limit is cut to what it holds, so that it cannot get the buffers to compress a page",
        ("catalogue",),
        (_ERRORS,),
        MemoryPressure("catalogue"),
    ),
    Fault(
        "disk-full",
        FaultKind.resource,
        "a core dump fills inventory's volume; SQLite can write no more reservations",
        ("inventory",),
        (_ERRORS, "filesystem_volume_used_ratio"),
        FullVolume("inventory", 96),
    ),
    Fault(
        "connection-exhaustion",
        FaultKind.resource,
        "a client holds 60 unfinished requests open at cart, more than it has workers",
        ("cart",),
        (_LATENCY, "http_server_open_connections"),
        IdleConnections("cart", 60),
    ),
    Fault(
        "database-lock",
        FaultKind.resource,
        "a long transaction of somebody else's holds the write lock of inventory's database, over and over",
        ("inventory",),
        (_LATENCY,),
        HeldLock("inventory", "ledger.sqlite", 1.5, 0.3),
    ),
)

_NETWORK = (
    Fault(
        "network-delay",
        FaultKind.network,
        "packets between checkout and inventory take 150 ms longer, each way",
        ("inventory", "checkout"),
        ("http_client_request_duration_p95_ms{peer=inventory}",),
        BadLine("checkout", "inventory", delay_s=0.15, jitter_s=0.02),
    ),
    Fault(
        "network-loss",
        FaultKind.network,
        "one packet in eight between frontend and cart is lost, and sent again after TCP's timeouts",
        ("cart", "frontend"),
        ("http_client_request_duration_p95_ms{peer=cart}",),
        BadLine("frontend", "cart", loss=0.12),
    ),
    Fault(
        "dns-failure",
        FaultKind.network,
        "cart cannot resolve the name of catalogue any more",
        ("cart", "catalogue"),
        (_ERRORS, "http_client_errors_per_second{peer=catalogue}"),
        NoSuchName("cart", "catalogue"),
    ),
)

_OUTSIDE = (
    Fault(
        "gateway-outage",
        FaultKind.external,
        "the payment company answers three requests in four with 503",
        ("gateway",),
        ("http_client_errors_per_second{peer=gateway}",),
        Provider(failing=0.75),
    ),
    Fault(
        "gateway-slow",
        FaultKind.external,
        "the payment company takes 0.8 s longer for everything",
        ("gateway",),
        ("http_client_request_duration_p95_ms{peer=gateway}",),
        Provider(slower_s=0.8),
    ),
    Fault(
        "traffic-surge",
        FaultKind.load,
        "nine times as many customers come; nothing in the shop has changed",
        ("frontend",),
        ("http_server_requests_per_second", _LATENCY),
        Surge(9.0),
    ),
)

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in (*_CODE, *_CONFIG, *_RESOURCE, *_NETWORK, *_OUTSIDE)}
