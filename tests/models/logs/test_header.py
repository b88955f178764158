from collections.abc import Callable

import pytest

from models.logs.header import NO_HEADER, learn_header

MESSAGES = [
    "Accepted connection from 10.1.2.3:4711",
    "cache miss for key user-17",
    "flushed 12 pages in 3 ms: done",
    "worker stopped",
    "LOOKING",
    "peer gave up - will retry",
] * 20

FORMATS: dict[str, Callable[[int], str]] = {
    "syslog": lambda i: (
        f"Jun {i % 28 + 1:2d} 15:16:{i % 60:02d} host-{i % 3} {'sshd(pam)' if i % 2 else 'kernel'}[{i}]: "
    ),
    "rfc5424": lambda i: f"<34>1 2026-11-03T08:00:{i % 60:02d}.003Z host-{i % 3} app {i} ID47 - ",
    "log4j": lambda i: f"2026-11-03 08:00:{i % 60:02d},123 {('INFO', 'WARN')[i % 2]}  [IPC Server {i % 9}] o.a.Ipc: ",
    "python": lambda i: f"2026-11-03 08:00:{i % 60:02d},123 - shop.cart - {('INFO', 'ERROR')[i % 2]} - ",
    "glog": lambda i: f"{'IWE'[i % 3]}1103 08:00:{i % 60:02d}.123456 {i:7d} server.go:{i % 90}] ",
    "logcat": lambda i: f"11-03 08:00:{i % 60:02d}.123 {i:5d} {i + 7:5d} {'DIW'[i % 3]} PowerManager: ",
    "apache error": lambda i: f"[Sun Dec 04 04:47:{i % 60:02d} 2005] [{('notice', 'error')[i % 2]}] ",
    "bars": lambda i: f"20260103-8:0:{i % 60}:7|Step{i % 3}|30002312|",
    "epoch and level": lambda i: f"{'-' if i % 20 else 'ALERT'} {1700000000 + i} n{i % 4} RAS KERNEL INFO ",
    "tabs": lambda i: f"2026-11-03T08:00:{i % 60:02d}.123Z\t{('info', 'warn')[i % 2]}\tcart/x.go:{i}\t",
    "request ids": lambda i: f"2026-11-03 08:00:{i % 60:02d} 25 INFO nova.api [{'-' if i % 4 else 'req-1a a1 - -'}] ",
    "level alone": lambda i: f"{('INFO', 'WARN')[i % 2]}: ",
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_header_is_cut_off_and_nothing_else(name: str) -> None:
    lines = [FORMATS[name](i) + message for i, message in enumerate(MESSAGES)]
    header = learn_header(lines)
    assert [header.message(line) for line in lines] == MESSAGES


def test_time_and_level_are_told() -> None:
    header = learn_header([FORMATS["log4j"](i) + message for i, message in enumerate(MESSAGES)])
    found = header.pattern.match("2026-11-03 09:10:11,123 WARN  [main] o.a.Ipc: worker stopped")
    assert found is not None
    assert (found["time"].strip(), found["level"]) == ("2026-11-03 09:10:11,123", "WARN")


def test_bare_messages_have_no_header() -> None:
    assert learn_header(MESSAGES) == NO_HEADER
    assert learn_header([]) == NO_HEADER
    assert learn_header(["2026-11-03 08:00:00 INFO once"]) == NO_HEADER


def test_messages_that_end_in_a_time_keep_it() -> None:
    lines = [
        f"connection from 10.0.0.{i % 250} () at 10:11:{i % 60:02d}" if i % 3 else f"restart {i}" for i in range(100)
    ]
    assert learn_header(lines) == NO_HEADER


def test_a_line_without_the_header_is_all_message() -> None:
    lines = [FORMATS["log4j"](i) + message for i, message in enumerate(MESSAGES)]
    assert learn_header(lines).message("    at shop.Cart.add(Cart.java:17)") == "    at shop.Cart.add(Cart.java:17)"
