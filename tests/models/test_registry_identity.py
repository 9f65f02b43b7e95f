"""Own modules under a token, and what the identity of a model depends on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.models.build import build
from channelexplorer_dash.models.identity import file_digest, identity
from channelexplorer_dash.models.registry import register_object, resolve_object
from channelexplorer_dash.specs import ModelSpec
from tests.models.toys import Tiny, equal


def same(a: ModelSpec, b: ModelSpec) -> bool:
    return json.dumps(identity(a), sort_keys=True) == json.dumps(identity(b), sort_keys=True)


def test_a_registered_module_is_a_copy() -> None:
    module = Tiny().train()
    before = module.conv.weight.clone()
    built = build(register_object(module, "own"))
    assert module.training and not built.module.training
    with torch.no_grad():
        module.conv.weight.zero_()
    assert torch.equal(built.module.get_parameter("conv.weight"), before)


def test_the_token_follows_weights_and_code() -> None:
    module = Tiny()
    first, again = register_object(module, "own"), register_object(module, "own")
    assert first.source == again.source and same(first, again)
    with torch.no_grad():
        module.conv.weight[0, 0, 0, 0] += 1
    assert not same(first, register_object(module, "own"))

    class Louder(Tiny):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    class Quieter(Tiny):
        def forward(self, x: Tensor) -> Tensor:
            return 0.5 * super().forward(x)

    Louder.__name__ = Quieter.__name__ = "Own"
    loud, quiet = Louder(), Quieter()
    quiet.load_state_dict(loud.state_dict())
    assert not same(register_object(loud, "own"), register_object(quiet, "own"))


def test_bfloat16_and_scalars_have_a_digest() -> None:
    module = nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1)).to(torch.bfloat16)
    assert same(register_object(module, "a"), register_object(module, "b"))


def test_a_factory_is_called_once() -> None:
    made: list[Tiny] = []

    def factory() -> Tiny:
        made.append(Tiny())
        return made[-1]

    spec = register_object(factory, "own", preprocessing={"input_size": (1, 16, 16)})
    assert equal(build(spec).module, made[0]) and equal(build(spec).module, made[0])
    assert len(made) == 1
    assert resolve_object(spec.source.removeprefix("object:")).module is made[0]


@pytest.mark.parametrize(
    ("given", "says"), [(3, "is a int"), (lambda: 3, "returned a int"), (lambda: 1 / 0, "ZeroDivisionError")]
)
def test_what_is_not_a_module(given: Any, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        register_object(given, "own")


def test_what_cannot_be_copied() -> None:
    module = Tiny()
    module.cache = torch.ones(2, requires_grad=True) * 2  # type: ignore[assignment]
    with pytest.raises(ModelError, match="cannot be copied"):
        register_object(module, "own")


def test_a_registered_module_takes_no_checkpoint(tmp_path: Path) -> None:
    spec = register_object(Tiny(), "own").model_copy(update={"weights": str(tmp_path / "x.pt")})
    with pytest.raises(ModelError, match="takes no checkpoint"):
        build(spec)


def test_identity_changes_with_the_file_and_not_with_names(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(Tiny().state_dict(), path)
    spec = ModelSpec(name="toy", source="timm:resnet18", weights=str(path))
    first = identity(spec)
    assert first["seed"] is None and first["weights"].startswith("sha256:")
    assert same(spec, spec.model_copy(update={"name": "b", "title": "t", "class_names": ("x",), "seed": 3}))
    copied = tmp_path / "elsewhere.pt"
    copied.write_bytes(path.read_bytes())
    assert same(spec, spec.model_copy(update={"weights": str(copied)}))
    torch.save(Tiny().state_dict(), path)
    os.utime(path, ns=(1, 1))
    assert identity(spec) != first


def test_identity_of_random_weights() -> None:
    spec = ModelSpec(name="toy", source="timm:resnet18")
    assert not same(spec, spec.model_copy(update={"seed": 1}))
    assert not same(spec, spec.model_copy(update={"options": {"in_chans": 1}}))
    assert not same(spec, spec.model_copy(update={"preprocessing": {"crop_pct": 1.0}}))
    assert not same(spec, spec.model_copy(update={"weights": "hub"}))
    json.dumps(identity(spec))


def test_identity_of_a_factory_follows_its_source() -> None:
    spec = ModelSpec(name="toy", source="factory:tests.models.toys:tiny")
    assert identity(spec)["code"].startswith("sha256:")
    assert identity(ModelSpec(name="toy", source="factory:no.such.thing:f"))["code"] is None


def test_a_missing_checkpoint_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Check the path"):
        file_digest(tmp_path / "none.pt")


def test_registry_and_identity_import_no_torch() -> None:
    code = (
        "import sys; from channelexplorer_dash.models import description, identity, registry;"
        "from channelexplorer_dash.specs import ModelSpec;"
        "identity.identity(ModelSpec(name='a', source='factory:timm.models.resnet:resnet18'));"
        "identity.identity(ModelSpec(name='a', source='timm:resnet18'));"
        "assert not {'torch', 'timm', 'torchvision'} & set(sys.modules), 'torch was imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
