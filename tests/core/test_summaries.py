from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from channelexplorer_dash.choices import Summary
from channelexplorer_dash.core.summaries import otsu_share, summarise
from channelexplorer_dash.errors import DatasetError, UnknownNameError


def percentile_90(values: list[float]) -> float:
    ordered = sorted(values)
    place = 0.9 * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def otsu(values: list[float]) -> float:
    """Try every threshold; return the share above the one with the largest between-class variance."""
    best, share = -1.0, 0.0
    for threshold in sorted(set(values)):
        low = [v for v in values if v <= threshold]
        high = [v for v in values if v > threshold]
        if not high:
            break
        between = len(low) * len(high) * (statistics.fmean(low) - statistics.fmean(high)) ** 2
        if between > best * (1 + 1e-12):
            best, share = between, len(high) / len(values)
    return share


PLAIN: dict[str, Callable[[list[float]], float]] = {
    "l2": lambda a: math.sqrt(sum(v * v for v in a)),
    "rms": lambda a: math.sqrt(sum(v * v for v in a) / len(a)),
    "mean": statistics.fmean,
    "max_abs": lambda a: max(map(abs, a)),
    "active_fraction": lambda a: sum(v > 0 for v in a) / len(a),
    "p90": lambda a: percentile_90([abs(v) for v in a]),
    "above_mean": lambda a: sum(abs(v) > statistics.fmean(map(abs, a)) for v in a) / len(a),
    "above_otsu": lambda a: otsu([abs(v) for v in a]),
}


@pytest.fixture
def maps() -> np.ndarray:
    activation = np.random.default_rng(0).standard_normal((3, 4, 5, 6)).astype(np.float32)
    activation[0, 0] = 0.0
    activation[1, 1] = 2.5
    activation[2, 2] = np.maximum(activation[2, 2], 0)
    return activation


@pytest.mark.parametrize("name", PLAIN)
def test_every_summary_is_its_formula(maps: np.ndarray, name: str) -> None:
    expected = [[PLAIN[name](channel.ravel().tolist()) for channel in image] for image in maps]
    found = summarise(maps, name)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)
    np.testing.assert_array_equal(summarise(maps.reshape(3, 4, 30), name), found)


def test_spectral_is_the_largest_singular_value(maps: np.ndarray) -> None:
    expected = np.linalg.svd(maps.astype(np.float64), compute_uv=False)[..., 0]
    np.testing.assert_allclose(summarise(maps, "spectral"), expected, rtol=1e-6, atol=1e-12)
    assert np.all(summarise(maps, "spectral") <= summarise(maps, "l2") * (1 + 1e-6))


def test_every_name_of_the_selection_is_known(maps: np.ndarray) -> None:
    for name in get_args(Summary):
        assert summarise(maps, name).shape == (3, 4)


@given(hnp.arrays(np.float64, st.integers(1, 12), elements=st.integers(0, 6).map(float)))
def test_otsu_share_tries_every_threshold(values: np.ndarray) -> None:
    share = float(otsu_share(values[None])[0])
    # Equally good thresholds differ in the last bit of their variance: either is right.
    assert share in {otsu(values.tolist()), *otsu_ties(values.tolist())}


def otsu_ties(values: list[float]) -> set[float]:
    variance = {}
    for threshold in sorted(set(values))[:-1]:
        low = [v for v in values if v <= threshold]
        high = [v for v in values if v > threshold]
        variance[len(high) / len(values)] = (
            len(low) * len(high) * (statistics.fmean(low) - statistics.fmean(high)) ** 2
        )
    return {share for share, v in variance.items() if v >= max(variance.values()) * (1 - 1e-12)}


@pytest.mark.parametrize("name", PLAIN)
def test_a_single_position_is_summarised(name: str) -> None:
    found = summarise(np.full((1, 1, 1), -3.0, np.float32), name)[0, 0]
    assert found == pytest.approx(PLAIN[name]([-3.0]))


def test_large_maps_do_not_overflow() -> None:
    assert summarise(np.full((1, 1, 4), 1e30, np.float32), "l2")[0, 0] == pytest.approx(2e30)


def test_what_cannot_be_summarised_is_refused(maps: np.ndarray) -> None:
    with pytest.raises(UnknownNameError, match="l2"):
        summarise(maps, "l22")
    with pytest.raises(DatasetError, match="height, width"):
        summarise(maps[:, :, 0], "spectral")
    with pytest.raises(DatasetError, match="positions"):
        summarise(maps[0, 0], "l2")
    with pytest.raises(DatasetError, match="no position"):
        summarise(maps[:, :, :0], "l2")
