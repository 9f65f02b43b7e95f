"""The module inside what training wraps around it."""

from __future__ import annotations

from torch import nn

# Compared by name: importing torch's compiler for its class alone would take seconds.
_INSIDE = {
    "OptimizedModule": "_orig_mod",
    "DataParallel": "module",
    "DistributedDataParallel": "module",
}


def unwrapped(module: nn.Module) -> nn.Module:
    """Return a module without ``torch.compile`` and ``DataParallel``, also where its parts are wrapped.

    Both hide the calls of the modules inside, and put their own names before those of the layers. Parts are
    changed in place; weights, and what the module computes, stay as they are.
    """
    return _plain(module, set())


def _plain(module: nn.Module, seen: set[int]) -> nn.Module:
    while (attribute := _INSIDE.get(type(module).__name__)) is not None:
        module = getattr(module, attribute)
    if id(module) not in seen:
        seen.add(id(module))
        # What module.compile() leaves behind, without a wrapper.
        module._compiled_call_impl = None
        for name, part in module._modules.items():
            if part is not None:
                module._modules[name] = _plain(part, seen)
    return module
