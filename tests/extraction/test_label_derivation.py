"""Label issues as the engine publishes them, against the core's functions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from channelexplorer_dash.core.active import active_sets
from channelexplorer_dash.core.label_issues import LayerEvidence, label_issues
from channelexplorer_dash.core.moments import class_moments
from channelexplorer_dash.core.normalise import fit_scaling
from channelexplorer_dash.extraction.derivations import publish_derivation
from channelexplorer_dash.extraction.plan import Derivation, about_key, plan_from_json
from channelexplorer_dash.store import Kind, Store, digest, schema
from channelexplorer_dash.store.moments import publish_moments

SOURCES = {"early": digest("early"), "late": digest("late")}
GONE = 11


@pytest.fixture
def plan(tmp_path: Path) -> tuple[Store, Derivation, dict[str, np.ndarray], np.ndarray]:
    """Two layers of 90 images in three classes; one image could not be read in the later pass."""
    store, rng = Store(tmp_path), np.random.default_rng(0)
    labels = np.arange(90) % 3
    values: dict[str, np.ndarray] = {}
    for layer, spread in (("early", 1.0), ("late", 0.3)):
        S = (rng.gamma(2.0, size=(3, 20))[labels] + spread * rng.normal(size=(90, 20))).astype(np.float32)
        gone = [[GONE, "x.png", "broken"]] if layer == "late" else []
        S[[entry[0] for entry in gone]] = np.nan
        values[layer] = S
        store.publish_array(Kind.SUMMARY, SOURCES[layer], S)
        store.publish_record(about_key(SOURCES[layer]), {"left_out": gone, "non_finite": 0})
        publish_moments(store, SOURCES[layer], class_moments(S, labels))
    sample = digest("sample")
    store.publish_array(Kind.ARRAY, sample, np.stack([np.arange(90), labels]))
    shared = {"normalisation": "none", "top_fraction": 0.2, "neighbours": 9, "seed": 0}
    return (
        store,
        Derivation("label_issues", "late", SOURCES["late"], sample, {**shared, "sources": SOURCES}),
        values,
        labels,
    )


def test_the_table_is_ranked_and_is_what_the_core_finds(
    plan: tuple[Store, Derivation, dict[str, np.ndarray], np.ndarray],
) -> None:
    store, derivation, values, labels = plan
    publish_derivation(store, derivation)
    table = store.table(derivation.key)
    assert table.schema == schema.LABEL_ISSUES
    ids = np.setdiff1d(np.arange(90), [GONE])
    assert sorted(table[schema.IMAGE_ID].to_list()) == ids.tolist()
    evidence = [
        LayerEvidence(layer, S[ids], active_sets(S[ids], 0.2, fit_scaling(S[ids], "none")))
        for layer, S in values.items()
    ]
    expected = label_issues(evidence, labels[ids], 9)
    at = np.searchsorted(ids, table[schema.IMAGE_ID].to_numpy())
    np.testing.assert_array_equal(table[schema.SCORE], expected.score[at])
    np.testing.assert_array_equal(table[schema.PROPOSED], expected.proposed[at])
    np.testing.assert_array_equal(table[schema.PRECISION], expected.precision[at])
    np.testing.assert_allclose(table[schema.PROBE], expected.way("probe")[at])
    assert (np.diff(table[schema.SCORE]) <= 0).all()


def test_the_layers_are_part_of_the_key_and_the_plan_travels(
    plan: tuple[Store, Derivation, dict[str, np.ndarray], np.ndarray],
) -> None:
    _, derivation, _, _ = plan
    fewer = Derivation(
        derivation.name,
        derivation.layer,
        derivation.source,
        derivation.sample,
        {**derivation.parameters, "sources": {"late": SOURCES["late"]}},
    )
    assert fewer.key != derivation.key
    assert plan_from_json(derivation.to_json()).key == derivation.key
    assert derivation.result is Kind.TABLE
    assert "late" in derivation.label
