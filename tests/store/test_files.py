"""What is published is whole, stays as it is, and is read without a copy."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl
import pytest

from channelexplorer_dash.core.moments import class_moments
from channelexplorer_dash.errors import StoreError, VanishedError
from channelexplorer_dash.store import Kind, Store, digest, moments_key
from channelexplorer_dash.store.files import files_below
from channelexplorer_dash.store.moments import publish_moments, read_moments
from channelexplorer_dash.store.schema import PREDICTIONS

KEY = digest("a result")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_arrays_records_and_tables_come_back(store: Store) -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    store.publish_array(Kind.ARRAY, KEY, array)
    store.publish_record(KEY, {"accuracy": 0.5})
    table = pl.DataFrame({"image_id": [0, 1], "prediction": [3, 4], "confidence": [0.5, 1.0]})
    store.publish_table(KEY, table, PREDICTIONS)

    assert isinstance(store.array(Kind.ARRAY, KEY), np.memmap)
    np.testing.assert_array_equal(store.array(Kind.ARRAY, KEY), array)
    assert store.record(KEY) == {"accuracy": 0.5}
    assert store.table(KEY).schema == PREDICTIONS
    assert store.table(KEY, ["confidence"]).columns == ["confidence"]


def test_what_is_published_never_changes(store: Store) -> None:
    store.publish_array(Kind.ARRAY, KEY, np.zeros(3))
    store.publish_array(Kind.ARRAY, KEY, np.ones(3))
    np.testing.assert_array_equal(store.array(Kind.ARRAY, KEY), np.zeros(3))
    with pytest.raises(ValueError, match="read-only"):
        store.array(Kind.ARRAY, KEY)[0] = 1


@pytest.mark.parametrize("key", ["", "..", "../../etc/passwd", "A" * 40, "0" * 39, "0" * 40 + "/x"])
def test_a_key_cannot_lead_elsewhere(store: Store, key: str) -> None:
    with pytest.raises(StoreError, match="not a key"):
        store.path(Kind.ARRAY, key)


def test_a_full_disk_leaves_nothing_behind(store: Store) -> None:
    class Full:
        def __array__(self, *_: object, **__: object) -> np.ndarray[Any, Any]:
            raise OSError(errno.ENOSPC, "No space left on device")

    write: Callable[[IO[bytes]], Any] = lambda file: np.asarray(Full())  # noqa: E731
    with pytest.raises(StoreError, match="disk is full"), store.publishing(Kind.ARRAY, KEY) as file:
        write(file)
    assert not any(store.path(Kind.ARRAY, KEY).parent.iterdir())


def test_another_schema_version_is_refused(store: Store) -> None:
    (store.root / "VERSION").write_text("99\n")
    with pytest.raises(StoreError, match="another version"):
        Store(store.root)


def test_a_file_in_place_of_the_folder_is_explained(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a folder")
    with pytest.raises(StoreError, match="cannot be used"):
        Store(tmp_path / "store")


WRITER = """
import sys, numpy as np
from pathlib import Path
from channelexplorer_dash.store import Kind, Store, digest
store = Store(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(100000):
    store.publish_array(Kind.ARRAY, digest(number), np.full(200_000, number, np.float32))
"""


def test_a_writer_killed_at_any_moment_leaves_only_whole_files(tmp_path: Path) -> None:
    root = tmp_path / "store"
    for wait in (0.05, 0.12, 0.21):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    store = Store(root)
    published = sorted((root / "arrays").glob("*/*.npy"))
    assert published
    for path in published:
        array = store.array(Kind.ARRAY, path.stem)
        assert array.shape == (200_000,)
        assert array.min() == array.max()


def test_the_size_is_told_while_files_come_and_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stays", "goes"):
        store.publish_array(Kind.ARRAY, digest(name), np.zeros(5000))
    before = store.size()

    def vanishing(folder: Path) -> Iterator[os.DirEntry[str]]:
        for entry in list(files_below(folder)):
            if digest("goes") in entry.name:
                Path(entry.path).unlink(missing_ok=True)
            yield entry

    monkeypatch.setattr("channelexplorer_dash.store.files.files_below", vanishing)
    after = store.size()
    assert after.files == before.files - 1
    assert after.bytes < before.bytes


def test_a_table_that_goes_while_it_is_read_is_said_to_be_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.ones((4, 3), np.float32)
    publish_moments(store, KEY, class_moments(rows, np.arange(4) % 2))
    path = store.path(Kind.TABLE, moments_key(KEY))
    # As a quota does it between the look whether the file is there and its reading.
    monkeypatch.setattr(Store, "_use", lambda _store, used: used.unlink())
    with pytest.raises(VanishedError, match=path.name):
        read_moments(store, KEY)
