"""Alerts and news: rules over ``endpoint_stats.query``, incidents and the channels that tell people.

Knows ``endpoint_stats`` and ``accounts``; never ``files`` or ``devtools``.
"""
