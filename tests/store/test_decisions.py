"""The log of decisions: what counts, who may write at once, and what never removes it."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from channelexplorer_dash.errors import SelectionError, StoreError
from channelexplorer_dash.store import JobBoard, Store
from channelexplorer_dash.store.decisions import DecisionLog, current, decided
from channelexplorer_dash.store.tidying import clean, keep_to_quota

DATASET = "digest of a dataset"


@pytest.fixture
def log(tmp_path: Path) -> DecisionLog:
    return DecisionLog(tmp_path, DATASET)


def test_what_is_written_is_read_by_any_process_in_its_order(log: DecisionLog, tmp_path: Path) -> None:
    entries = [
        decided(4, "keep", None, "Ann"),
        decided(9, "relabel", 2, " Bo  B "),
        decided(4, "flag", None, ""),
    ]
    reader = DecisionLog(tmp_path, DATASET)
    assert reader.entries() == []
    for count, entry in enumerate(entries, 1):
        log.append(entry)
        assert reader.entries() == entries[:count]
    assert [entry.author for entry in entries] == ["Ann", "Bo B", "unknown"]
    assert DecisionLog(tmp_path, "another dataset").entries() == []


def test_undo_is_an_entry_that_takes_the_last_decision_back(log: DecisionLog) -> None:
    for entry in (
        decided(1, "keep", None, "Ann"),
        decided(1, "relabel", 3, "Ann"),
        decided(2, "flag", None, "Ann"),
        decided(1, "undo", None, "Ann"),
        decided(5, "undo", None, "Ann"),
        decided(2, "undo", None, "Ann"),
    ):
        log.append(entry)
    assert {image: entry.action for image, entry in current(log.entries()).items()} == {1: "keep"}
    assert len(log.entries()) == 6


def write_many(root: Path, start: int) -> None:
    log = DecisionLog(root, DATASET)
    for image in range(start, start + 50):
        log.append(decided(image, "flag", None, "x" * 60))


def test_processes_write_at_once_and_lose_nothing(log: DecisionLog, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_many, args=(tmp_path, 100 * i)) for i in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = [entry.image_id for entry in log.entries()]
    assert sorted(found) == [*range(50), *range(100, 150), *range(200, 250)]
    assert [image for image in found if image < 50] == list(range(50))


def test_a_line_that_was_cut_short_costs_only_itself(log: DecisionLog) -> None:
    log.append(decided(1, "keep", None, "Ann"))
    with log.path.open("ab") as file:
        file.write(b'\n{"image_id": 2, "action": "ke')
    assert [entry.image_id for entry in log.entries()] == [1]
    log.append(decided(3, "keep", None, "Ann"))
    assert [entry.image_id for entry in log.entries()] == [1, 3]
    with log.path.open("ab") as file:
        file.write(
            b'[1]\n{"image_id": "x", "action": "keep", "label": null, "author": "", "time": ""}\n\xff\n'
        )
    assert [entry.image_id for entry in log.entries()] == [1, 3]


def test_neither_quota_nor_tidying_takes_decisions(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    log = DecisionLog(store.root, DATASET)
    log.append(decided(1, "keep", None, "Ann"))
    clean(store, JobBoard(store))
    keep_to_quota(store, JobBoard(store), 0)
    assert len(DecisionLog(store.root, DATASET).entries()) == 1


def test_wrong_decisions_are_refused() -> None:
    with pytest.raises(SelectionError, match="no decision 'delete'"):
        decided(1, "delete", None, "Ann")
    with pytest.raises(SelectionError, match="new label"):
        decided(1, "relabel", None, "Ann")
    with pytest.raises(SelectionError, match="new label"):
        decided(1, "keep", 4, "Ann")


def test_a_folder_that_may_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "decisions").write_text("a file, not a folder")
    with pytest.raises(StoreError, match="cannot be used"):
        DecisionLog(tmp_path, DATASET).append(decided(1, "keep", None, "Ann"))
