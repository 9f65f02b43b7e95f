"""Measurements: ``python -m benchmarks NAME [--quick]``. See docs/benchmarks.md."""
