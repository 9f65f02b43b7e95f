"""An undisturbed run of the slow model, once for all tests of this folder."""

from __future__ import annotations

import pytest

from tests.engine.processes import computed, results, slow_settings


@pytest.fixture(scope="session")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the results of a run that nothing happened to, by name."""
    store = tmp_path_factory.mktemp("quiet") / "store"
    computed(slow_settings(store, engine="inline"))
    return results(store)
