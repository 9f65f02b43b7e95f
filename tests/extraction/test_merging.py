"""Shards of one plan: in any order, of any size, beside other plans, and after a result vanished."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from channelexplorer_dash.core.moments import class_moments
from channelexplorer_dash.datasets.registry import open_dataset
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.extraction.merging import publish_merged
from channelexplorer_dash.extraction.plan import Describe, Extraction, about_key, moments_key
from channelexplorer_dash.extraction.shards import lacking_results, publish_description, publish_shard
from channelexplorer_dash.models.identity import identity
from channelexplorer_dash.models.registry import register_object
from channelexplorer_dash.settings import load_settings
from channelexplorer_dash.specs import DatasetSpec
from channelexplorer_dash.store import Kind, Store
from channelexplorer_dash.store.moments import read_moments
from tests.extraction.toys import Unsure

LAYERS = ("layer1.0", "layer2.0", "layer3.0")
IMAGES = 27
BROKEN = 13


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetSpec:
    """Three classes of nine images, one of which cannot be read."""
    folder = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(0)
    for number in range(IMAGES):
        file = folder / "abc"[number // 9] / f"{number:02d}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (32, 32), dtype=np.uint8)).save(file)
        if number == BROKEN:
            file.write_bytes(file.read_bytes()[:60])
    return DatasetSpec(name="random", kind="folder", path=folder)


@pytest.fixture
def plan(dataset: DatasetSpec) -> Extraction:
    model = load_settings([demo_settings_file()], environment=False).models[0]
    opened = open_dataset(dataset, 10**6)
    return Extraction(
        model=model,
        identity=identity(model),
        dataset=dataset,
        dataset_digest=opened.digest,
        images=len(opened),
        layers=LAYERS,
        summaries=("l2", "max_abs"),
        output=True,
        shard_size=8,
        batch_size=4,
        batch_memory_mb=16,
        precision="float32",
        device="cpu",
        max_image_pixels=10**6,
    )


def wanted() -> None:
    """Nothing is cancelled."""


def extracted(store: Store, plan: Extraction, starts: Sequence[int]) -> None:
    publish_description(store, Describe(plan.model, plan.identity))
    for start in starts:
        publish_shard(store, plan, start, wanted)


def published(store: Store) -> dict[str, bytes]:
    kinds = ("summaries", "tables", "records")
    return {path.name: path.read_bytes() for kind in kinds for path in (store.root / kind).glob("*/*")}


@pytest.fixture
def expected(tmp_path: Path, plan: Extraction) -> dict[str, bytes]:
    store = Store(tmp_path / "expected")
    extracted(store, plan, plan.starts)
    publish_merged(store, plan, wanted)
    return published(store)


def test_order_and_size_of_shards_do_not_change_a_byte(
    tmp_path: Path, plan: Extraction, expected: dict[str, bytes]
) -> None:
    assert len(expected) == 2 * 3 * 3 + 3
    for size, order in ((8, (24, 0, 16, 8)), (12, (24, 12, 0)), (32, (0,))):
        store = Store(tmp_path / str(size))
        cut = replace(plan, shard_size=size)
        extracted(store, cut, order)
        assert len(list((store.root / "shards").rglob("*.shard"))) == len(order)
        publish_merged(store, cut, wanted)
        assert published(store) == expected
        assert not list((store.root / "shards").iterdir())


def test_moments_are_those_of_the_published_summary(
    tmp_path: Path, plan: Extraction, expected: dict[str, bytes]
) -> None:
    store = Store(tmp_path / "expected")
    labels = open_dataset(plan.dataset, 10**6).labels
    for key in plan.results.values():
        S = store.array(Kind.SUMMARY, key)
        assert isinstance(S, np.memmap) and S.shape[0] == IMAGES
        assert np.flatnonzero(np.isnan(S).all(axis=1)).tolist() == [BROKEN]
        found, brute = read_moments(store, key), class_moments(S, labels)
        assert found.counts.tolist() == [9, 8, 9]
        for name, value in vars(brute).items():
            np.testing.assert_array_equal(getattr(found, name), value)
        assert [entry[0] for entry in store.record(about_key(key))["left_out"]] == [BROKEN]


def test_a_deeper_plan_takes_what_a_shallower_one_published(
    tmp_path: Path, plan: Extraction, expected: dict[str, bytes]
) -> None:
    store = Store(tmp_path / "both")
    shallow = replace(plan, layers=LAYERS[:2], output=False)
    extracted(store, plan, (0,))
    extracted(store, shallow, shallow.starts)
    publish_merged(store, shallow, wanted)
    # The shards of the deeper plan that come now hold only what is still lacking.
    extracted(store, plan, plan.starts)
    held = [
        shard.channels.keys()
        for shard in map(store.shards(plan.key).read, *zip(*plan.shards, strict=True))
        if shard
    ]
    assert [len(keys) for keys in held] == [7, 3, 3, 3]
    publish_merged(store, plan, wanted)
    assert published(store) == expected


def test_a_result_that_vanished_between_two_shards_is_computed_again(
    tmp_path: Path, plan: Extraction, expected: dict[str, bytes]
) -> None:
    store = Store(tmp_path / "vanishing")
    shallow = replace(plan, layers=LAYERS[:1], output=False)
    extracted(store, shallow, shallow.starts)
    publish_merged(store, shallow, wanted)
    extracted(store, plan, (0, 8))
    for key in shallow.results.values():
        store.path(Kind.SUMMARY, key).unlink()
        store.path(Kind.TABLE, moments_key(key)).unlink()
        store.path(Kind.RECORD, about_key(key)).unlink()
    extracted(store, plan, (16, 24))
    publish_merged(store, plan, wanted)
    assert published(store) == expected


def test_nothing_is_computed_that_is_there(
    tmp_path: Path, plan: Extraction, expected: dict[str, bytes]
) -> None:
    store = Store(tmp_path / "expected")
    extracted(store, plan, plan.starts)
    assert not list((store.root / "shards").iterdir())


@pytest.mark.parametrize("lost", ["moments", "about", "summary"])
def test_whichever_file_of_a_summary_is_deleted_it_is_computed_again(
    tmp_path: Path, plan: Extraction, expected: dict[str, bytes], lost: str
) -> None:
    store = Store(tmp_path / "expected")
    key = plan.results["layer2.0", "l2"]
    file = {
        "moments": store.path(Kind.TABLE, moments_key(key)),
        "about": store.path(Kind.RECORD, about_key(key)),
        "summary": store.path(Kind.SUMMARY, key),
    }[lost]
    file.unlink()
    assert not store.has(Kind.SUMMARY, key)
    assert lacking_results(store, plan) == {key}
    extracted(store, plan, plan.starts)
    publish_merged(store, plan, wanted)
    assert published(store) == expected


def test_images_whose_logits_are_not_finite_have_no_prediction_and_are_counted(
    tmp_path: Path, plan: Extraction
) -> None:
    # The model sees the pixels themselves.
    pixels = {"input_size": (1, 32, 32), "mean": [0.5], "std": [1.0], "crop_pct": 1.0}
    spec = register_object(Unsure(), "unsure", preprocessing=pixels)
    unsure = replace(plan, model=spec, identity=identity(spec), layers=("first", "second"))
    store = Store(tmp_path / "unsure")
    extracted(store, unsure, unsure.starts)
    publish_merged(store, unsure, wanted)
    opened = open_dataset(plan.dataset, 10**6)
    means = {i: np.asarray(opened.image(i)).mean() / 255 for i in range(IMAGES) if i != BROKEN}
    bright = [i for i, mean in means.items() if mean >= 0.5]
    assert 0 < len(bright) < len(means)
    table = store.table(unsure.predictions)
    assert table["image_id"].to_list() == bright
    assert table["confidence"].is_finite().all()
    about = store.record(about_key(unsure.predictions))
    assert about["non_finite"] == len(means) - len(bright)
    assert [entry[0] for entry in about["left_out"]] == [BROKEN]
