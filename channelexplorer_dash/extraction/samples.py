"""What of a summary S takes part in a view: the images of a sample, their moments and their scaling."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import IntArray
from channelexplorer_dash.core.moments import ClassMoments, chosen, class_moments
from channelexplorer_dash.core.normalise import Scaling
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.extraction.plan import about_key
from channelexplorer_dash.store import Kind, Store
from channelexplorer_dash.store.moments import read_moments


def readable_sample(store: Store, summary: str, sample: str) -> tuple[IntArray, IntArray]:
    """Return image ids and labels of a sample, without the images that the extraction left out.

    Parameters
    ----------
    summary
        Key of S.
    sample
        Key of the sample, int64 (2, n).

    Raises
    ------
    DatasetError
        If no image is left.
    """
    ids, labels = np.asarray(store.array(Kind.ARRAY, sample))
    gone = [int(entry[0]) for entry in store.record(about_key(summary))["left_out"]]
    if gone:
        kept = ~np.isin(ids, gone)
        ids, labels = ids[kept], labels[kept]
    if not len(ids):
        raise DatasetError(
            "None of the chosen images could be read. Choose other classes, or mend the files."
        )
    return ids, labels


def sample_moments(store: Store, summary: str, ids: IntArray, labels: IntArray) -> ClassMoments:
    """Return the moments of a sample's rows of S, without a look at S where whole classes take part."""
    moments = read_moments(store, summary)
    present, counts = np.unique(labels, return_counts=True)
    if np.array_equal(counts, moments.counts[np.searchsorted(moments.classes, present)]):
        return chosen(moments, present.tolist())
    return class_moments(store.array(Kind.SUMMARY, summary), labels, ids)


def pack_scaling(scaling: Scaling) -> npt.NDArray[np.float64]:
    """Return a scaling as the store keeps it, float64 (3, C): shift, scale, and 1 for dead channels."""
    return np.stack([scaling.shift, scaling.scale, scaling.dead])


def read_scaling(store: Store, key: str, method: str) -> Scaling:
    """Return the scaling that was published under a key."""
    shift, scale, dead = np.asarray(store.array(Kind.ARRAY, key))
    return Scaling(method, shift, scale, dead > 0)
