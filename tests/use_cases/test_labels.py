"""Use case 2: the wrong labels are found, by a network that was trained on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.use_cases.labels import find, prepare


@pytest.mark.slow
def test_mislabelled_digits_are_found(tmp_path: Path) -> None:
    found = find(prepare(tmp_path), tmp_path)
    assert found.wrong == 180
    assert found.auroc > 0.99
    assert found.precision > 0.9
    assert found.corrected > 0.95
    assert found.expected == pytest.approx(found.precision, abs=0.15)
    assert found.expected_wrong == pytest.approx(180, rel=0.25)
