"""The tests, one folder per package. This runs before NumPy and torch are imported."""

import os

# Inherited by every process that a test starts: with two threads on two busy cores a step takes ten times
# as long.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"
# A developer's own settings must not reach the tests.
for name in [name for name in os.environ if name.startswith("CHANNELEXPLORER_")]:
    del os.environ[name]
