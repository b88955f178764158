from models.changes import ChangeRanking
from models.evidence import Ledger, change_candidates


def test_a_reason_that_several_changes_share_is_labelled_with_all_of_them() -> None:
    ranked = ChangeRanking(
        {"c1": 0.5, "c2": 0.3},
        0.2,
        {"c1": ("it came just before",), "c2": ("it came just before", "it touches the cart")},
        ("nothing was changed",),
    )
    ledger = Ledger()
    (first, second), none = change_candidates(ranked, ledger)
    assert first.evidence[0] == second.evidence[0]
    labels = {entry.summary: entry.detail["changes"] for entry in ledger.entries}
    assert labels == {
        "it came just before": ["c1", "c2"],
        "it touches the cart": ["c2"],
        "nothing was changed": [],
    }
    assert len(none) == 1
