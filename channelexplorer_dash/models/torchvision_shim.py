"""Let ``import torchvision`` succeed where its compiled half does not fit the installed torch.

Next to a CPU build of torch, a torchvision built for CUDA cannot load its compiled operators, and its
import then fails because ``torchvision::nms`` is not declared. Transforms need none of these operators:
declaring them is enough. ``torchvision.ops.nms`` and ``torchvision.io`` stay unusable.
"""

from __future__ import annotations

import importlib
import sys
import threading

import torch

_OPERATORS = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

_lock = threading.Lock()
# Operators are withdrawn when the library that declared them is collected.
_libraries: list[torch.library.Library] = []


def prepare_torchvision() -> None:
    """Import torchvision, declaring its missing operators only where the import fails without them.

    Call this before anything that imports torchvision: timm, or a caller's own model code.
    """
    with _lock:
        try:
            importlib.import_module("torchvision")
        except RuntimeError as error:
            if "torchvision::" not in str(error):
                raise
            for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
                del sys.modules[name]
            library = torch.library.Library("torchvision", "DEF")
            for operator in _OPERATORS:
                library.define(operator + _SCHEMA)
            _libraries.append(library)
            importlib.import_module("torchvision")
