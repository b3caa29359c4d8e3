"""A project of Ada's, and receivers on loopback that it may send to."""

import pytest
from django.test import Client

from accounts.models import Membership, User
from accounts.services import create_project
from tests.alerts.outgoing.receiver import Receiver


@pytest.fixture
def shop(owner):
    return create_project("shop", owner=owner, name="Shop")


@pytest.fixture
def viewer(shop):
    user = User.objects.create_user("viewer@example.org", "a long password")
    Membership.objects.create(project=shop, user=user, role="viewer")
    made = Client()
    made.force_login(user)
    return made


@pytest.fixture
def receiver(settings):
    settings.ALERTS_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    made = Receiver()
    yield made
    made.close()
