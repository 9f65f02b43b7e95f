from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelexplorer_dash import core
from channelexplorer_dash.core.arrays import chunks, label_array, matrix, shaped
from channelexplorer_dash.errors import DatasetError


@given(st.integers(0, 50), st.integers(0, 20), st.integers(1, 100))
def test_chunks_cover_every_row_once_and_keep_the_limit(n: int, row_bytes: int, limit: int) -> None:
    parts = list(chunks(n, row_bytes, limit))
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(n))
    assert all((p.stop - p.start) * row_bytes <= limit or p.stop - p.start == 1 for p in parts)


def test_matrix_does_not_copy() -> None:
    S = np.ones((3, 2), np.float32)
    assert matrix(S) is S
    assert shaped(S) is S


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_matrix_refuses_what_is_not_finite(bad: float) -> None:
    S = np.ones((4, 3))
    S[2, 1] = bad
    with pytest.raises(DatasetError, match=r"of 1 of 4 images holds NaN or infinity"):
        matrix(S)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (3,), (2, 2, 2)])
def test_matrix_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(DatasetError, match="images × channels"):
        matrix(np.zeros(shape, np.float32))


@pytest.mark.parametrize("labels", [[0, 1], [[0, 1, 2]], [0.0, 1.0, 2.0], ["a", "b", "c"]])
def test_labels_are_one_integer_per_image(labels: object) -> None:
    with pytest.raises(DatasetError, match="abels"):
        label_array(labels, 3)


def test_importing_the_core_imports_no_heavy_library() -> None:
    # Compiled loops need numba from the start: the functions that run them import them when they are called.
    folder = Path(core.__file__).parent
    light = [
        file.stem
        for file in folder.glob("*.py")
        if not re.search(r"^from (numba|\S+\.compiled) ", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert {"active", "jaccard"} <= set(light)
    code = (
        "import importlib, sys\n"
        f"for name in {light}:\n"
        "    importlib.import_module(f'channelexplorer_dash.core.{name}')\n"
        "print(sorted({'scipy', 'sklearn', 'umap', 'numba', 'torch', 'polars', 'dash'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
