"""Sends an application's requests to Endpoint Stats, from a thread of its own: docs/senders.md.

Needs the standard library only (the middleware: Django 4.2 or newer) and knows nothing of the rest of the product,
so that it can be installed into any application.
"""

from __future__ import annotations

from .retry import Retry
from .sender import Sender, Stats, flush, senders
from .transport import Answer, HttpTransport, Transport
from .version import __version__

__all__ = ["Answer", "HttpTransport", "Retry", "Sender", "Stats", "Transport", "__version__", "flush", "senders"]
