"""Releases: what one did to each endpoint. The method stands in docs/releases.md."""
