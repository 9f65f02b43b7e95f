"""The use cases of the paper as scripts: each finds what it tells of from the real models and images."""
