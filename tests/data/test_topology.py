from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from data.topology import ServiceGraph

ROOT = Path(__file__).resolve().parents[2]
SHOP = ServiceGraph(
    [("web", "checkout"), ("checkout", "inventory"), ("checkout", "payment"), ("web", "search")], ["idle"]
)


def test_neighbours_follow_the_direction_of_calls() -> None:
    assert SHOP.callees("checkout") == ("inventory", "payment")
    assert SHOP.callers("checkout") == ("web",)
    assert SHOP.downstream("web") == {"web": 0, "checkout": 1, "search": 1, "inventory": 2, "payment": 2}
    assert SHOP.upstream("payment") == {"payment": 0, "checkout": 1, "web": 2}


def test_trouble_travels_from_callee_to_caller() -> None:
    assert SHOP.path("inventory", "web") == ("inventory", "checkout", "web")


def test_a_path_against_the_calls_is_still_a_path_and_no_path_is_the_cause_alone() -> None:
    assert SHOP.path("search", "payment") == ("search", "web", "checkout", "payment")
    assert SHOP.path("idle", "web") == ("idle",)


def test_distance_ignores_direction() -> None:
    assert SHOP.distance("inventory", "payment") == 2
    assert SHOP.distance("idle", "web") is None
    assert SHOP.distance("nobody", "nobody") == 0


def test_unknown_services_have_no_neighbours() -> None:
    assert SHOP.callees("nobody") == SHOP.callers("nobody") == ()
    assert SHOP.upstream("nobody") == {"nobody": 0}


def test_merging_keeps_both_sides_and_our_hosts() -> None:
    merged = ServiceGraph([("a", "b")], hosts={"a": "h1"}).merged(
        ServiceGraph([("b", "c")], hosts={"a": "h2", "c": "h3"})
    )
    assert merged.edges == (("a", "b"), ("b", "c"))
    assert merged.hosts == {"a": "h1", "c": "h3"}


def test_self_calls_are_dropped_and_an_edgeless_graph_is_false() -> None:
    assert not ServiceGraph([("a", "a")], ["a"])
    assert SHOP


def test_of_two_equally_short_ways_the_same_is_found_in_every_process() -> None:
    """Names are hashed anew in each process: walking through sets would go another way in the next."""
    ask = (
        "from data.topology import ServiceGraph;"
        "print(ServiceGraph([(f'mid{i}', end) for i in range(9) for end in ('left', 'right')]).path('left', 'right'))"
    )
    said = {
        subprocess.run([sys.executable, "-c", ask], env={**os.environ, "PYTHONHASHSEED": seed}, cwd=ROOT,
                       capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(said) == 1
