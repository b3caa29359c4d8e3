"""Windows for what a page does; what it looks like is tried in both themes at both widths (conftest.py)."""

import pytest

ONE = pytest.mark.parametrize(("scheme", "width"), [("light", 1440)])
# Both themes and both widths, each of them once.
TWO = pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
