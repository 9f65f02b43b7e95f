"""Models as the doctor looks at them: built, or found, and never downloaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.extraction.checking import check_device, check_model
from channelexplorer_dash.models.torchvision_shim import prepare_torchvision
from channelexplorer_dash.settings import load_settings
from channelexplorer_dash.specs import ModelSpec

prepare_torchvision()


class _Thing:
    pass


def test_the_models_of_the_demo_are_there() -> None:
    found = [check_model(spec) for spec in load_settings([demo_settings_file()], environment=False).models]
    assert found[0]["found"].endswith("takes 1 × 32 × 32.")
    assert all("tensors" in one["found"] and not one["missing"] for one in found[1:])


def test_a_factory_is_found_and_not_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uncalled.py").write_text("def make():\n    raise SystemExit\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "factory" in check_model(ModelSpec(name="m", source="factory:uncalled:make"))["found"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"source": "timm:resnet1800"}, "timm has no model"),
        ({"source": "timm:resnet18.never", "weights": "hub"}, "resnet18.never"),
        ({"source": "timm:resnet18", "options": {"num_clases": 3}}, "Mend `options`"),
        ({"source": "timm:resnet18", "weights": "gone.safetensors"}, "no checkpoint"),
        ({"source": "timm:resnet18", "weights": "w.txt"}, "must end in .safetensors"),
        ({"source": "timm:resnet18", "weights": "objects.pt"}, "more than tensors"),
        ({"source": "timm:resnet18", "weights": "damaged.safetensors"}, "damaged"),
        ({"source": "timm:resnet18", "weights": "other.pt"}, "another architecture"),
        ({"source": "factory:no_such_module:make"}, "cannot be imported"),
        ({"source": "factory:torch.nn:Identity", "weights": "objects.pt"}, "more than tensors"),
        ({"source": "diffusers:nowhere", "takes": "state"}, "nowhere"),
        ({"source": "object:abc"}, "memory of another process"),
    ],
)
def test_what_cannot_be_built_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, object], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.txt").touch()
    (tmp_path / "damaged.safetensors").write_bytes(b"\0" * 100)
    torch.save({"thing": _Thing()}, tmp_path / "objects.pt")
    torch.save({"a.weight": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(ModelError, match=said):
        check_model(ModelSpec.model_validate({"name": "m", **changed}))


def test_the_device_is_named() -> None:
    assert check_device("cpu")["found"].startswith("cpu; GPUs: ")
    with pytest.raises(ModelError, match="cannot be used here"):
        check_device("cuda:77")
