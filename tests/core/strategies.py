"""Small random inputs for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

# Few distinct values make ties, constant channels and images of zeros common.
coarse = st.sampled_from([-2.0, -1.0, 0.0, 0.0, 0.5, 1.0, 3.0])
fine = st.floats(-1e3, 1e3, width=32)


@st.composite
def summaries(draw: st.DrawFn, images: int = 12, channels: int = 8) -> np.ndarray:
    """Draw S float32 (N, C)."""
    shape = draw(st.tuples(st.integers(1, images), st.integers(1, channels)))
    return draw(hnp.arrays(np.float32, shape, elements=draw(st.sampled_from([coarse, fine]))))


@st.composite
def labelled(draw: st.DrawFn, images: int = 12, channels: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Draw S and labels int64 (N,), not every label in use."""
    S = draw(summaries(images, channels))
    labels = draw(hnp.arrays(np.int64, len(S), elements=st.integers(0, 4)))
    return S, labels
