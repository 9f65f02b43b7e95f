"""A classifier's head: found by what it does, refused where there is none, and what it takes in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from channelexplorer_dash.extraction.head import (
    Head,
    NoHeadError,
    find_head,
    head_weights,
    publish_head_input,
)
from channelexplorer_dash.extraction.layers import describe
from channelexplorer_dash.extraction.plan import HeadInput, plan_from_json
from channelexplorer_dash.extraction.shards import loaded_model
from channelexplorer_dash.models.identity import identity
from channelexplorer_dash.store import Kind
from tests.extraction.test_ablation import Digits
from tests.extraction.toys import ClassTokenNet, SharedRelu, built, images, timm_model


class After(nn.Module):
    """A body with three outputs, and what is done with them."""

    def __init__(self, change: Callable[[Tensor], Tensor], last: nn.Module | None = None) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 8, 3)
        self.last = last or nn.Linear(8, 3)
        self.change = change

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.body(x)).mean((2, 3), keepdim=True)
        return self.change(self.last(x if isinstance(self.last, nn.Conv2d) else x.flatten(1)))


class Shifted(nn.Linear):
    """A linear layer that is more than its weights and its bias."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(torch.relu(x - 0.1))


class Doubled(nn.Module):
    """The head runs twice, and its answers are added."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 6))
        self.head = nn.Linear(6, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        return self.head(x) + self.head(torch.relu(x))


def head_of(module: nn.Module, precision: str = "float32") -> Head:
    model = built(module)
    return find_head(model.module, describe(model), images(4), precision)


def same(x: Tensor) -> Tensor:
    return x


def test_the_head_of_a_network_whose_pooling_is_a_layer() -> None:
    flat = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    )
    assert head_of(flat) == Head("4", 8, "3")
    assert head_of(flat, "bfloat16") == Head("4", 8, "3")


def test_an_architecture_of_timm_has_its_pooling_in_the_store() -> None:
    model = timm_model("resnet10t", num_classes=7)
    batch = images(4, (3, 64, 64))
    assert find_head(model.module, describe(model), batch) == Head("fc", 512, "global_pool")


@pytest.mark.parametrize(("module", "name"), [(SharedRelu(), "head"), (ClassTokenNet(), "head")])
def test_what_a_head_takes_in_need_not_be_a_layer(module: nn.Module, name: str) -> None:
    found = head_of(module)
    assert (found.name, found.layer) == (name, "")


def test_a_convolution_of_one_position_is_a_head() -> None:
    module = After(lambda x: x.flatten(1), nn.Conv2d(8, 3, 1))
    assert head_of(module).name == "last"
    weights, bias = head_weights(module, "last")
    assert weights.shape == (3, 8) and bias.shape == (3,)


def test_weights_are_those_that_are_applied() -> None:
    module = After(same, torch.nn.utils.parametrizations.weight_norm(nn.Linear(8, 3, bias=False)))
    assert head_of(module).name == "last"
    weights, bias = head_weights(module, "last")
    given = torch.randn(5, 8)
    expected = module.last(given).detach().numpy()
    np.testing.assert_allclose(given.numpy() @ weights.T, expected, rtol=1e-5, atol=1e-6)
    assert not bias.any()


@pytest.mark.parametrize(
    "module",
    [
        After(lambda x: x.log_softmax(1)),
        After(lambda x: x * 2),
        After(lambda x: x.mul_(2)),
        After(same, Shifted(8, 3)),
        Doubled(),
    ],
    ids=["softmax", "scaled", "in place", "more than linear", "added up"],
)
def test_outputs_that_are_not_the_last_layers_own(module: nn.Module) -> None:
    with pytest.raises(NoHeadError, match=r"last linear layer \((last|head)\) as they are"):
        head_of(module)


def test_outputs_that_are_no_numbers() -> None:
    module = After(same)
    module.last.weight.data[1, 2] = torch.nan
    with pytest.raises(NoHeadError, match="outputs hold NaN"):
        head_of(module)


def test_outputs_that_no_linear_layer_has() -> None:
    module = After(lambda x: torch.cat([x, x[:, :1]], 1))
    with pytest.raises(NoHeadError, match="no linear layer of it has 4 outputs"):
        head_of(module)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    return Digits(tmp_path_factory.mktemp("head") / "store")


def plan(digits: Digits) -> HeadInput:
    common = digits.plan()
    names = ("model", "identity", "dataset", "dataset_digest", "sample", "images", "shard_size", "batch_size")
    more = ("batch_memory_mb", "precision", "device", "max_image_pixels")
    return HeadInput(**{name: getattr(common, name) for name in (*names, *more)}, head="fc")


def test_what_the_head_takes_in_is_published_in_the_order_of_the_sample(digits: Digits) -> None:
    wanted = plan(digits)
    publish_head_input(digits.store, wanted, lambda: None)
    rows = np.asarray(digits.store.array(Kind.ARRAY, wanted.key))
    module = loaded_model(digits.model, dict(identity(digits.model))).module
    weights, bias = head_weights(module, "fc")
    np.testing.assert_allclose(rows @ weights.T + bias, digits.logits(digits.plan()), rtol=1e-4, atol=1e-4)
    assert rows.shape == (40, 64) and rows.dtype == np.float32
    assert not digits.store.shards(wanted.key).there()


def test_the_plan_goes_through_the_job_board(digits: Digits) -> None:
    wanted = plan(digits)
    assert plan_from_json(wanted.to_json()) == wanted
    assert wanted.key != digits.plan().key
    assert wanted.label == "Running digits-resnet up to its head"
