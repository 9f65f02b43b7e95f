"""Batches follow from the model and the settings, and become smaller where memory is short."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.extraction.fitting import Fitting, batch_size
from channelexplorer_dash.extraction.forward import BatchResult, run_batch
from channelexplorer_dash.extraction.layers import describe
from channelexplorer_dash.extraction.running import BatchTooLargeError, place
from channelexplorer_dash.models.description import Layer, ModelDescription
from tests.extraction.toys import built, images


def description(values: int) -> ModelDescription:
    return ModelDescription((Layer("a", 0, ("leaf",), "", values, (values,), "dense"),), (3, 8, 8), {}, 0)


@pytest.mark.parametrize(
    ("values", "device", "expected"),
    [(1 << 20, "cpu", 8), (802_816, "cpu", 8), (10, "cpu", 256), (1 << 26, "cpu", 1), (1 << 22, "cuda", 128)],
)
def test_the_largest_output_decides(values: int, device: str, expected: int) -> None:
    assert batch_size(description(values), device, 32) == expected


def test_a_batch_that_does_not_fit_is_halved_and_joined() -> None:
    model = built(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 14 * 14, 3)))
    taps = describe(model).layers
    sizes: list[int] = []

    def run(batch: Tensor) -> BatchResult:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise BatchTooLargeError("too large")
        return run_batch(model.module, batch, taps, ["l2", "mean"], output=True)

    fitting = Fitting(run)
    batch = images(7)
    found = fitting(batch)
    assert sizes == [7, 4, 2, 2, 2, 1]
    fitting(batch)
    assert sizes[6:] == [2, 2, 2, 1]
    expected = run_batch(model.module, batch, taps, ["l2", "mean"], output=True)
    for tap in taps:
        for name, values in expected.summaries[tap.name].items():
            np.testing.assert_allclose(found.summaries[tap.name][name], values, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.logits, expected.logits, rtol=1e-5, atol=1e-6)
    assert found.non_finite == expected.non_finite


def test_one_image_that_does_not_fit_is_an_error() -> None:
    def run(_batch: Tensor) -> BatchResult:
        raise BatchTooLargeError("too large")

    with pytest.raises(ModelError, match="too large"):
        Fitting(run)(images(3))


class Greedy(nn.Module):
    def forward(self, _x: Tensor) -> Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")


def test_short_memory_is_recognised_in_the_model() -> None:
    with pytest.raises(BatchTooLargeError, match="batch_size"):
        run_batch(Greedy(), images(), [], ["l2"], output=True)


class Viewing(nn.Module):
    """Takes a view that channels-last outputs have not."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x.view(len(x), -1)


def test_channels_lie_innermost_where_the_model_allows_it() -> None:
    plain, viewing = nn.Sequential(nn.Conv2d(3, 8, 3)), Viewing()
    for module, innermost in ((plain, True), (viewing, False)):
        module.eval()
        placed = place(module, torch.device("cpu"), (3, 16, 16))
        weight = next(placed.parameters())
        assert weight.is_contiguous(memory_format=torch.channels_last) is innermost
        assert place(module, torch.device("cpu"), (3, 16, 16)) is placed
        assert placed(images()).isfinite().all()


def test_mixed_precision_is_near_single() -> None:
    model = built(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    taps = describe(model).layers
    single = run_batch(model.module, images(), taps, ["l2"], output=False)
    mixed = run_batch(model.module, images(), taps, ["l2"], output=False, precision="bfloat16")
    for name, values in single.summaries.items():
        assert not np.array_equal(mixed.summaries[name]["l2"], values["l2"])
        np.testing.assert_allclose(mixed.summaries[name]["l2"], values["l2"], rtol=0.02)
