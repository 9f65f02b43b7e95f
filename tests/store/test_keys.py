"""Keys are the same everywhere, and differ where the description does."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelexplorer_dash.store import digest

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_order_of_keys_does_not_count(description: dict[str, object]) -> None:
    shuffled = dict(reversed(list(description.items())))
    assert digest(description) == digest(shuffled)


@given(json_values, json_values)
def test_different_descriptions_have_different_keys(first: object, second: object) -> None:
    import json

    same = json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert (digest(first) == digest(second)) == same


def test_the_same_in_another_process() -> None:
    description = {"layer": "layer1.0", "summary": "l2", "numbers": [1, 2.5, None, True], "umlaut": "größe"}
    code = f"from channelexplorer_dash.store import digest; print(digest({description!r}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(description)


def test_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        digest({"x": float("nan")})
