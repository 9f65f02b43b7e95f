from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.harness import Benchmark, Claim, report

DOCS = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def test_the_last_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    claims = [Claim("seconds", 1.23456789, 2.0, "lower"), Claim("share", 0.9, 0.95, "higher")]
    report("some", claims)
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(last) == ["benchmark", "commit", "machine", "claims"]
    assert last["benchmark"] == "some"
    assert last["machine"]["cores"] >= 1
    assert last["claims"] == [
        {"claim": "seconds", "value": 1.23457, "goal": 2.0, "better": "lower", "holds": True},
        {"claim": "share", "value": 0.9, "goal": 0.95, "better": "higher", "holds": False},
    ]


def test_a_claim_that_does_not_hold_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*, quick: bool) -> Sequence[Claim]:
        assert quick
        return [Claim("share", 0.1, 0.9, "higher")]

    monkeypatch.setattr(command, "load", lambda name: Benchmark(name, "", run))
    assert command.main([command.names()[0], "--quick"]) == 0


def test_no_name_explains_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 2
    assert "coldstart" in capsys.readouterr().out


@pytest.mark.parametrize("name", command.names())
def test_every_benchmark_is_documented(name: str) -> None:
    assert command.load(name).title
    assert f"`{name}`" in DOCS.read_text(encoding="utf-8")
