"""A web process stays light: asked of a fresh interpreter, as this one has imported everything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "torchvision", "timm", "sklearn", "umap", "numba", "scipy", "distributed", "safetensors")


def imported_by(code: str, folder: Path) -> set[str]:
    """Return the top-level modules that a fresh interpreter has after running some code."""
    ending = "import sys, json; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{ending}"], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import channelexplorer_dash.wsgi",
        "from channelexplorer_dash import create_app, load_settings; create_app(load_settings())",
        "from channelexplorer_dash import mount",
        "from channelexplorer_dash import explore, register_model, register_dataset",
    ],
)
def test_a_web_process_imports_nothing_heavy(code: str, tmp_path: Path) -> None:
    assert not imported_by(code, tmp_path) & set(HEAVY)


def test_a_served_page_imports_nothing_heavy(tmp_path: Path) -> None:
    code = """
from channelexplorer_dash.wsgi import server
client = server.test_client()
for address in ("/", "/_dash-layout", "/_dash-dependencies", "/media/digits/0", "/healthz"):
    assert client.get(address).status_code == 200, address
"""
    assert not imported_by(code, tmp_path) & set(HEAVY)


def test_the_package_itself_imports_next_to_nothing(tmp_path: Path) -> None:
    assert not imported_by("import channelexplorer_dash", tmp_path) & {
        *HEAVY,
        "numpy",
        "dash",
        "flask",
        "polars",
    }


def test_the_server_forks_before_polars_is_imported(tmp_path: Path) -> None:
    code = "import channelexplorer_dash.cli, channelexplorer_dash.server.launch"
    assert "polars" not in imported_by(code, tmp_path)


def test_every_public_name_is_there() -> None:
    import channelexplorer_dash

    for name in channelexplorer_dash.__all__:
        assert getattr(channelexplorer_dash, name) is not None
        assert name in dir(channelexplorer_dash)
    assert channelexplorer_dash.__version__.count(".") == 2
    with pytest.raises(AttributeError, match="no attribute 'creat_app'"):
        _ = channelexplorer_dash.creat_app
