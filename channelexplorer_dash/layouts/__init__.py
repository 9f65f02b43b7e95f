"""Layouts: one module per view, the controls and the shell."""
