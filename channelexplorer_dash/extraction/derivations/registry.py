"""Which function computes which result, and how one result asks for others.

A result that is made of others asks for them with :func:`given`, which computes what is not there yet: each
is published under its own key, so that it is computed once, whoever needs it first.
"""

from __future__ import annotations

from collections.abc import Callable

from channelexplorer_dash.core.arrays import BitArray, IntArray
from channelexplorer_dash.core.normalise import Scaling
from channelexplorer_dash.extraction.plan import Derivation, DerivationName
from channelexplorer_dash.extraction.samples import read_scaling, readable_sample
from channelexplorer_dash.store import Kind, Store

Derive = Callable[[Store, Derivation], None]

_FUNCTIONS: dict[DerivationName, Derive] = {}


def derives(name: DerivationName) -> Callable[[Derive], Derive]:
    """Return a decorator of the function that computes and publishes results of a name."""

    def register(function: Derive) -> Derive:
        _FUNCTIONS[name] = function
        return function

    return register


def publish_derivation(store: Store, plan: Derivation) -> None:
    """Compute a plan's result and publish it; a result that is there already is left as it is."""
    if not store.has(plan.result, plan.key):
        _FUNCTIONS[plan.name](store, plan)


def given(store: Store, plan: Derivation, name: DerivationName, *parameters: str) -> str:
    """Return the key of another result of the same sample, which shares some of the plan's parameters."""
    shared = {parameter: plan.parameters[parameter] for parameter in parameters}
    needed = Derivation(name, plan.layer, plan.source, plan.sample, shared)
    publish_derivation(store, needed)
    return needed.key


def sample_of(store: Store, plan: Derivation) -> tuple[IntArray, IntArray]:
    """Return the ids and the labels of the plan's readable images, both int64 (n,)."""
    return readable_sample(store, plan.source, plan.sample)


def scaling_given(store: Store, plan: Derivation) -> Scaling:
    """Return how S is normalised."""
    key = given(store, plan, "scaling", "normalisation")
    return read_scaling(store, key, plan.parameters["normalisation"])


def active_given(store: Store, plan: Derivation) -> BitArray:
    """Return the active sets in the order of the sample, uint64 (n, words)."""
    return store.array(Kind.ARRAY, given(store, plan, "active", "normalisation", "top_fraction"))
