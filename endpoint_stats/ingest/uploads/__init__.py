"""Logs that come by the page: received within bounds, looked at, and kept until a worker imports them."""
