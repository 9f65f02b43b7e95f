"""Which modules are the blocks and the stages of a model, from how it is built and how it ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import nn

if TYPE_CHECKING:
    from channelexplorer_dash.extraction.tracing import Call

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
# Compared by name, so that neither timm's nor torchvision's nor a caller's own need to be imported.
_DROPPING = frozenset({"DropPath", "PatchDropout", "StochasticDepth", "DropBlock2d"})


def is_skipped(module: nn.Module) -> bool:
    """Whether a module changes nothing in evaluation: identity, dropout and their kin."""
    return (
        isinstance(module, (nn.Identity, nn.modules.dropout._DropoutNd)) or type(module).__name__ in _DROPPING
    )


class Structure:
    """Blocks and stages of one model.

    A module is *opened*, so that what it holds is shown instead of itself, when it is

    - a container: ``Sequential``, ``ModuleList``, ``ModuleDict``; a subclass of these only where it holds
      modules that have weighted modules of their own (a dense block, but not a conv-norm-activation triple).
      A chain of single layers stays closed where the model is built of composite blocks: it is a stem or a
      downsampling, and as long as it holds only a small part of the model's weighted layers it counts as one;
    - the head that holds timm's classifier, so that the pooled features show;
    - a stage that is no container: each module of its class did nothing in this pass but hand its input
      from one inner module to the next, all of them composite (timm's ConvNeXt, Swin and RegNet stages);
    - the only module of its class, with a container of composite modules in it (a backbone, an encoder).

    Attributes
    ----------
    blocks
        Names of what is left when everything opened is opened, from the top.
    stages
        Names of timm's ``feature_info`` modules, else of the outermost containers (or, for lists that do not
        run themselves, of what they hold), with the last module that finished before them and all at the
        top that finish after them. Everything at the top where there are none.
    """

    def __init__(self, model: nn.Module, calls: Sequence[Call]) -> None:
        self._model = model
        self._order = {call.name: position for position, call in enumerate(calls) if call.name}
        self._counts = Counter(type(part) for part in model.modules())
        broken = {type(call.module) for call in calls if not _hands_on(call)}
        self._stage_kinds = {type(call.module) for call in calls} - broken
        self._classifiers = _classifiers(model)
        self._weighted = _weighted_leaves(model)
        self._has_blocks = any(
            _is_composite(part) and not isinstance(part, CONTAINERS)
            for part in model.modules()
            if part is not model
        )
        self.blocks = frozenset(self._walk(model, ""))
        self.stages = frozenset(self._find_stages())

    def _opened(self, module: nn.Module, name: str) -> bool:
        return (
            (_is_container(module) and not self._is_short_chain(module))
            or self._holds_classifier(name)
            or type(module) in self._stage_kinds
            or self._organises(module)
        )

    def _walk(self, module: nn.Module, name: str) -> Iterator[str]:
        for child_name, child in _children(module, name):
            if self._opened(child, child_name):
                yield from self._walk(child, child_name)
            else:
                yield child_name

    def _top(self, module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
        """Outermost modules that ran: past lists, which do not run, past backbones and the opened head."""
        for child_name, child in _children(module, name):
            runs_alone = child_name in self._order and not self._holds_classifier(child_name)
            if runs_alone and (_is_container(child) or not self._organises(child)):
                yield child_name, child
            elif self._opened(child, child_name):
                yield from self._top(child, child_name)
            elif child_name in self._order:
                yield child_name, child

    def _find_stages(self) -> Iterable[str]:
        top = dict(self._top(self._model, ""))
        named = [name for name in _feature_modules(self._model) if name in self._order]
        anchors = named or [
            name for name, part in top.items() if _is_container(part) or type(part) in self._stage_kinds
        ]
        if not anchors:
            return top
        others = [
            name
            for name in top
            if not any(_within(anchor, name) or _within(name, anchor) for anchor in anchors)
        ]
        first, last = (pick(self._order[anchor] for anchor in anchors) for pick in (min, max))
        before = sorted((name for name in others if self._order[name] < first), key=self._order.__getitem__)
        # Where timm itself names a module at the top as the first stage, that is the stem.
        stem = [] if named and min(named, key=self._order.__getitem__) in top else before[-1:]
        return [*anchors, *stem, *(name for name in others if self._order[name] > last)]

    def _holds_classifier(self, name: str) -> bool:
        return any(_within(classifier, name) and classifier != name for classifier in self._classifiers)

    def _is_short_chain(self, module: nn.Module) -> bool:
        inner = [child for _, child in _children(module, "")]
        return (
            self._has_blocks
            and isinstance(module, nn.Sequential)
            and len(inner) > 1
            and not any(next(child.children(), None) is not None for child in inner)
            and _weighted_leaves(module) * 4 < self._weighted
        )

    def _organises(self, module: nn.Module) -> bool:
        return self._counts[type(module)] == 1 and any(
            _is_container(part) and any(_is_composite(inner) for _, inner in _children(part, ""))
            for part in module.modules()
            if part is not module
        )


def _children(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    for key, child in module.named_children():
        if not is_skipped(child):
            yield (f"{name}.{key}" if name else key), child


def _weighted_leaves(module: nn.Module) -> int:
    return sum(next(part.parameters(recurse=False), None) is not None for part in module.modules())


def _is_composite(module: nn.Module) -> bool:
    """Whether a module holds another one that has weights: an activation inside a norm does not count."""
    return any(next(child.parameters(), None) is not None for _, child in _children(module, ""))


def _is_container(module: nn.Module) -> bool:
    if type(module) in CONTAINERS:
        return True
    return isinstance(module, CONTAINERS) and any(_is_composite(child) for _, child in _children(module, ""))


def _hands_on(call: Call) -> bool:
    """Whether a call only passed its input through composite modules, one after the other."""
    inner = [inner.module for inner in call.inner if not is_skipped(inner.module)]
    return call.chain and bool(inner) and all(_is_composite(part) for part in inner)


def _classifiers(model: nn.Module) -> tuple[str, ...]:
    config = getattr(model, "pretrained_cfg", None)
    names = config.get("classifier") if isinstance(config, Mapping) else None
    return (names,) if isinstance(names, str) else tuple(names or ())


def _feature_modules(model: nn.Module) -> list[str]:
    """Names in timm's ``feature_info``, which is a list of dicts or an object that has one."""
    info: Any = getattr(model, "feature_info", None)
    entries = getattr(info, "info", info)
    if not isinstance(entries, (list, tuple)):
        return []
    return [str(entry["module"]) for entry in entries if isinstance(entry, Mapping) and entry.get("module")]


def _within(name: str, outer: str) -> bool:
    return name == outer or name.startswith(f"{outer}.")
