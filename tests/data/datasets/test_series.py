"""Readers of labelled series, on small files in each set's own layout."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from data.datasets.series import load
from data.datasets.smd import read_array
from data.errors import InputError


def test_ms_cloud_keeps_gaps_and_labels(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "latency"
    folder.mkdir(parents=True)
    (folder / "a-1.csv").write_text(
        'TimeStamp,Value,Label\n"2018-06-17T00:00:00Z",1.5,0\n"2018-06-17T01:00:00Z",,1\n"2018-06-17T02:00:00Z",3,0\n'
    )
    (folder / "a-1.csv-metadata.json").write_text("{}")
    (record,) = load("ms-cloud", tmp_path)
    assert (record.id, record.step_s, record.labels.tolist()) == ("a-1", 3600.0, [0, 1, 0])
    np.testing.assert_array_equal(record.values[:, 0], [1.5, np.nan, 3.0])


def test_nab_windows_hold_both_ends(tmp_path: Path) -> None:
    (tmp_path / "data" / "real").mkdir(parents=True)
    (tmp_path / "labels").mkdir()
    rows = "".join(f"2014-02-14 00:0{minute}:00,{minute}\n" for minute in range(6))
    (tmp_path / "data" / "real" / "cpu.csv").write_text("timestamp,value\n" + rows)
    windows = {"real/cpu.csv": [["2014-02-14 00:02:00.000000", "2014-02-14 00:04:00.000000"]], "real/absent.csv": []}
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps(windows))
    (record,) = load("nab", tmp_path)
    assert record.labels.tolist() == [0, 0, 1, 1, 1, 0]
    assert record.has_anomalies


def test_smd_reads_both_of_its_layouts(tmp_path: Path) -> None:
    values, labels = np.arange(12.0).reshape(4, 3), np.array([0, 1, 1, 0])
    pickled = tmp_path / "a" / "processed"
    pickled.mkdir(parents=True)
    for part, array in (("train", values), ("test", values + 1), ("test_label", labels)):
        (pickled / f"m-1_{part}.pkl").write_bytes(pickle.dumps(array))
        (tmp_path / "b" / part).mkdir(parents=True)
        np.savetxt(tmp_path / "b" / part / "m-1.txt", array, delimiter=",")
    for layout in "ab":
        (record,) = load("smd", tmp_path / layout)
        np.testing.assert_array_equal(record.values, values + 1)
        np.testing.assert_array_equal(record.normal, values)
        assert record.labels.tolist() == [0, 1, 1, 0]


def test_a_pickle_that_carries_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps(Path.home))
    with pytest.raises(InputError, match="no place in an array"):
        read_array(tmp_path / "bad.pkl")


def test_a_folder_without_the_set_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="combined_windows"):
        load("nab", tmp_path)
