"""Frozen records that the explorer answers with; figure builders take them as they are."""
