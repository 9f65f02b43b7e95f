"""The caller's own modules, kept in this process under a token; this module never imports torch."""

from __future__ import annotations

import copy
import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.specs import ModelSpec

_FRAMEWORKS = ("torch.", "timm.", "torchvision.")


@dataclass(frozen=True)
class RegisteredObject:
    """A module as it was when it was registered, and the digest of its weights and code."""

    module: Any
    digest: str


_OBJECTS: dict[str, RegisteredObject] = {}


def register_object(
    module_or_factory: Any,
    name: str,
    *,
    title: str = "",
    preprocessing: Mapping[str, Any] | None = None,
    class_names: Sequence[str] | Literal["imagenet"] | None = None,
) -> ModelSpec:
    """Register a module of this process and return the spec that names it.

    A module is copied, so that training it further changes neither what is explored nor the other
    way round (exploring puts its copy in evaluation mode). A factory is called here, once: where its
    weights are random it seeds them itself if they are to be the same next time.

    Parameters
    ----------
    module_or_factory
        A ``torch.nn.Module``, or a function without arguments that returns one.
    name, title, preprocessing, class_names
        As in :class:`~channelexplorer_dash.specs.ModelSpec`.

    Returns
    -------
    ModelSpec
        With the source ``object:<token>``. The token is a digest of weights and code: the same module
        registered again, in this or in another process, has the same token.

    Raises
    ------
    ModelError
        If what was given, or what the factory returned, is not a module, or cannot be copied.
    """
    module = _snapshot(module_or_factory, name)
    digest = _digest(module)
    token = digest[:32]
    _OBJECTS[token] = RegisteredObject(module, digest)
    names = class_names if class_names is None or isinstance(class_names, str) else tuple(class_names)
    return ModelSpec(
        name=name,
        title=title,
        source=f"object:{token}",
        preprocessing=dict(preprocessing or {}),
        class_names=names,
    )


def resolve_object(token: str) -> RegisteredObject:
    """Return what was registered under ``token``.

    Raises
    ------
    ModelError
        If this process knows no such token.
    """
    try:
        return _OBJECTS[token]
    except KeyError:
        raise ModelError(
            "This model lives in the memory of another process, or of one that has ended. Register it again, "
            "or declare it as factory:<module>:<function> so that every process can build it."
        ) from None


def _is_module(value: object) -> bool:
    """Recognise a ``torch.nn.Module`` without importing torch."""
    return not inspect.isclass(value) and all(
        callable(getattr(value, method, None)) for method in ("forward", "named_modules", "state_dict")
    )


def _snapshot(given: Any, name: str) -> Any:
    if _is_module(given):
        try:
            return copy.deepcopy(given)
        except Exception as error:
            raise ModelError(
                f"The model {name!r} cannot be copied ({error}). Register a function that builds it instead."
            ) from error
    if not callable(given):
        raise ModelError(
            f"The model {name!r} is a {type(given).__name__}. Give a torch.nn.Module, "
            "or a function without arguments that returns one."
        )
    try:
        made = given()
    except Exception as error:
        raise ModelError(
            f"The function given for the model {name!r} failed: {type(error).__name__}: {error}."
        ) from error
    if not _is_module(made):
        raise ModelError(
            f"The function given for the model {name!r} returned a {type(made).__name__}: "
            "it must return a torch.nn.Module."
        )
    return made


def _digest(module: Any) -> str:
    """Hex digest of a module: its structure, its parameters and buffers, and the code of its own classes."""
    digest = hashlib.sha256(repr(module).encode())
    for key, value in sorted(module.state_dict().items()):
        digest.update(f"\0{key}\0".encode())
        _update(digest.update, value)
    for source in _own_code(type(part) for part in module.modules()):
        digest.update(source.encode())
    return digest.hexdigest()


def _update(update: Callable[[Any], None], value: Any) -> None:
    if not hasattr(value, "detach"):
        update(repr(value).encode())
        return
    tensor = value.detach().cpu()
    try:
        array = tensor.numpy()
    except TypeError:
        # NumPy has no bfloat16 or float8; float32 holds each of their values exactly.
        array = tensor.float().numpy()
    update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
    update(np.ascontiguousarray(array).data)


def _own_code(classes: Iterable[type]) -> list[str]:
    """Return the source of every class that is not a framework's: a changed ``forward`` is another model."""
    sources = []
    own = (cls for cls in set(classes) if not f"{cls.__module__}.".startswith(_FRAMEWORKS))
    for cls in sorted(own, key=lambda cls: (cls.__module__, cls.__qualname__)):
        try:
            sources.append(inspect.getsource(cls))
        except (OSError, TypeError):
            # Typed at a prompt: the name is all that can be known.
            sources.append(f"{cls.__module__}.{cls.__qualname__}")
    return sources
