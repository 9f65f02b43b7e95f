"""Images dropped on the page, on the digits demo: predicted, placed, compared, and gone after an hour."""

from __future__ import annotations

import io
import os
import time

import numpy as np
import pytest
from PIL import Image

from channelexplorer_dash.choices import Projection
from channelexplorer_dash.core.neighbours import nearest_known
from channelexplorer_dash.errors import DatasetError, SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.selection import PairMark, View
from channelexplorer_dash.store import Kind
from channelexplorer_dash.store.tidying import PASSING_SECONDS, clean
from tests.explorer.conftest import settled

LAYER = "layer4.0"


def file_of(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("projection", ["pca", "umap"])
def test_an_image_of_the_dataset_is_placed_on_itself(
    explorer: Explorer, view: View, projection: Projection
) -> None:
    sample = explorer.sample(view)
    images = sample.image_ids[[3, 70]].tolist()
    files = [file_of(explorer.dataset("digits").image(image)) for image in images]
    taken = [explorer.new_images.take(f"{i}.png", content) for i, content in enumerate(files)]
    while settled(lambda: explorer.scatter(view, LAYER, projection)).method != projection:
        time.sleep(0.1)
    scatter = settled(lambda: explorer.scatter(view, LAYER, projection))
    keys = [one.key for one in taken]
    found = settled(lambda: explorer.new_images.look(view, LAYER, keys, projection))
    assert (found.method, found.layer.name, found.non_finite) == (projection, LAYER, 0)
    extent = np.ptp(scatter.xy, axis=0).max()
    for image, row, placed in zip(images, (3, 70), found.images, strict=True):
        assert placed.neighbours[0] == image and placed.distances[0] == pytest.approx(0, abs=1e-6)
        assert placed.similarity[0] == 1.0 and len(placed.neighbours) == 5
        tolerance = 1e-4 if projection == "pca" else 0.1
        np.testing.assert_allclose(placed.position, scatter.xy[row], atol=tolerance * extent)
        pair = settled(
            lambda image=image, other=int(placed.neighbours[1]): explorer.pair(
                view, PairMark(LAYER, image, other)
            )
        )
        assert placed.similarity[1] == pytest.approx(pair.similarity)
        assert set(pair.shared.tolist()) <= set(placed.shared)
        # The image itself shares all of its channels.
        assert len(placed.shared) == placed.active and max(placed.sharing) <= 5
        known = explorer.images(view, [image])[0]
        name, share = placed.answers[0]
        if known.prediction_name is not None:
            assert name == known.prediction_name and share == pytest.approx(known.confidence, abs=1e-4)


def test_neighbours_are_those_of_the_summary(explorer: Explorer, view: View) -> None:
    other = explorer.dataset("digits").image(1500)
    taken = explorer.new_images.take("x.png", file_of(other))
    found = settled(lambda: explorer.new_images.look(view, LAYER, [taken.key], "pca")).images[0]
    summary = settled(lambda: explorer.compute(view, (LAYER,), output=False))[0]
    ids = explorer.sample(view).image_ids
    rows = explorer._work.rows(summary, ids)
    near = nearest_known(rows, explorer._work.rows(summary, np.array([1500])), 5)
    np.testing.assert_array_equal(found.neighbours, ids[near.indices[0]])


def test_colour_large_and_turned_images_are_taken(explorer: Explorer, view: View) -> None:
    colour = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 40, 3), np.uint8))
    taken = explorer.new_images.take("C:\\photos\\" + "x" * 100 + ".jpg", file_of(colour, "JPEG"))
    assert len(taken.name) == 60 and "\\" not in taken.name
    found = settled(lambda: explorer.new_images.look(view, LAYER, [taken.key], "pca"))
    assert np.isfinite(found.images[0].position).all()


def test_what_is_no_image_is_refused(explorer: Explorer) -> None:
    take = explorer.new_images.take
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    good = file_of(Image.fromarray(noise))
    with pytest.raises(DatasetError, match=r"a.png is not an image.*choose another"):
        take("a.png", b"hello world, this is text")
    with pytest.raises(DatasetError, match="empty"):
        take("../../etc/passwd", b"")
    with pytest.raises(DatasetError, match="damaged or cut off"):
        take("a.png", good[: len(good) // 2])
    with pytest.raises(DatasetError, match=r"too large.*new_image_pixels"):
        take("a.png", file_of(Image.new("1", (5000, 4000))))
    with pytest.raises(SelectionError, match="7 files"):
        explorer.new_images.check([1] * 7)
    with pytest.raises(SelectionError, match=r"6.0 MB; 5 MB"):
        explorer.new_images.check([3_000_000, 3_000_000])


def test_keys_that_are_none_are_refused(explorer: Explorer, view: View) -> None:
    for keys in (["../../secret"], [7], ["0" * 64] * 7):
        with pytest.raises(SelectionError, match="Drop them again"):
            explorer.new_images.look(view, LAYER, keys, "pca")  # type: ignore[arg-type]


def test_nothing_is_kept_for_longer_than_an_hour(explorer: Explorer, view: View) -> None:
    store, board = explorer._store, explorer._engine.board
    taken = explorer.new_images.take("x.png", file_of(Image.new("L", (9, 9), 3)))
    settled(lambda: explorer.new_images.look(view, LAYER, [taken.key], "pca"))
    clean(store, board)
    assert store.has(Kind.PASSING, taken.key)
    folder = store.root / "passing"
    long_ago = time.time() - PASSING_SECONDS - 60
    for file in folder.rglob("*.*"):
        os.utime(file, (long_ago, long_ago))
    other = explorer.new_images.take("y.png", file_of(Image.new("L", (9, 9), 4)))
    assert [file.stem for file in folder.rglob("*.*")] == [other.key]
    with pytest.raises(DatasetError, match="Drop it again"):
        explorer.new_images.look(view, LAYER, [taken.key], "pca")
    explorer.new_images.forget([other.key])
    assert not list(folder.rglob("*.*"))
    os.utime(
        store.path(Kind.PASSING, explorer.new_images.take("z.png", file_of(Image.new("L", (9, 9)))).key),
        (long_ago, long_ago),
    )
    assert len([item for item in clean(store, board) if "dropped" in item.what]) == 1
