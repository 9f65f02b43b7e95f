from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from channelexplorer_dash.core import active as module
from channelexplorer_dash.core.active import active_count, active_sets, set_sizes, unpacked
from channelexplorer_dash.core.normalise import METHODS, Scaling, apply_scaling, fit_scaling
from channelexplorer_dash.errors import DatasetError, SelectionError
from tests.core.strategies import summaries

FRACTIONS = [0.01, 0.2, 0.5, 0.99, 1.0]


@pytest.mark.parametrize(
    ("channels", "fraction", "expected"),
    [(100, 0.07, 7), (5, 0.2, 1), (6, 0.2, 2), (2048, 0.2, 410), (1, 1e-9, 1), (64, 1.0, 64), (10, 0.3, 3)],
)
def test_active_count_is_the_ceiling_of_the_written_fraction(
    channels: int, fraction: float, expected: int
) -> None:
    assert active_count(channels, fraction) == expected


@given(st.integers(1, 4096), st.integers(1, 1000))
def test_active_count_of_thousandths(channels: int, thousandths: int) -> None:
    assert active_count(channels, thousandths / 1000) == -(-thousandths * channels // 1000)


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.01, math.nan, math.inf])
def test_fractions_out_of_range_are_refused(fraction: float) -> None:
    S = np.ones((2, 2), np.float32)
    with pytest.raises(SelectionError, match="active share"):
        active_sets(S, fraction, fit_scaling(S, "none"))


def untouched(dead: np.ndarray) -> Scaling:
    """Return the scaling that leaves values as they are, with these channels dead."""
    return Scaling("none", np.zeros(len(dead)), np.ones(len(dead)), dead)


def plain_sets(normalised: np.ndarray, k: int, dead: np.ndarray) -> np.ndarray:
    """Return bool (n, C) from a stable sort of each row."""
    active = np.zeros(normalised.shape, bool)
    live = np.flatnonzero(~dead)
    for row, values in zip(active, normalised[:, live], strict=True):
        row[live[np.argsort(-values, kind="stable")[:k]]] = True
    return active


