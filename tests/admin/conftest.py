"""Staff of every kind, and the people and projects that they look after."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import Membership, User
from accounts.services import create_project


@pytest.fixture(autouse=True)
def no_statistics_of_the_cache():
    """What other tests left to be written about users who are gone."""
    from accounts import user_cache

    user_cache.counts._by_user.clear()


@pytest.fixture
def signed_in(db):
    """``signed_in(user)``: a client of theirs."""

    def make(user):
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def boss(db):
    """A superuser."""
    return User.objects.create_superuser("boss@example.org", "a long password")


@pytest.fixture
def admin_client(boss, signed_in):
    return signed_in(boss)


@pytest.fixture
def make_staff(db):
    """``make_staff("accounts.change_user", …)``: staff with these rights and no others."""

    def make(*rights, email="helper@example.org"):
        user = User.objects.create_user(email, "a long password", is_staff=True)
        for right in rights:
            app, name = right.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=name))
        return user

    return make


@pytest.fixture
def grace(db):
    return User.objects.create_user("grace@example.org", "a long password", name="Grace")


@pytest.fixture
def shop(owner, grace):
    """Of ada, its owner, and grace, who views."""
    project = create_project("shop", owner=owner)
    Membership.objects.create(project=project, user=grace, role="viewer")
    return project


def said(response):
    """The messages that a page shows."""
    return [str(message) for message in response.context["messages"]]
