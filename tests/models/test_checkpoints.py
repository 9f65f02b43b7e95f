"""Checkpoints: the formats that load, and those that are refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.models.build import build
from channelexplorer_dash.specs import ModelSpec
from tests.models.toys import Tiny, equal

TIMM = "timm:resnet10t"


def spec(path: Path, source: str = "factory:tests.models.toys:tiny", **values: Any) -> ModelSpec:
    return ModelSpec(name="toy", source=source, weights=str(path), **values)


@pytest.fixture
def trained() -> Tiny:
    torch.manual_seed(3)
    return Tiny()


def wrapped(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in state.items()}


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth", ".bin", ".ckpt"])
def test_formats(tmp_path: Path, trained: Tiny, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(trained.state_dict(), path)
    else:
        torch.save(trained.state_dict(), path)
    assert equal(build(spec(path)).module, trained)


@pytest.mark.parametrize(
    "pack",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state},
        lambda state: {"model": {"state_dict": wrapped(state, "module.")}},
        lambda state: wrapped(state, "module._orig_mod."),
    ],
)
def test_nested_and_wrapped(tmp_path: Path, trained: Tiny, pack: Any) -> None:
    path = tmp_path / "weights.pt"
    torch.save(pack(trained.state_dict()), path)
    assert equal(build(spec(path)).module, trained)


def test_half_precision_is_widened(tmp_path: Path, trained: Tiny) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({key: value.half() for key, value in trained.state_dict().items()}, path)
    weight = build(spec(path)).module.get_parameter("conv.weight")
    assert weight.dtype == torch.float32
    assert torch.equal(weight, trained.conv.weight.half().float())


def test_another_architecture_names_keys(tmp_path: Path, trained: Tiny) -> None:
    path = tmp_path / "weights.pt"
    torch.save(trained.state_dict(), path)
    with pytest.raises(
        ModelError, match=r"missing: conv1.* and \d+ more; unexpected: conv\.weight.* another arch"
    ):
        build(spec(path, TIMM))


def test_another_shape_names_both(tmp_path: Path, trained: Tiny) -> None:
    path = tmp_path / "weights.pt"
    torch.save(trained.state_dict(), path)
    with pytest.raises(ModelError, match=r"head\.weight 3×4 for 5×4"):
        build(spec(path, options={"outputs": 5}))


def test_another_number_of_classes_says_what_to_set(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    module = build(ModelSpec(name="toy", source=TIMM, options={"num_classes": 7})).module
    save_file(module.state_dict(), path)
    with pytest.raises(ModelError, match="num_classes = 7"):
        build(spec(path, TIMM))
    assert equal(build(spec(path, TIMM, options={"num_classes": 7})).module, module)


class Malicious:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("raise SystemExit('code of a checkpoint ran')",)


@pytest.mark.parametrize("packed", [lambda p: torch.save({"state_dict": Malicious()}, p), None])
def test_code_in_a_checkpoint_never_runs(tmp_path: Path, packed: Any) -> None:
    path = tmp_path / "weights.pt"
    if packed is None:
        path.write_bytes(pickle.dumps(Malicious()))
    else:
        packed(path)
    with pytest.raises(ModelError, match="more than tensors"):
        build(spec(path))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.pt", None, "There is no checkpoint"),
        ("weights.h5", b"x", "must end in"),
        ("empty.pt", b"", "cannot be read|more than tensors"),
        ("garbage.pt", b"garbage, not a checkpoint", "cannot be read|more than tensors"),
        ("garbage.safetensors", b"garbage, not a checkpoint", "damaged"),
    ],
)
def test_damaged_files(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=says):
        build(spec(path))


@pytest.mark.parametrize("content", [{"epoch": 3}, {}, [1, 2], torch.zeros(2)])
def test_files_without_a_state_dict(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    with pytest.raises(ModelError, match="state_dict"):
        build(spec(path))


def test_truncated_file(tmp_path: Path, trained: Tiny) -> None:
    whole, cut = tmp_path / "whole.pt", tmp_path / "cut.pt"
    torch.save(trained.state_dict(), whole)
    cut.write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(ModelError, match=r"cut\.pt"):
        build(spec(cut))
