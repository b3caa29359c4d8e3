"""What a body that cannot be read raises."""

from collections.abc import Callable

from google.protobuf.message import DecodeError


class OtlpError(ValueError):
    """A body that cannot be decoded; its text is one sentence for whoever sent it."""


def reading[Result](decode: Callable[[], Result], form: str) -> Result:
    """What ``decode`` returns; OtlpError where the bytes are not what they should be. ``form``: "JSON", "protobuf"."""
    try:
        return decode()
    except RecursionError:
        raise OtlpError("The body is nested too deeply.") from None
    except (DecodeError, ValueError) as error:
        # msgspec's errors and those of wrong UTF-8 are ValueErrors.
        detail = " ".join(str(error).split())[:200]
        raise OtlpError(f"The body cannot be decoded as OTLP in {form}: {detail or type(error).__name__}.") from None
