"""The rules of the house that no linter knows: see CONTRIBUTING.md."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from channelexplorer_dash import ids
from scripts.write_settings_page import page as settings_page

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = [ROOT / "channelexplorer_dash", ROOT / "callbacks"]
CODE = [*PACKAGE, ROOT / "benchmarks", ROOT / "scripts", ROOT / "tests"]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MAX_LINES = 420

# Fully transparent is no colour: a theme has nothing to change in it.
COLOUR = re.compile(
    r"(?!rgba\(0, ?0, ?0, ?0\))(?:#(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{6}|[0-9a-fA-F]{3,4})\b|\b(?:rgb|hsl)a?\()",
    re.ASCII,
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def modules(*folders: Path) -> list[Path]:
    return [file for folder in folders for file in sorted(folder.rglob("*.py"))]


def shown(file: Path) -> str:
    return str(file.relative_to(ROOT))


def texts(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield the string literals of a module that are not docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


@pytest.mark.parametrize("file", modules(*CODE), ids=shown)
def test_a_module_holds_one_idea(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) < MAX_LINES


def plain_ids() -> set[str]:
    return {value for name, value in vars(ids).items() if name.isupper() and isinstance(value, str)}


@pytest.mark.parametrize("file", modules(*PACKAGE), ids=shown)
def test_ids_are_written_in_one_place(file: Path) -> None:
    if file.name == "ids.py":
        return
    tree = ast.parse(file.read_text(encoding="utf-8"))
    classes = {
        id(inner)
        for word in ast.walk(tree)
        if isinstance(word, ast.keyword) and word.arg in {"className", "class_name"}
        for inner in ast.walk(word.value)
    }
    known = plain_ids()
    literal = [node.value for node in texts(tree) if node.value in known and id(node) not in classes]
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        callee = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        named = [word.value for word in call.keywords if word.arg in {"id", "component_id"}]
        if callee in {"Input", "Output", "State"}:
            named += call.args[:1]
        literal += [ast.unparse(node) for node in named if isinstance(node, ast.Constant | ast.Dict)]
    assert not literal, f"{shown(file)}: take {literal} from ids.py"


def test_scripts_of_the_page_know_only_ids_that_exist() -> None:
    for file in sorted((ROOT / "assets").glob("*.js")):
        source = file.read_text(encoding="utf-8")
        used = re.findall(r"""(?:getElementById|set_props)\(\s*["']([^"']+)["']""", source)
        assert set(used) <= plain_ids(), f"{shown(file)} names ids that ids.py does not"


@pytest.mark.parametrize("file", modules(*PACKAGE), ids=shown)
def test_colours_are_written_in_the_theme(file: Path) -> None:
    if shown(file) == "channelexplorer_dash/figures/theme.py":
        return
    tree = ast.parse(file.read_text(encoding="utf-8"))
    literal = [node.value for node in texts(tree) if COLOUR.search(node.value)]
    assert not literal, f"{shown(file)}: take {literal} from figures/theme.py"


def test_the_page_scripts_hold_no_colour() -> None:
    for file in sorted((ROOT / "assets").glob("*.js")):
        code = re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not COLOUR.findall(code), f"{shown(file)}: colours belong to the style sheet"


def test_nothing_of_the_page_is_fetched_from_elsewhere() -> None:
    for file in sorted((ROOT / "assets").glob("*.css")):
        fetched = re.findall(
            r"url\(\s*[\"']?(?!data:)([^)\"']+)|@import[^;]+", file.read_text(encoding="utf-8")
        )
        assert not [address for address in fetched if "//" in address], f"{shown(file)} needs the network"


def test_the_settings_page_is_current() -> None:
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == settings_page(), "run `make docs`"


def test_the_pins_drop_local_versions() -> None:
    pins = [
        line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line[0] != "#"
    ]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+", pin) for pin in pins)
    assert len(pins) == len({pin.partition("==")[0] for pin in pins})


def blocks(page: Path, *languages: str) -> list[str]:
    return [
        body for language, body in FENCE.findall(page.read_text(encoding="utf-8")) if language in languages
    ]


def commands(page: Path) -> list[str]:
    """Return the command lines of a page, continued lines joined."""
    lines = [
        line.removeprefix("$ ").strip()
        for block in blocks(page, "bash", "sh", "console")
        for line in block.replace("\\\n", " ").splitlines()
    ]
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_commands_of_the_pages_exist(page: Path) -> None:
    targets = set(
        re.findall(r"^([a-z-]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    for command in commands(page):
        for target in re.findall(r"\bmake ([a-z-]+)", command):
            assert target in targets, f"{shown(page)}: no `make {target}`"
        for name in re.findall(r"-m benchmarks ([a-z_]+)", command):
            assert (ROOT / "benchmarks" / f"{name}.py").exists(), f"{shown(page)}: no benchmark {name}"
        for name in re.findall(r"-m scripts\.([\w.]*\w)", command):
            file = (ROOT / "scripts").joinpath(*name.split(".")).with_suffix(".py")
            assert file.exists(), f"{shown(page)}: no script {name}"


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_command_lines_of_the_pages_are_understood(page: Path) -> None:
    from channelexplorer_dash.cli.parsing import parser

    for command in commands(page):
        if match := re.search(r"(?:^|/|\s)channelexplorer ([^|>&]+)", command):
            words = match[1].split("#")[0].split()
            parser().parse_args(words)


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_code_of_the_pages_compiles(page: Path) -> None:
    import channelexplorer_dash

    for block in blocks(page, "python"):
        tree = ast.parse(block)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "channelexplorer_dash":
                for name in node.names:
                    assert hasattr(channelexplorer_dash, name.name), f"{shown(page)}: no {name.name}"


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_of_the_pages_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'(?:src|srcset)="([^"\s]+)', text):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{shown(page)}: {target} is missing"


def test_nothing_names_a_workplace() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    if tracked == [""]:
        pytest.skip("not a git checkout")
    found = []
    for name in filter(None, tracked):
        file = ROOT / name
        if (
            file.suffix in {".py", ".md", ".toml", ".txt", ".js", ".css", ".sh", ".yaml", ""}
            and file.is_file()
        ):
            text = file.read_text(encoding="utf-8", errors="ignore")
            found += [
                f"{name}: {word}" for word in re.findall(r"(?<![\w.])/(?:work|opt|root)/[a-z]\w+", text)
            ]
    assert not found
