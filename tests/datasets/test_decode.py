"""Odd image files come out upright, in 8 bit, in grey or RGB; bad ones with a message that names them."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from channelexplorer_dash.datasets.decode import SUFFIXES, decode
from channelexplorer_dash.errors import DatasetError
from tests.datasets.conftest import MAX_PIXELS, photo


def read(file: Path, max_pixels: int = MAX_PIXELS) -> Image.Image:
    image = decode(file, file.name, max_pixels)
    assert image.mode in {"L", "RGB"}
    assert not image.info
    return image


def refusal(file: Path, max_pixels: int = MAX_PIXELS) -> str:
    with pytest.raises(DatasetError) as caught:
        decode(file, file.name, max_pixels)
    message = str(caught.value)
    assert message.startswith(file.name), "the message names the file"
    return message


def ramp(dtype: str, top: int) -> np.ndarray:
    return np.linspace(0, top, 12 * 20).astype(dtype).reshape(12, 20)


RAMP8 = np.rint(np.linspace(0, 65535, 240).astype(np.uint16) / 257).astype(np.uint8).reshape(12, 20)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm", ".webp", ".gif", ".jpg", ".jp2", ".avif"])
def test_common_formats(tmp_path: Path, suffix: str) -> None:
    assert suffix in SUFFIXES
    file = tmp_path / f"a{suffix}"
    photo().save(file, **({"lossless": True} if suffix == ".webp" else {}))
    image = read(file)
    assert image.mode == "RGB"
    difference = np.abs(np.asarray(image, np.int16) - np.asarray(photo(), np.int16))
    assert difference.mean() < (12 if suffix in {".jpg", ".gif", ".avif"} else 0.01)


def test_grey(tmp_path: Path) -> None:
    photo().convert("L").save(tmp_path / "a.png")
    image = read(tmp_path / "a.png")
    assert image.mode == "L"
    assert np.array_equal(np.asarray(image), np.asarray(photo().convert("L")))


def test_cmyk_jpeg(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    red, green, blue = read(tmp_path / "a.jpg").getpixel((4, 4))
    assert red > 250
    assert green < 5
    assert blue < 5


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_grey_is_scaled_not_clipped(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a{suffix}"
    Image.fromarray(ramp("u2", 65535)).save(file)
    with Image.open(file) as opened:
        assert opened.mode == "I;16"
    image = read(file)
    assert image.mode == "L"
    assert np.array_equal(np.asarray(image), RAMP8)


def test_16_bit_grey_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(ramp("u2", 65535)).transpose(Image.Transpose.ROTATE_90).save(
        tmp_path / "a.png", exif=exif
    )
    assert np.array_equal(np.asarray(read(tmp_path / "a.png")), RAMP8)


def test_big_endian_16_bit_tiff(tmp_path: Path) -> None:
    values = ramp("u2", 65535)
    Image.frombytes("I;16B", (20, 12), values.astype(">u2").tobytes()).save(tmp_path / "a.tif")
    assert np.array_equal(np.asarray(read(tmp_path / "a.tif")), RAMP8)


def test_16_bit_pgm(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 20 12 65535\n" + ramp("u2", 65535).astype(">u2").tobytes())
    assert np.array_equal(np.asarray(read(tmp_path / "a.pgm")), RAMP8)


def test_32_bit_integers_within_16_bit_count_as_16_bit(tmp_path: Path) -> None:
    Image.fromarray(ramp("i4", 65535)).save(tmp_path / "a.tif")
    with Image.open(tmp_path / "a.tif") as opened:
        assert opened.mode == "I"
    assert np.array_equal(np.asarray(read(tmp_path / "a.tif")), RAMP8)


def test_32_bit_integers_beyond_are_stretched(tmp_path: Path) -> None:
    Image.fromarray(np.array([[-1_000_000, 0, 1_000_000]], np.int32)).save(tmp_path / "a.tif")
    assert np.asarray(read(tmp_path / "a.tif")).tolist() == [[0, 128, 255]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([-1.0, 0.0, 3.0], [0, 64, 255]),
        ([0.0, np.nan, 1.0], [0, 0, 255]),
        ([7_000.0, 7_000.0, 7_000.0], [0, 0, 0]),
    ],
)
def test_float_tiff(tmp_path: Path, values: list[float], expected: list[int]) -> None:
    Image.fromarray(np.array([values], np.float32)).save(tmp_path / "a.tif")
    assert np.asarray(read(tmp_path / "a.tif")).tolist() == [expected]


def test_one_bit(tmp_path: Path) -> None:
    bits = ramp("u1", 255) > 100
    Image.fromarray(bits).save(tmp_path / "a.png")
    image = read(tmp_path / "a.png")
    assert image.mode == "L"
    assert np.array_equal(np.asarray(image), np.where(bits, 255, 0))


def test_grey_with_alpha_lies_on_white(tmp_path: Path) -> None:
    Image.fromarray(np.array([[[0, 255], [0, 0], [100, 51]]], np.uint8), "LA").save(tmp_path / "a.png")
    image = read(tmp_path / "a.png")
    assert image.mode == "L"
    assert np.asarray(image).tolist() == [[0, 255, 224]]


def test_alpha_lies_on_white(tmp_path: Path) -> None:
    pixels = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 51]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.asarray(read(tmp_path / "a.png")).tolist() == [[[255, 0, 0], [255, 255, 255], [204, 204, 204]]]


def test_palette(tmp_path: Path) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 200, 100, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    image.save(tmp_path / "a.png")
    assert np.asarray(read(tmp_path / "a.png")).tolist() == [[[10, 20, 30], [200, 100, 0], [0, 0, 255]]]


@pytest.mark.parametrize("transparency", [1, bytes([255, 0, 255])])
def test_palette_with_transparency_lies_on_white(tmp_path: Path, transparency: int | bytes) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 200, 100, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    image.save(tmp_path / "a.png", transparency=transparency)
    assert np.asarray(read(tmp_path / "a.png")).tolist() == [[[10, 20, 30], [255, 255, 255], [0, 0, 255]]]


def test_transparent_grey_value_lies_on_white(tmp_path: Path) -> None:
    Image.fromarray(np.array([[7, 0]], np.uint8)).save(tmp_path / "a.png", transparency=7)
    image = read(tmp_path / "a.png")
    assert image.mode == "L"
    assert np.asarray(image).tolist() == [[255, 0]]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(tmp_path: Path, suffix: str, orientation: int) -> None:
    upright = photo(40, 24)
    # The transposition that the camera would have to undo.
    stored = upright
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    if orientation > 1:
        stored = upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = tmp_path / f"a{suffix}"
    stored.save(file, exif=exif, **({"quality": 95} if suffix == ".jpg" else {}), lossless=True)
    image = read(file)
    assert image.size == upright.size
    assert np.abs(np.asarray(image, np.int16) - np.asarray(upright, np.int16)).mean() < 4
    assert 0x0112 not in image.getexif()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_is_no_reason_to_refuse(tmp_path: Path) -> None:
    photo().save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xffrubbish")
    assert read(tmp_path / "a.jpg").size == (20, 12)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".tif", ".png"])
def test_of_several_images_the_first_is_shown(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    rest = {} if suffix in {".gif", ".tif"} else {"lossless": True}
    frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:], **rest)
    assert read(tmp_path / f"a{suffix}").getpixel((3, 3)) == (255, 0, 0)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp"])
def test_truncated(tmp_path: Path, suffix: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    buffer = io.BytesIO()
    noise.save(buffer, {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper()))
    file = tmp_path / f"a{suffix}"
    file.write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    message = refusal(file)
    assert "replace it, or take it out" in message or "is not an image" in message


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    assert "is empty (0 bytes)" in refusal(tmp_path / "a.png")


def test_text_named_as_image(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("not found")
    assert "is not an image" in refusal(tmp_path / "a.png")


def test_formats_that_start_other_programs_are_refused(tmp_path: Path) -> None:
    photo().save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    assert "is not an image" in refusal(tmp_path / "a.png")


def test_missing_file(tmp_path: Path) -> None:
    assert "not there any more" in refusal(tmp_path / "a.png")


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    refusal(tmp_path / "a.png")


def giant_png(width: int, height: int) -> bytes:
    """Make a PNG that announces a size in its header, with no pixels behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("width", "height"), [(1_001, 1_000), (12_000, 12_000), (100_000, 100_000)])
def test_too_large_is_refused_by_the_header_without_a_warning(
    tmp_path: Path, width: int, height: int
) -> None:
    (tmp_path / "a.png").write_bytes(giant_png(width, height))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        message = refusal(tmp_path / "a.png")
    assert f"{width} × {height} pixels" in message
    assert "max_image_pixels" in message


def test_a_limit_above_pillows_own_is_the_one_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    photo().save(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(tmp_path / "a.png").size == (20, 12)


def test_cielab_is_refused_with_a_way_out(tmp_path: Path) -> None:
    Image.new("LAB", (4, 4)).save(tmp_path / "a.tif")
    assert "Convert it to RGB" in refusal(tmp_path / "a.tif")
