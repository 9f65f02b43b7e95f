"""One pass that reduces on the way: equal to a naive hook loop, over when it can be, nothing left behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from channelexplorer_dash.errors import ModelError, UnknownNameError
from channelexplorer_dash.extraction.forward import run_batch
from channelexplorer_dash.extraction.layers import describe
from channelexplorer_dash.models.description import Layer
from tests.extraction.toys import Failing, Poison, SharedRelu, Tripwire, TupleNet, built, images, timm_model


def naive_l2(module: nn.Module, batch: Tensor, names: set[str]) -> dict[str, np.ndarray[Any, Any]]:
    """Copy each output in a hook, then take the norm of each map in double precision, one by one."""
    copies: dict[str, Tensor] = {}
    handles = [
        part.register_forward_hook(lambda _m, _a, out, name=name: copies.update({name: out.detach().clone()}))
        for name, part in module.named_modules()
        if name in names
    ]
    with torch.no_grad():
        module(batch)
    for handle in handles:
        handle.remove()
    return {
        name: np.array([[np.sqrt((m.double().numpy() ** 2).sum()) for m in image] for image in maps])
        for name, maps in copies.items()
    }


def hooks(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


@pytest.mark.parametrize(("name", "convolutions"), [("resnet18", 20), ("mobilenetv2_100", 52)])
def test_l2_of_every_convolution_equals_a_naive_hook_loop(name: str, convolutions: int) -> None:
    model = timm_model(name)
    batch = images(3, (3, 64, 64))
    taps = [layer for layer in describe(model).at("leaf") if layer.kind.startswith("Conv2d")]
    assert len(taps) == convolutions
    expected = naive_l2(model.module, batch, {tap.name for tap in taps})
    result = run_batch(model.module, batch, taps, ["l2"], output=False)
    assert result.summaries.keys() == expected.keys()
    for tap in taps:
        found = result.summaries[tap.name]["l2"]
        assert found.dtype == np.float32 and found.shape == (3, tap.channels)
        np.testing.assert_allclose(found, expected[tap.name], rtol=1e-4)


def test_an_in_place_relu_changes_nothing_that_was_recorded() -> None:
    model = built(SharedRelu())
    description = describe(model)
    batch = images()
    taps = [description.layer(name) for name in ("first", "relu", "second", "relu#2")]
    result = run_batch(model.module, batch, taps, ["l2", "mean"], output=False)
    with torch.no_grad():
        first = model.module.get_submodule("first")(batch)
        second = model.module.get_submodule("second")(first.relu())
    for name, maps in {
        "first": first,
        "relu": first.relu(),
        "second": second,
        "relu#2": second.relu(),
    }.items():
        np.testing.assert_allclose(result.summaries[name]["l2"], maps.flatten(2).norm(dim=2), rtol=1e-5)
        np.testing.assert_allclose(result.summaries[name]["mean"], maps.mean((2, 3)), rtol=1e-4, atol=1e-6)


def test_a_tuple_gives_its_first_tensor_and_a_mapping_its_logits() -> None:
    model = built(TupleNet())
    tap = describe(model).layer("twins")
    batch = images()
    result = run_batch(model.module, batch, [tap], ["mean"], output=True)
    with torch.no_grad():
        maps, logits = model.module.get_submodule("twins")(batch)[1], model.module(batch)["logits"]
    np.testing.assert_allclose(result.summaries["twins"]["mean"], maps.mean((2, 3)), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(result.logits, logits, rtol=1e-6)


def test_it_stops_at_the_deepest_tap() -> None:
    after = Tripwire()
    model = built(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), after))
    after = model.module.get_submodule("2")
    description = describe(model)
    before = after.runs
    taps = [description.layer("0"), description.layer("1")]
    result = run_batch(model.module, images(), taps, ["l2"], output=False)
    assert after.runs == before and result.logits is None
    result = run_batch(model.module, images(), taps, ["l2"], output=True)
    assert after.runs == before + 1 and result.logits is not None
    assert result.logits.shape == (2, 4 * 14 * 14)


def test_a_model_that_swallows_exceptions_still_stops() -> None:
    model = built(Failing())
    after = model.module.get_submodule("after")
    tap = describe(model).layer("conv")
    before = after.runs
    run_batch(model.module, images(), [tap], ["l2"], output=False)
    assert after.runs == before


@pytest.mark.parametrize(
    "summaries", [["l2", "mean"], ["active_fraction"], ["above_otsu", "p90"], ["spectral"]]
)
def test_what_is_not_finite_is_counted_and_set_to_zero(summaries: list[str]) -> None:
    model = built(nn.Sequential(nn.Conv2d(3, 4, 3), Poison(), nn.Flatten()))
    healthy, ill = describe(model).layers[:2]
    result = run_batch(model.module, images(), [healthy, ill], summaries, output=True)
    assert result.non_finite == {"0": 0, "1": 2}
    for summary in summaries:
        values = result.summaries["1"][summary]
        assert np.isfinite(values).all() and values[0, 0] == values[1, 2] == 0
        np.testing.assert_array_equal(values[0, 1], result.summaries["0"][summary][0, 1])
    assert result.logits is not None and np.isnan(result.logits).all()
    assert result.non_finite_logits == 2


def test_an_image_without_a_largest_logit_has_none_and_a_class_ruled_out_is_no_matter() -> None:
    batch = torch.tensor(
        [[1, 2, 3, 4], [1, torch.nan, 3, 4], [1, 2, torch.inf, 4], [1, 2, 3, -torch.inf], [-torch.inf] * 4]
    ).reshape(5, 1, 2, 2)
    result = run_batch(nn.Flatten(), batch, [], ["l2"], output=True)
    assert result.logits is not None and result.non_finite_logits == 3
    assert np.isnan(result.logits).all(axis=1).tolist() == [False, True, True, False, True]
    assert result.logits[3].tolist() == [1, 2, 3, -np.inf]


def test_what_is_not_finite_in_a_dense_layer() -> None:
    model = built(nn.Sequential(nn.Conv2d(3, 4, 3), Poison(), nn.Flatten(), nn.Linear(4 * 14 * 14, 3)))
    result = run_batch(
        model.module, images(), [describe(model).layer("3")], ["active_fraction"], output=False
    )
    assert result.non_finite == {"3": 6}
    assert not result.summaries["3"]["active_fraction"].any()


def test_nothing_asked_nothing_run() -> None:
    model = built(nn.Sequential(Tripwire()))
    result = run_batch(model.module, images(), [], ["l2"], output=False)
    assert result.summaries == {} and result.logits is None
    assert model.module.get_submodule("0").runs == 0


def test_errors_name_the_cause_and_leave_no_hook() -> None:
    model = built(SharedRelu())
    description = describe(model)
    tap = description.layer("first")
    gone = Layer("first#9", 0, ("leaf",), "Conv2d", 8, (8, 14, 14), "nchw")
    lost = Layer("nowhere", 0, ("leaf",), "Conv2d", 8, (8, 14, 14), "nchw")
    for layer in (gone, lost):
        with pytest.raises(ModelError, match=layer.name):
            run_batch(model.module, images(), [tap, layer], ["l2"], output=False)
    with pytest.raises(UnknownNameError, match="max_abs"):
        run_batch(model.module, images(), [tap], ["max"], output=False)
    with pytest.raises(ModelError, match=r"5×16×16.*input_size"):
        run_batch(model.module, images(2, (5, 16, 16)), [tap], ["l2"], output=False)
    assert hooks(model.module) == 0


def test_nothing_is_left_behind() -> None:
    model = timm_model("mobilenetv2_050", 32)
    before = {name: value.clone() for name, value in model.module.state_dict().items()}
    taps = describe(model).at("block")
    batch = images(2, (3, 32, 32))
    first = run_batch(model.module, batch, taps, ["l2"], output=True)
    again = run_batch(model.module, batch, taps, ["l2"], output=True)
    assert hooks(model.module) == 0 and not model.module.training
    for name, value in model.module.state_dict().items():
        assert torch.equal(value, before[name])
    for tap in taps:
        np.testing.assert_array_equal(first.summaries[tap.name]["l2"], again.summaries[tap.name]["l2"])


def test_threads_that_share_a_model_do_not_see_each_other() -> None:
    model = timm_model("mobilenetv2_050", 32)
    taps = describe(model).at("block")
    batches = [images(2, (3, 32, 32), seed) for seed in range(6)]

    def norms(batch: Tensor) -> dict[str, np.ndarray[Any, Any]]:
        result = run_batch(model.module, batch, taps, ["l2"], output=False)
        return {name: values["l2"] for name, values in result.summaries.items()}

    alone = [norms(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(norms, batches))
    for a, b in zip(alone, together, strict=True):
        for name, values in a.items():
            np.testing.assert_allclose(b[name], values, rtol=1e-6)


def test_half_precision_models_get_half_precision_input() -> None:
    model = built(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).to(torch.bfloat16))
    result = run_batch(model.module, images(), describe(model).layers, ["l2"], output=True)
    assert result.summaries["0"]["l2"].dtype == np.float32
    assert result.logits is None
