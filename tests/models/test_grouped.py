"""Groups on plain arrays say what pandas' group-by says."""

import numpy as np
import pandas as pd
import pytest

from models.grouped import NONE, groups_of, numbered, quantiles, together

AT = (0.25, 0.5, 0.75)


@pytest.mark.parametrize("rows", [1, 7, 200])
def test_counts_sums_and_quantiles_are_those_of_pandas(rows: int) -> None:
    rng = np.random.default_rng(rows)
    table = pd.DataFrame({"a": rng.integers(0, 4, rows), "b": rng.integers(0, 3, rows), "x": rng.normal(size=rows)})
    wanted = table.groupby(["a", "b"])["x"]
    groups = groups_of(table["a"].to_numpy(), table["b"].to_numpy())
    assert list(zip(*(key.tolist() for key in groups.keys), strict=True)) == list(wanted.groups)
    assert groups.count().tolist() == wanted.size().tolist()
    np.testing.assert_allclose(groups.sum(table["x"]), wanted.sum())
    found = quantiles(groups.of, table["x"].to_numpy(), len(groups), AT)
    np.testing.assert_allclose(found, np.stack([wanted.quantile(q) for q in AT]))


def test_some_rows_may_be_counted_alone_and_a_group_may_have_no_value() -> None:
    groups = groups_of(np.array([2, 0, 2]))
    assert groups.count(np.array([True, False, True])).tolist() == [0, 2]
    (middle,) = quantiles(np.array([1]), np.array([5.0]), len(groups), (0.5,))
    np.testing.assert_array_equal(middle, [np.nan, 5.0])


def test_no_rows_are_no_groups() -> None:
    groups = groups_of(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp))
    assert len(groups) == 0
    assert groups.count().tolist() == []
    assert quantiles(groups.of, np.empty(0), 0, AT).shape == (3, 0)


def test_names_of_several_columns_are_numbered_together_in_order() -> None:
    columns = [np.array(["web", "db", None], dtype=object), np.array(["cart", float("nan")], dtype=object)]
    (first, second), names = numbered(columns)
    assert names.tolist() == ["cart", "db", "web"]
    assert first.tolist() == [2, 1, NONE]
    assert second.tolist() == [0, NONE]


def test_rows_of_several_tables_share_their_groups() -> None:
    before, since = (np.array([3, 1]), np.array([0, 0])), (np.array([1, 1, 2]), np.array([0, 5, 0]))
    groups, (old, new) = together(before, since)
    assert list(zip(*(key.tolist() for key in groups.keys), strict=True)) == [(1, 0), (1, 5), (2, 0), (3, 0)]
    assert old.tolist() == [3, 0]
    assert new.tolist() == [0, 1, 2]
