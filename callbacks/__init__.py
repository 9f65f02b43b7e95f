"""Callbacks: one module per view."""
