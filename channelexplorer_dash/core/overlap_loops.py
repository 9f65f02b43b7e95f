"""Compiled products of the counts of classes, in whole numbers, a tile of classes with another at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from channelexplorer_dash.core.compiled import compiled
from channelexplorer_dash.core.lanes import TILE, multiply_rows

Array = np.ndarray[Any, Any]


@compiled
def write_overlap(counts: Array, images: Array, sizes: Array, start: int, stop: int, overlap: Array) -> None:
    """Write the expected overlap of classes start … stop - 1 with those before them, and with themselves.

    With I = Σ_ch counts[c, ch] · counts[d, ch], n images and A = Σ_ch counts of each class, that is
    I / (A_c n_d + A_d n_c − I), of which only the quotient is rounded.

    Parameters
    ----------
    counts
        int16 (at least K, filled up with rows of zeros to whole tiles; C, a multiple of 32): in how many sets
        of a class a channel is. The sums of their products have room in 32 bits.
    images, sizes
        float64 (K,): the images of a class, and the sizes of their sets together.
    start, stop
        Classes; ``start`` begins a tile.
    overlap
        float32 (K, K), written in the rows and in the columns of these classes.
    """
    width = counts.shape[1]
    pitch = -(-(stop - start) // TILE) * TILE
    shared = np.empty((TILE, pitch), np.int32)
    # Addresses are taken once: each time costs as much as a few products.
    begin, found = counts.ctypes.data, shared.ctypes.data
    for left in range(0, stop, TILE):
        first = max(start, left)
        for right in range(first, stop, TILE):
            multiply_rows(
                begin + 2 * width * left, begin + 2 * width * right, width, found + 4 * (right - first), pitch
            )
        for c in range(left, min(left + TILE, stop)):
            for d in range(first, stop):
                both = np.float64(shared[c - left, d - first])
                either = sizes[c] * images[d] + sizes[d] * images[c] - both
                # Nothing is in both where nothing is in either.
                overlap[c, d] = both / either if either > 0 else 1.0
            for d in range(first, stop):
                overlap[d, c] = overlap[c, d]
