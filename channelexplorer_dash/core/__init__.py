"""Numbers of the product: plain functions, arrays in, arrays or frozen records out.

``S`` is the activation summary, float32 (N, C): images × channels; ``labels`` is int64 (N,). Nothing
here knows torch, polars or Dash; scikit-learn, SciPy and umap are imported when a function needs them.
"""
