"""Tests of the embedded demo and of the scripts that prepare data and train its models."""
