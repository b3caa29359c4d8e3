"""Stored files: uploads, exports and reports on any storage backend.

Knows ``endpoint_stats`` (its ``query`` and ``ingest``) and ``accounts``; never ``alerts`` or ``devtools``.
"""
