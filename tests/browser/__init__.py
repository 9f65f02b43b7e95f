"""The page in a real Chromium."""

import pytest

# So that what does not come as expected is shown side by side.
pytest.register_assert_rewrite("tests.browser.screen")
