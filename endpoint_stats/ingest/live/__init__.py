"""Hits that come in by requests: read, encoded, and committed before they are acknowledged."""
