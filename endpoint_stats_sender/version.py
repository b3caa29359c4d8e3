"""The version, as the HTTP transport's User-Agent says it."""

__version__ = "0.1.0"
