"""Core area: what was observed of HTTP endpoints, stored exactly and answered exactly. Knows ``accounts`` only."""

__version__ = "0.1.0"
