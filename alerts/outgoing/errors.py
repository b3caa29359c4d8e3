"""Why an outgoing request had no answer."""

# Nothing about these changes by trying again: somebody has to change the URL or a setting.
LASTING = frozenset({"url", "scheme", "credentials", "host", "port", "address"})


class OutgoingError(Exception):
    """No answer was had, or none was asked for.

    reason_code: "url", "scheme", "credentials", "host", "port" and "address" refuse what was asked, before any
    connection; "resolve", "connect", "tls", "timeout" and "protocol" say what failed on the way. text: a sentence that
    says what is wrong and what to do, for the people of a project: it names no address that a name leads to.
    """

    def __init__(self, reason_code: str, text: str) -> None:
        super().__init__(text)
        self.reason_code = reason_code
        self.text = text

    @property
    def lasting(self) -> bool:
        """Whether the same request would be refused again."""
        return self.reason_code in LASTING
