"""The link of an invitation opens it, for whoever has it, until it is taken back; nothing else does."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Invitation, Membership

from .asking import MISSING, Asker, ask, outcome, said, shape
from .world import World, missing

pytestmark = pytest.mark.django_db(databases=["default", "local"])


def followed(world: World, who: str = "nobody") -> Asker:
    """Somebody who opened the link."""
    asker = world.askers[who]
    answer = ask(asker, "GET", f"/invitation/{world.a.ids['token']}/")
    assert answer.status_code == 302
    return asker if asker.session else Asker(session=answer.cookies["sessionid"].value)


def test_the_link_opens_it(world: World) -> None:
    assert world.a.project.name in ask(followed(world), "GET", "/invitation/").text


def test_what_is_known_of_an_invitation_is_no_link(world: World) -> None:
    """Its id, its digest and another's link included: each is answered as one that never was."""
    invitation = Invitation.objects.get(pk=world.a.ids["invitation"])
    for who in ("nobody", "stranger", "viewer"):
        nothing = missing(world.a.ids["token"])
        plain = shape(ask(world.askers[who], "GET", f"/invitation/{nothing}/"), {nothing: "token"})
        for tried in (str(invitation.pk), invitation.token_digest, world.a.ids["token"][:-1]):
            answer = ask(world.askers[who], "GET", f"/invitation/{tried}/")
            assert shape(answer, {tried: "token"}) == plain


@pytest.mark.parametrize("end", ["withdrawn", "expired", "renewed"])
def test_a_link_that_is_over_tells_nothing(end: str, world: World) -> None:
    """Not even to who had opened it before."""
    opened, token = followed(world), world.a.ids["token"]
    rows = Invitation.objects.filter(pk=world.a.ids["invitation"])
    if end == "withdrawn":
        rows.delete()
    elif end == "expired":
        rows.update(expires=timezone.now() - timedelta(seconds=1))
    else:
        rows.update(token_digest="0" * 64)
    nothing = missing(token)
    for who in ("nobody", "stranger"):
        over, never = (ask(world.askers[who], "GET", f"/invitation/{one}/") for one in (token, nothing))
        assert outcome(over) == MISSING
        assert shape(over, {token: "token"}) == shape(never, {nothing: "token"})
    if end == "renewed":
        return  # who opened the first link is the one that the second went to
    for method in ("GET", "POST"):
        answer = ask(opened, method, "/invitation/")
        assert outcome(answer) == MISSING
        assert world.a.word not in said(answer, "/invitation/")


def test_nobody_joins_but_who_accepts(world: World) -> None:
    """Opening the link, by whichever method, makes nobody a member."""
    before = set(Membership.objects.values_list("pk", flat=True))
    for who in ("nobody", "stranger", "staff"):
        asker = followed(world, who)
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            ask(asker, method, "/invitation/")
    ask(Asker(), "POST", "/invitation/")
    assert set(Membership.objects.values_list("pk", flat=True)) == before
