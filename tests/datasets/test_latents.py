"""Latents in files: what is read, and what is said of every other file."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from channelexplorer_dash.datasets.latents import read_latent
from channelexplorer_dash.errors import DatasetError

SHAPE = (1, 4, 3)
LATENT = np.random.default_rng(1).normal(size=SHAPE)


def npy(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        npy(LATENT),
        npy(LATENT.astype(np.float32)[None]),
        npy(np.asfortranarray(LATENT)),
        npy(LATENT.astype(">f4")),
        npz(other=np.zeros(3), latent=LATENT.astype(np.float32)),
        safetensors.numpy.save({"a": np.zeros(2, np.float32), "latents": LATENT.astype(np.float32)}),
    ],
)
def test_every_form_gives_the_same_latent(content: bytes) -> None:
    found = read_latent(content, "file", SHAPE)
    assert found.dtype == np.float32 and found.flags.c_contiguous
    assert np.array_equal(found, LATENT.astype(np.float32))


def huge_npy() -> bytes:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def npz_that_lies() -> bytes:
    """Return an archive whose header promises the right shape, with too few values."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("latent.npy", npy(LATENT)[:-8])
    return buffer.getvalue()


def safetensors_of(**entry: object) -> bytes:
    header = json.dumps({"x": entry}).encode()
    return len(header).to_bytes(8, "little") + header


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (npy(np.zeros((4, 3))), r"shape \(4, 3\); a latent of shape \(1, 4, 3\)"),
        (npz(), "holds no array"),
        (npz(**{f"a{i}": np.zeros(i) for i in range(5)}), "and 2 more"),
        (npy(np.full(SHAPE, np.nan)), "NaN"),
        (npy(np.full(SHAPE, 1e300)), "too large"),
        (npy(np.full(SHAPE, "x")), "no numbers"),
        (npy(np.full(SHAPE, None, object)), "no numbers"),
        (huge_npy(), r"\(1000000000000,\)"),
        (npy(LATENT)[:-8], "cannot be read"),
        (npz_that_lies(), "cannot be read"),
        (safetensors_of(dtype="F32", shape=SHAPE, data_offsets=[0, 48]), "cannot be read"),
        (safetensors_of(dtype="BF16", shape=SHAPE, data_offsets=[0, 24]), "no type BF16"),
        (safetensors_of(dtype="F32", shape=3), "cannot be read"),
        (b"\xff" * 100, "cannot be read"),
        (b"", "cannot be read"),
        (b"PK\x03\x04 not an archive", "cannot be read"),
    ],
)
def test_what_is_no_latent_says_so(content: bytes, said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        read_latent(content, "file.npy", SHAPE)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x93NUMPY\x01\x00", b"PK\x03\x04"]))
def test_no_file_does_anything_but_say_that_it_is_none(rest: bytes, start: bytes) -> None:
    with pytest.raises(DatasetError):
        read_latent(start + rest, "file", SHAPE)
