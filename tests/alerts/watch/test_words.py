"""Whom a sentence speaks of."""

import pytest

from alerts.watch.words import subject


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({}, ""),
        ({"service": "shop"}, "shop"),
        ({"endpoint": "GET /a", "service": "shop", "method": "GET", "route": "/a", "endpoint_id": "1"}, "GET /a"),
        ({"endpoint": "/a", "service": "", "method": "", "route": "/a", "endpoint_id": "1"}, "/a"),
        ({"release": "1.0", "release_service": "shop"}, "1.0, shop"),
        ({"consumer": "acme", "status": "503"}, "acme, 503"),
    ],
)
def test_a_subject(labels, said):
    assert subject(labels) == said
