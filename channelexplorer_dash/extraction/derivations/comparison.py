"""Two models on the same images: how alike their layers are, and which channels match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from channelexplorer_dash.core.arrays import FloatArray, IntArray
from channelexplorer_dash.core.cka_map import cka_map
from channelexplorer_dash.core.matching import match_channels
from channelexplorer_dash.core.sampling import stratified
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.extraction.derivations.registry import derives
from channelexplorer_dash.extraction.plan import Derivation
from channelexplorer_dash.extraction.samples import readable_sample
from channelexplorer_dash.store import Kind, Store


@derives("cka")
def _cka(store: Store, plan: Derivation) -> None:
    """Publish float64 (layers of one model, layers of the other), by a stratified draw of the sample."""
    own, others = plan.parameters["sources"], plan.parameters["others"]
    ids = _shared(store, plan, (*own[:1], *others[:1]))
    found = cka_map(_rows(store, own, ids), list(_rows(store, others, ids)))
    store.publish_array(Kind.ARRAY, plan.key, found)


@derives("matching")
def _matching(store: Store, plan: Derivation) -> None:
    """Publish float64 (3, m): a channel of each layer, and their correlation; the most alike first."""
    other = plan.parameters["other"]
    ids = _shared(store, plan, (plan.source, other))
    one, another = _rows(store, (plan.source, other), ids)
    found = match_channels(one, another)
    store.publish_array(
        Kind.ARRAY, plan.key, np.stack([found.first, found.second, found.correlation]).astype(np.float64)
    )


def _shared(store: Store, plan: Derivation, sources: Sequence[str]) -> IntArray:
    """Return the ids of images that could be read for all of some summaries, or a draw of them."""
    ids, labels = readable_sample(store, sources[0], plan.sample)
    for source in sources[1:]:
        kept = np.isin(ids, readable_sample(store, source, plan.sample)[0])
        ids, labels = ids[kept], labels[kept]
    if not len(ids):
        raise DatasetError("The two models have no image in common that could be read. Mend the files.")
    return ids[stratified(labels, plan.parameters["images"], 0)]


def _rows(store: Store, sources: Sequence[str], ids: IntArray) -> Iterator[FloatArray]:
    for source in sources:
        yield np.asarray(store.array(Kind.SUMMARY, source)[ids])
