import random

import pytest

from models.logs.masking import mask_digits, shape_of, written
from models.logs.miner import TemplateMiner, template_id, templates_of

USERS = ("root", "admin", "oracle", "git", "mysql", "backup")


def grouped(messages: list[str]) -> list[set[str]]:
    """The groups that templates make of ``messages``."""
    groups: dict[str, set[str]] = {}
    for message, template in templates_of(messages).items():
        groups.setdefault(template, set()).add(message)
    return sorted(groups.values(), key=sorted)


@pytest.mark.parametrize(
    ("message", "template"),
    [
        ("sent 12 bytes to 10.1.2.3:8080", "sent <*> bytes to <*>"),
        ("estimated size 3.1 KB, free 12 B", "estimated size <*>, free <*>"),
        ("connection from 1.2.3.4 () at Sun Jul 17 15:09:16 2005", "connection from <*> (<*>) at <*>"),
        ("init() ok /etc/httpd/conf", "init() ok <*>"),
        ("open https://shop.example/a?b=c failed", "open <*> failed"),
        ("mail to ann@shop.example bounced", "mail to <*> bounced"),
        ("nil pointer dereference", "nil pointer dereference"),
        ("enabled=true owner=null", "enabled=<*> owner=<*>"),
        ("BLOCK* added", "BLOCK* added"),
        ("", ""),
    ],
)
def test_what_varies_by_its_look_is_masked(message: str, template: str) -> None:
    assert written(shape_of(mask_digits(message))) == template


def test_many_words_in_one_place_are_a_variable() -> None:
    assert len(grouped([f"Failed password for {user} from 10.0.0.{i}" for i, user in enumerate(USERS)])) == 1


def test_two_words_in_one_place_are_two_templates() -> None:
    assert len(grouped(["daemon startup succeeded", "daemon shutdown succeeded"])) == 2


def test_what_varies_after_a_word_varies_after_it_elsewhere() -> None:
    learnt = [f"session closed for user {user}" for user in USERS]
    groups = grouped([*learnt, *(f"session opened for user {user} by (uid=0)" for user in USERS[:2])])
    assert len(groups) == 2


def test_first_words_are_kept_apart() -> None:
    assert len(grouped([f"{name} startup succeeded" for name in USERS])) == len(USERS)


def test_families_that_vary_in_two_places_at_once_are_one() -> None:
    rng = random.Random(1)
    names = ["".join(rng.choices("abcdefghijklmnop", k=7)) for _ in range(60)]
    messages = [f"moved queue {a} over to broker {b} again" for a, b in zip(names[:30], names[30:], strict=True)]
    assert len(grouped([*messages, "moved nothing at all to anybody here today"])) == 2


def test_templates_do_not_depend_on_order() -> None:
    messages = [f"user {user} did {what}" for user in USERS for what in ("run", "stop", "read", "write", "seek")]
    shuffled = random.Random(0).sample(messages, len(messages))
    assert templates_of(messages) == templates_of(shuffled)


def test_memory_is_bounded_and_earlier_numbers_stay_good() -> None:
    rng = random.Random(2)
    miner = TemplateMiner(max_shapes=200)
    leaves = {}
    for _ in range(3_000):
        word = "".join(rng.choices("abcdefghijklmnop", k=8))
        leaves[f"user {word} logged in"] = miner.add(f"user {word} logged in")
    shapes = miner.templates()
    assert {written(shapes[leaf]) for leaf in leaves.values()} == {"user <*> logged in"}


def test_more_templates_than_fit_go_into_one_and_none_is_lost() -> None:
    rng = random.Random(3)
    miner = TemplateMiner(max_shapes=50)
    said = [" ".join("".join(rng.choices("abcdefgh", k=9)) for _ in range(n % 9 + 3)) for n in range(400)]
    leaves = [miner.add(message) for message in said]
    assert miner.add(said[-1]) == leaves[-1]
    shapes = miner.templates()
    assert {written(shapes[leaf]) for leaf in leaves} >= {"<*>", said[-1]}


def test_the_id_of_a_template_is_the_same_in_any_file() -> None:
    shapes = []
    for other in ("nothing to see", "something else"):
        miner = TemplateMiner()
        miner.add(other)
        leaf = miner.add("sent 3 bytes")
        shapes.append(miner.templates()[leaf])
    assert template_id(shapes[0]) == template_id(shapes[1])
