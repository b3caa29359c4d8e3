"""Core area: what was observed of HTTP endpoints, stored exactly and answered exactly. Knows ``accounts`` only."""
