"""Whom a link answers, and until when."""

import re
from datetime import timedelta

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, User
from accounts.services import members, projects
from endpoint_stats import sharing
from endpoint_stats.ingest.live.samples import shown_path
from endpoint_stats.models import SharedLink
from endpoint_stats.pages import shared
from tests.pages.shared.conftest import (
    NOW,
    anybody,
    badge,
)

pytestmark = pytest.mark.django_db(databases=["default", "local"])


class TestOver:
    def nothing(self, address="/shared/never-was/"):
        return anybody().get(address)

    def same(self, address):
        """As of a link that never was: status, headers and body."""
        told, nothing = anybody().get(address), self.nothing()
        assert told.status_code == nothing.status_code == 404
        assert dict(told.headers) == dict(nothing.headers)
        return told.content == nothing.content

    @pytest.mark.parametrize("kind", ["page", "badge"])
    @pytest.mark.parametrize("end", ["revoked", "expired", "archived", "deleted", "purged", "viewer", "out", "left",
                                     "inactive", "gone", "other kind"])  # fmt: skip
    def test_all_ends_are_answered_alike(self, end, kind, shop, make, owner, monkeypatch):
        maker = User.objects.create_user("maker@example.org", "a long password")
        member = Membership.objects.create(project=shop, user=maker, role="editor")
        link, address = (badge if kind == "badge" else lambda given, **more: given(**more))(make, by=maker)
        assert anybody().get(address).status_code == 200
        if end == "revoked":
            sharing.revoke(link, NOW, by=owner)
        elif end == "expired":
            later = link.expires
            monkeypatch.setattr("django.utils.timezone.now", lambda: later)
        elif end == "archived":
            projects.archive(shop, NOW, by=owner)
        elif end in ("deleted", "purged"):
            projects.delete(shop, NOW, by=owner)
            if end == "purged":
                assert projects.purge(shop.pk, NOW + timedelta(days=999))
                assert not SharedLink.objects.exists()
        elif end == "viewer":
            members.set_role(member, "viewer", by=owner)
        elif end == "out":
            members.remove(member, by=owner)
        elif end == "left":
            members.remove(member, by=maker)
        elif end == "inactive":
            User.objects.filter(pk=maker.pk).update(is_active=False)
        elif end == "gone":
            member.delete()
            maker.delete()
        else:
            address = address.removesuffix("badge.svg") if kind == "badge" else f"{address}badge.svg"
        assert self.same(address)

    @pytest.mark.parametrize("tried", ["digest", "id", "cut", "longer", "%00", "%ED%A0%80", "x" * 5000])
    def test_what_is_known_of_a_link_opens_nothing(self, tried, make):
        link, address = make()
        token = address.split("/")[2]
        known = {"digest": link.token_digest, "id": str(link.pk), "cut": token[:-1], "longer": f"{token}A"}
        assert self.same(f"/shared/{known.get(tried, tried)}/")

    def test_it_is_had_back_by_the_same_address(self, make, owner):
        link, address = make()
        sharing.revoke(link, NOW, by=owner)
        assert not sharing.restore(link, NOW + sharing.UNDO, by=owner)
        assert self.same(address)
        assert sharing.restore(link, NOW + sharing.UNDO - timedelta(seconds=1), by=owner)
        assert anybody().get(address).status_code == 200


class TestWhoAsks:
    def test_it_is_the_same_for_everybody(self, client, make, owner):
        owner.is_staff = True
        owner.save()
        for address in (make()[1], badge(make)[1], "/shared/never-was/"):
            told = [one.get(address) for one in (anybody(), client, Client())]
            assert len({one.content for one in told}) == 1
            assert len({one["Cache-Control"] for one in told}) == 1
            assert not any(one.cookies for one in told)

    def test_no_session_is_looked_at(self, client, make, monkeypatch):
        """Not even one that is due for its renewal, by which other pages set its cookie anew."""
        client.get("/projects/shop/")
        monkeypatch.setattr("django.utils.timezone.now", lambda: NOW + timedelta(minutes=10))
        for address in (make()[1], badge(make)[1], "/shared/never-was/"):
            with (
                CaptureQueriesContext(connections["local"]) as local,
                CaptureQueriesContext(connections["default"]) as own,
            ):
                answer = client.get(address)
            assert not [one for captured in (local, own) for one in captured if "session" in one["sql"]]
            assert not answer.cookies
            assert "Cookie" not in answer.get("Vary", "")
        assert client.get(badge(make)[1])["Cache-Control"] == "public, max-age=300"
        assert client.get("/projects/shop/").cookies, "it was due"

    def test_who_lacks_a_factor_sees_it_too(self, client, make, settings):
        settings.REQUIRE_SECOND_FACTOR = "everybody"
        assert client.get("/projects/shop/")["Location"] == "/account/2fa/"
        assert [client.get(address).status_code for address in (make()[1], badge(make)[1])] == [200, 200]

    def test_other_methods_and_names_of_hosts(self, make):
        for address in (make()[1], badge(make)[1]):
            assert anybody().head(address).status_code == 200
            assert Client(enforce_csrf_checks=True).post(address).status_code == 405
            assert Client(headers={"host": "evil.example"}).get(address).status_code == 400
        assert anybody().get("/shared/").status_code == 404

    def test_headers(self, make):
        for answer in (anybody().get(make()[1]), anybody().get("/shared/never-was/")):
            assert answer["Referrer-Policy"] == "no-referrer"
            assert answer["X-Robots-Tag"] == "noindex"
            assert answer["Cache-Control"] == "private, no-store"
            assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
        image = anybody().get(badge(make)[1])
        assert image["Content-Type"] == "image/svg+xml"
        assert image["Cache-Control"] == "public, max-age=300"
        assert image["Cross-Origin-Resource-Policy"] == "cross-origin", "it stands in pages of other sites"
        assert "script-src 'self'" in image["Content-Security-Policy"]
        assert image["X-Robots-Tag"] == "noindex"

    def test_the_token_is_kept_nowhere(self, make):
        link, address = make()
        token = address.split("/")[2]
        assert re.fullmatch(r"[\w-]{43}", token)
        assert link.token_digest != token and len(link.token_digest) == 64
        assert token not in str(SharedLink.objects.values().get())
        assert token not in shown_path(address, ()), "nor in a sample of the installation's own requests"

    @pytest.mark.parametrize("query", ["?from=nonsense", "badge.svg", "?from=-5h"])
    def test_nor_in_the_log(self, make, caplog, query, monkeypatch):
        address = make()[1]
        monkeypatch.setattr(
            shared, "FRESH", shared.limits.Limit(0 if query == "?from=-5h" else 9, timedelta(minutes=1))
        )
        assert anybody().get(f"{address}{query}").status_code == {"?from=nonsense": 422, "badge.svg": 404}.get(
            query, 429
        )
        assert address.split("/")[2] not in caplog.text
