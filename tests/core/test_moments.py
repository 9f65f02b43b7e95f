"""Moments per class against plain NumPy, and the scalings that follow from them."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from channelexplorer_dash.core.moments import (
    ClassMoments,
    MomentsAccumulator,
    chosen,
    class_moments,
    pooled,
    scaling_of,
)
from channelexplorer_dash.core.normalise import METHODS, fit_scaling
from channelexplorer_dash.errors import DatasetError, SelectionError, UnknownNameError

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def example(n: int = 200, channels: int = 7, classes: int = 5, offset: float = 0.0) -> tuple[Floats, Ints]:
    random = np.random.default_rng(n)
    spread = 1e-2 if offset else 1.0
    values = (random.normal(size=(n, channels)) * spread + offset).astype(np.float32)
    values[:, 2] = np.float32(0.1) + np.float32(offset)
    return values, random.integers(0, classes, n) * 3 + 1


def same(one: ClassMoments, other: ClassMoments) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in vars(one))


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_moments_are_those_of_numpy(offset: float) -> None:
    values, labels = example(offset=offset)
    found = class_moments(values, labels)
    assert found.classes.tolist() == sorted(set(labels.tolist()))
    for row, label in enumerate(found.classes):
        members = values[labels == label].astype(np.float64)
        assert found.counts[row] == len(members)
        np.testing.assert_allclose(found.mean[row], members.mean(axis=0), rtol=1e-12)
        exact = ((members - members.mean(axis=0)) ** 2).sum(axis=0)
        np.testing.assert_allclose(found.m2[row], exact, rtol=1e-9, atol=1e-20)
        np.testing.assert_array_equal(found.minimum[row], members.min(axis=0))
        np.testing.assert_array_equal(found.maximum[row], members.max(axis=0))
        np.testing.assert_allclose(found.sums[row], members.sum(axis=0), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.squares[row], (members**2).sum(axis=0), rtol=1e-9)
    # A constant channel: exactly its value, exactly no spread.
    assert (found.m2[:, 2] == 0).all()
    assert (found.mean[:, 2] == np.float64(values[0, 2])).all()


@given(
    arrays(
        np.float32, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.floats(-1e3, 1e3, width=32)
    ),
    st.integers(1, 4),
    st.integers(1, 5),
)
def test_blocks_of_any_size_give_the_same_bits(values: Floats, classes: int, step: int) -> None:
    labels = np.arange(len(values)) % classes
    whole = class_moments(values, labels)
    pieces = MomentsAccumulator(np.arange(classes), values.shape[1])
    for start in range(0, len(values), step):
        pieces.add(values[start : start + step], labels[start : start + step])
    assert same(whole, pieces.moments())
    assert (whole.m2 >= 0).all()


@given(
    arrays(
        np.float32, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.floats(-50, 50, width=32)
    ),
    st.integers(1, 12),
    st.sampled_from(METHODS),
)
def test_scalings_are_those_of_a_fit(values: Floats, classes: int, method: str) -> None:
    check_scaling(values, np.arange(len(values)) % classes, method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_scalings_far_from_zero_and_of_constant_channels(method: str, offset: float) -> None:
    check_scaling(*example(offset=offset), method)


def check_scaling(values: Floats, labels: Ints, method: str) -> None:
    found, fitted = scaling_of(class_moments(values, labels), method), fit_scaling(values, method)
    assert found.method == fitted.method
    np.testing.assert_array_equal(found.dead, fitted.dead)
    np.testing.assert_array_equal(found.scale[found.dead], fitted.scale[found.dead])
    np.testing.assert_array_equal(found.shift[found.dead], fitted.shift[found.dead])
    np.testing.assert_allclose(found.scale, fitted.scale, rtol=1e-6)
    np.testing.assert_allclose(found.shift, fitted.shift, rtol=1e-6, atol=1e-9)


def test_images_left_out_are_skipped_and_classes_without_an_image_are_not_there() -> None:
    values, labels = example()
    values[labels == 4] = np.nan
    values[::9] = np.nan
    kept = ~np.isnan(values).all(axis=1)
    assert same(class_moments(values, labels), class_moments(values[kept], labels[kept]))


def test_a_sample_is_read_in_place() -> None:
    values, labels = example()
    images = np.random.default_rng(0).permutation(len(values))[:50]
    assert same(class_moments(values, labels[images], images), class_moments(values[images], labels[images]))


def test_chosen_classes_and_all_of_them_together() -> None:
    values, labels = example()
    moments = class_moments(values, labels)
    some = chosen(moments, (7, 1, 1000))
    part = np.isin(labels, (1, 7))
    assert same(some, class_moments(values[part], labels[part]))
    assert chosen(moments, range(100)) is moments
    total, mean, m2 = pooled(some)
    assert total == part.sum()
    np.testing.assert_allclose(mean, values[part].mean(axis=0, dtype=np.float64), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(m2, values[part].var(axis=0, dtype=np.float64) * total, rtol=1e-6, atol=1e-12)
    with pytest.raises(SelectionError, match="None of the chosen classes"):
        chosen(moments, (1000,))


def test_what_cannot_be_summed_is_refused() -> None:
    values, labels = example()
    with pytest.raises(DatasetError, match="float32 matrix"):
        class_moments(values.astype(np.float64), labels)  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="rows 0"):
        class_moments(values, labels[:1], np.array([200]))
    with pytest.raises(DatasetError, match="one label per image"):
        class_moments(values, labels[:-1])
    with pytest.raises(DatasetError, match="not among the classes"):
        MomentsAccumulator(np.arange(2), values.shape[1]).add(values, labels)
    with pytest.raises(UnknownNameError):
        scaling_of(class_moments(values, labels), "unit")
    for bad in (np.nan, np.inf):
        broken = values.copy()
        broken[3, 1] = bad
        with pytest.raises(DatasetError, match="NaN or infinity"):
            class_moments(broken, labels)
