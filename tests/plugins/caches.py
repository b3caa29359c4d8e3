"""Names of what is cached, by test: users of two tests have the same numbers, and Redis outlives both."""

import uuid

_this = [""]


def begin() -> None:
    _this[0] = uuid.uuid4().hex


def key_of_this_test(key: str, key_prefix: str, version: int) -> str:
    return f"{_this[0]}:{key_prefix}:{version}:{key}"