def check(S: np.ndarray, fraction: float, scaling: Scaling) -> None:
    channels = S.shape[1]
    sets = active_sets(S, fraction, scaling)
    assert sets.dtype == np.uint64
    assert sets.shape == (len(S), -(-channels // 64))
    expected = plain_sets(apply_scaling(S, scaling), active_count(channels, fraction), scaling.dead)
    np.testing.assert_array_equal(unpacked(sets, channels), expected)
    np.testing.assert_array_equal(set_sizes(sets), expected.sum(axis=1))


@given(summaries(), st.sampled_from(FRACTIONS), st.sampled_from(METHODS))
def test_sets_are_the_largest_live_channels(S: np.ndarray, fraction: float, method: str) -> None:
    check(S, fraction, fit_scaling(S, method))


@given(summaries(), st.sampled_from(FRACTIONS), st.data())
def test_dead_channels_are_those_of_the_scaling(S: np.ndarray, fraction: float, data: st.DataObject) -> None:
    check(S, fraction, untouched(data.draw(hnp.arrays(np.bool_, S.shape[1]))))


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(1, 150)),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    ),
    st.sampled_from(FRACTIONS),
)
def test_values_of_any_size_and_sign(S: np.ndarray, fraction: float) -> None:
    check(S, fraction, untouched(np.zeros(S.shape[1], bool)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("channels", [63, 64, 65, 700, 2048])
def test_realistic_rows_to_the_last_bit(method: str, channels: int) -> None:
    rng = np.random.default_rng(channels)
    S = rng.standard_normal((150, channels)).astype(np.float32)
    rectified = np.maximum(S, 0)
    rectified[:, ::5] = 1.5
    far = (rng.integers(0, 40, S.shape) * np.float32(2**-12) + 300).astype(np.float32)
    for values in (
        S,
        rectified,
        np.rint(S),
        far,
        S * 10 ** rng.uniform(-30, 30, (150, 1)).astype(np.float32),
    ):
        for fraction in FRACTIONS:
            check(values, fraction, fit_scaling(values, method))


@pytest.mark.parametrize("spread", [1e-8, 1e-7, 1e-6, 1e-4])
@pytest.mark.parametrize("method", ["minmax", "zscore"])
def test_values_that_single_precision_cannot_tell_apart(method: str, spread: float) -> None:
    """The k-th largest lies among values that rounding puts in another order."""
    rng = np.random.default_rng(5)
    low, width = rng.normal(0, 3, 512), rng.lognormal(0, 2, 512)
    wanted = rng.random((200, 512))
    wanted[:, 100:400] = 0.7 + spread * rng.normal(size=(200, 300))
    wanted[0], wanted[1] = 0, 1
    S = (low + width * wanted).astype(np.float32)
    for fraction in (0.2, 0.3, 0.6):
        check(S, fraction, fit_scaling(S, method))


@pytest.mark.parametrize("size", [1e-42, 1e-38, 1e-30, 1e30, 3e38])
def test_scales_beyond_single_precision(size: float) -> None:
    S = (np.random.default_rng(6).uniform(-1, 1, (60, 130)) * size).astype(np.float32)
    S[:, :40] /= 2
    for method in ("minmax", "zscore"):
        check(S, 0.2, fit_scaling(S, method))


def test_ties_go_to_the_lower_channel() -> None:
    S = np.array([[1, 3, 3, 3, 0], [0, 0, 0, 0, 1]], np.float32)
    np.testing.assert_array_equal(
        unpacked(active_sets(S, 0.4, fit_scaling(S, "none")), 5),
        [[False, True, True, False, False], [True, False, False, False, True]],
    )


def test_minus_zero_is_zero() -> None:
    S = np.array([[-0.0, 0.0, -0.0, 0.0, -1.0]], np.float32)
    sets = active_sets(S, 0.6, untouched(np.zeros(5, bool)))
    assert np.flatnonzero(unpacked(sets, 5)).tolist() == [0, 1, 2]


def test_ties_that_only_rounding_makes() -> None:
    """Two values that differ in double precision, but not once they are normalised."""
    S = np.array([[1, np.nextafter(np.float32(1), np.float32(2)), 0]], np.float32)
    scaling = Scaling("zscore", np.full(3, -1e3), np.full(3, 1 / 3), np.zeros(3, bool))
    assert np.flatnonzero(unpacked(active_sets(S, 0.3, scaling), 3)).tolist() == [0]


def test_no_live_channel_no_active_one() -> None:
    S = np.ones((3, 70), np.float32)
    assert not active_sets(S, 0.5, fit_scaling(S, "none")).any()


@pytest.mark.parametrize("method", METHODS)
def test_some_images_of_a_read_only_map_by_any_threads(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(8)
    S = rng.random((90, 130), dtype=np.float32)
    np.save(tmp_path / "S.npy", S)
    mapped = np.load(tmp_path / "S.npy", mmap_mode="r")
    scaling = fit_scaling(S, method)
    images = rng.integers(0, 90, 55)
    whole = active_sets(S[images], 0.2, scaling)
    monkeypatch.setattr(module, "_PART", 7)
    for threads in (1, 3):
        np.testing.assert_array_equal(active_sets(mapped, 0.2, scaling, images, threads), whole)
    assert active_sets(S, 0.2, scaling, []).shape == (0, 3)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_finite_is_refused(wrong: float, method: str) -> None:
    S = np.random.default_rng(9).random((6, 100), dtype=np.float32)
    S[:, 7] = 0
    scaling = fit_scaling(S, method)
    for channel in (0, 7, 99):
        broken = S.copy()
        broken[[2, 4], channel] = wrong
        with pytest.raises(DatasetError, match="of 2 of 6 images holds NaN"):
            active_sets(broken, 0.2, scaling)
        assert active_sets(broken, 0.2, scaling, [0, 1, 3, 5]).any()
    far = Scaling("zscore", np.zeros(2), np.full(2, 1e300), np.zeros(2, bool))
    with pytest.raises(DatasetError, match="of 1 of 1 images"):
        active_sets(np.ones((1, 2), np.float32), 0.5, far)


def test_what_does_not_fit_is_refused() -> None:
    S = np.ones((2, 3), np.float32)
    with pytest.raises(DatasetError, match="normalisation is of 2 channels"):
        active_sets(S, 0.5, untouched(np.zeros(2, bool)))
    for images in ([2], [-1]):
        with pytest.raises(DatasetError, match="among the 2"):
            active_sets(S, 0.5, untouched(np.zeros(3, bool)), images)
    with pytest.raises(DatasetError, match="images × channels"):
        active_sets(S[0], 0.5, untouched(np.zeros(3, bool)))


def test_numba_is_imported_when_sets_are_made() -> None:
    code = """
import sys
import numpy as np
from channelexplorer_dash.core import active, jaccard
sets = np.ones((2, 1), np.uint64)
assert active.unpacked(sets, 3).tolist() == [[True, False, False]] * 2
assert active.set_sizes(sets).tolist() == [1, 1]
assert "numba" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
