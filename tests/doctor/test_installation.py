"""Python and packages against what is required."""

from __future__ import annotations

from importlib.metadata import version

from channelexplorer_dash.doctor.installation import check_packages, check_python


def test_this_installation_is_as_required() -> None:
    assert check_python().level == "ok"
    (found,) = check_packages(["diffusion"])
    assert found.level == "ok" and int(found.found.split()[0]) > len(["numpy", "torch", "dash"])


def test_an_old_python_is_a_problem() -> None:
    found = check_python(">=3.11", "3.9.2")
    assert found.level == "problem" and "3.9.2" in found.found and ">=3.11" in found.found
    assert check_python(">=3.11", "3.14.0rc1").level == "ok"


def test_each_package_that_is_missing_or_of_another_version_is_named() -> None:
    found = check_packages(requirements=["numpy>=2.0", "numpy>=900", "no-such-package-here>=1"])
    assert [one.level for one in found] == ["problem", "problem"]
    assert version("numpy") in found[0].found and ">=900" in found[0].found
    assert found[1].what == "package no-such-package-here" and "pip install" in found[1].hint


def test_an_extra_counts_only_where_it_is_wanted() -> None:
    written = ["numpy>=2.0", 'numpy>=900; extra == "diffusion"', 'numpy>=900; python_version < "3"']
    assert [one.level for one in check_packages(requirements=written)] == ["ok"]
    assert [one.level for one in check_packages(["diffusion"], written)] == ["problem"]
