"""The wheel, installed where nothing of the checkout can be seen."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLEAN = shutil.ignore_patterns("__pycache__", "*.egg-info")

PROBE = """
import json, sys
from pathlib import Path
import channelexplorer_dash.assets
import channelexplorer_dash.callbacks
from channelexplorer_dash import create_app, load_settings
from channelexplorer_dash.datasets.wordnet import wordnet
from channelexplorer_dash.demo import demo_settings_file

settings = load_settings([demo_settings_file()], flags={"store": sys.argv[1]}, environment=False)
client = create_app(settings).server.test_client()
page = client.get("/")
linked = [part.split('"')[0] for part in page.text.split('"/assets/')[1:]]
print(json.dumps({
    "home": str(Path(channelexplorer_dash.__file__).parent),
    "status": page.status_code,
    "layout": client.get("/_dash-layout").status_code,
    "linked": linked,
    "assets": [client.get("/assets/" + name).status_code for name in linked],
    "checkpoint": all(model.checkpoint.is_file() for model in settings.models),
    "classes": wordnet().below[0],
    "torch": "torch" in sys.modules,
}))
"""


@dataclass(frozen=True)
class Installed:
    """A wheel, and the environment that it is installed in."""

    wheel: Path
    environment: Path

    def run(self, *words: str, cwd: Path) -> str:
        command = [str(self.environment / "bin" / words[0]), *words[1:]]
        found = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr
        return found.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build the wheel from a copy, so that nothing left over from an earlier build gets into it."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("channelexplorer_dash", "callbacks", "assets"):
        shutil.copytree(ROOT / name, source / name, ignore=CLEAN)
    python([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)], cwd=source)
    (wheel,) = folder.glob("*.whl")

    environment = folder / "environment"
    python([sys.executable, "-m", "venv", "--without-pip", str(environment)], cwd=folder)
    own = environment / "bin" / "python"
    python(
        [sys.executable, "-m", "pip", "--python", str(own), "install", "--no-deps", str(wheel)], cwd=folder
    )
    # The other packages are those of this environment: a path in a .pth file brings its packages, but not
    # its own .pth files, hence not the editable install.
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return Installed(wheel, environment)


def python(words: list[str], cwd: Path) -> None:
    found = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.slow
def test_the_wheel_holds_all_of_the_package(installed: Installed) -> None:
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    assert {name.partition("/")[0].split("-")[0] for name in names} == {"channelexplorer_dash"}
    expected = set()
    for folder, target in (("channelexplorer_dash", ""), ("callbacks", "callbacks/"), ("assets", "assets/")):
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                expected.add(f"channelexplorer_dash/{target}{file.relative_to(ROOT / folder)}")
    assert sorted(expected - names) == []
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_the_installed_wheel_answers(installed: Installed, tmp_path: Path) -> None:
    found = json.loads(installed.run("python", "-c", PROBE, str(tmp_path / "store"), cwd=tmp_path))
    assert Path(found["home"]).is_relative_to(installed.environment)
    assert found["status"] == 200
    assert found["layout"] == 200
    assert len(found["linked"]) >= 2
    assert set(found["assets"]) == {200}
    assert found["checkpoint"]
    assert found["classes"] == 1000
    assert not found["torch"]


@pytest.mark.slow
def test_the_installed_command_runs(installed: Installed, tmp_path: Path) -> None:
    assert installed.run("channelexplorer", "--version", cwd=tmp_path).startswith("channelexplorer ")
    assert "digits" in installed.run("channelexplorer", "datasets", "--demo", cwd=tmp_path)
