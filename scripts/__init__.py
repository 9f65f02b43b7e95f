"""Programs of the repository: run them from its root."""
