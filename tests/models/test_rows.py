"""Rows of generated datasets as the input of a model: packed, unpacked, and called in order."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.extraction.generation import between, noise_of
from channelexplorer_dash.models.rows import Rows, packed_size, rows_of
from channelexplorer_dash.models.sampling import Sampler, cosine_shares, to_pixels
from channelexplorer_dash.specs import ModelSpec

SPEC = ModelSpec(name="toy", source="factory:a:b", takes="latent")


class Toy(nn.Module):
    def __init__(self, shape: tuple[int, ...] | None) -> None:
        super().__init__()
        if shape is not None:
            self.latent_shape = shape
        self.given: tuple[Tensor, ...] = ()

    def forward(self, sample: Tensor, timestep: Tensor, label: Tensor) -> Tensor:
        self.given = (sample, timestep, label)
        return sample


class Plain(Toy):
    def forward(self, sample: Tensor) -> Tensor:  # type: ignore[override]
        self.given = (sample,)
        return sample


@pytest.mark.parametrize("shape", [(5,), (64,), (1, 1, 1), (1, 16, 16), (4, 8, 6)])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_what_is_packed_is_unpacked(shape: tuple[int, ...], kind: torch.dtype) -> None:
    rows = Rows("state", shape, packed_size(shape))
    values = torch.randn(7, *shape).to(kind)
    labels, timesteps = torch.arange(7) * 1500, torch.tensor([0, 1, 257, 500, 777, 998, 999])
    packed = rows.pack(values, labels, timesteps).to(kind)
    assert packed.shape[1:] == rows.input_size
    back = rows.unpack(packed)
    assert torch.equal(back[0], values)
    assert back[1].tolist() == labels.tolist() and back[2].tolist() == timesteps.tolist()


def test_a_module_is_called_with_what_it_takes() -> None:
    for module, taken in ((Toy((3,)), 3), (Plain((3,)), 1)):
        rows = rows_of(module, SPEC.model_copy(update={"takes": "state"}))
        module(rows.pack(torch.ones(2, 3), torch.tensor([4, 5]), torch.tensor([999, 0])))
        assert len(module.given) == taken
        assert module.given[0].tolist() == [[1, 1, 1]] * 2
    full = Toy((3,))
    rows = rows_of(full, SPEC.model_copy(update={"takes": "state"}))
    again = rows_of(full, SPEC.model_copy(update={"takes": "state"}))
    assert again.input_size == rows.input_size and len(full._forward_pre_hooks) == 1
    full(rows.pack(torch.ones(1, 3), torch.tensor([4]), torch.tensor([999])))
    assert [int(part) for part in full.given[1:]] == [999, 4]


def test_a_module_without_a_shape_is_refused() -> None:
    with pytest.raises(ModelError, match="latent_shape"):
        rows_of(Toy(None), SPEC)


def test_noise_depends_on_class_and_seed_alone() -> None:
    first = noise_of(3, 5, (2, 4))
    torch.manual_seed(1)
    assert torch.equal(first, noise_of(3, 5, (2, 4)))
    assert not torch.equal(first, noise_of(5, 3, (2, 4)))


def test_the_way_between_latents_keeps_their_length() -> None:
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    assert torch.allclose(between(a, b, 0.5), torch.tensor([0.5, 0.5]) ** 0.5)
    assert torch.allclose(between(a, b, 0.0), a) and torch.allclose(between(a, b, 1.0), b, atol=1e-6)
    assert torch.allclose(between(a, a, 0.3), a)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_a_perfect_denoiser_leads_back_to_its_image(prediction: str) -> None:
    sampler = Sampler(cosine_shares(), prediction)  # type: ignore[arg-type]
    image, noise = torch.rand(3, 1, 4, 4) * 2 - 1, torch.randn(3, 1, 4, 4)
    state = sampler.noised(image, noise, 900)
    visited = [900, 500, 100, 0]
    for now, later in zip(visited, [*visited[1:], None], strict=True):
        share = sampler.shares[now]
        answers = {
            "epsilon": noise,
            "v_prediction": share**0.5 * noise - (1 - share) ** 0.5 * image,
            "sample": image,
        }
        state, estimate = sampler.advance(state, answers[prediction], now, later)
        assert torch.allclose(estimate, image, atol=1e-3)
    assert torch.allclose(state, image, atol=1e-3)


def test_what_a_sampler_cannot_know_is_refused() -> None:
    with pytest.raises(ModelError, match="predicts"):
        Sampler(cosine_shares(), "score")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="timesteps"):
        Sampler([0.5] * 10)


def test_pixels() -> None:
    assert to_pixels(torch.tensor([[[[-1.0, 0.0, 2.0]]]])).tolist() == [[[0, 128, 255]]]
    assert to_pixels(torch.zeros(2, 3, 4, 5)).shape == (2, 4, 5, 3)
    assert to_pixels(torch.zeros(2, 4, 4, 5)).shape == (2, 4, 5)
