"""The address of a page: what it says, and links that change a part of it."""

from urllib.parse import parse_qsl

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from endpoint_stats.pages.address import PLAIN, Address


def of(text):
    return Address.of(QueryDict(text))


def pairs(query):
    return sorted(parse_qsl(query))


def test_what_is_empty_is_not_there():
    address = of("from=&to=now&q=&filter.service=&filter.consumer=+&filter.status=5xx&unknown=1")
    assert address.plain == {"to": "now"}
    assert address.filters == (("status", ("5xx",)),)


def test_links_change_one_part():
    address = of("from=-1h&to=now&order=p95&q=orders&filter.consumer=acme&filter.consumer=globex&filter.status=500")
    assert pairs(address.query(order="-p50")) == pairs(
        "from=-1h&to=now&order=-p50&q=orders&filter.consumer=acme&filter.consumer=globex&filter.status=500"
    )
    assert ("from", "-2h") in pairs(address.query(from_="-2h")) and "q" not in dict(pairs(address.query(q="")))
    assert pairs(address.elsewhere().query()) == pairs(
        "from=-1h&to=now&filter.consumer=acme&filter.consumer=globex&filter.status=500"
    )
    assert pairs(address.filtered("consumer", "initech").query()) == pairs(
        "from=-1h&to=now&order=p95&q=orders&filter.consumer=initech&filter.status=500"
    )


def test_each_value_of_a_filter_is_taken_out_by_itself():
    chips = of("filter.consumer=acme&filter.consumer=globex&filter.traffic=bot").chips()
    assert [(chip.title, chip.value) for chip in chips] == [
        ("Consumer", "acme"),
        ("Consumer", "globex"),
        ("Traffic", "bot"),
    ]
    assert pairs(chips[0].query) == pairs("filter.consumer=globex&filter.traffic=bot")


def test_bots_and_health_checks_are_one_switch():
    shown, hidden = of("q=a"), of("q=a&filter.traffic=normal")
    assert shown.switch() == {"hidden": False, "query": "q=a&filter.traffic=normal"}
    assert hidden.switch() == {"hidden": True, "query": "q=a"}
    assert hidden.chips() == [], "said by the switch"
    assert of("filter.consumer=acme").switch() is None, "not kept together"


names = st.sampled_from(["service", "consumer", "status", "nonsense"])
texts = st.text(st.characters(codec="utf-8"), max_size=20)


@given(
    st.dictionaries(st.sampled_from(PLAIN), texts),
    st.dictionaries(names, st.lists(texts, max_size=3), max_size=4),
)
def test_a_pasted_link_is_the_same_address(plain, filters):
    """Whatever stands in it: spaces, quotes, emoji, other scripts."""
    made = QueryDict(mutable=True)
    for name, value in plain.items():
        made[name] = value
    for name, values in filters.items():
        made.setlist(f"filter.{name}", values)
    address = Address.of(made)
    assert Address.of(QueryDict(address.query())) == address
    for chip in address.chips():
        assert len(Address.of(QueryDict(chip.query)).pairs()) == len(address.pairs()) - 1


@pytest.mark.parametrize("text", ["filter.service=" + "x" * 3000, "filter.=x", "filter.a.b=1", "&&&==", "%ff=%00"])
def test_hostile_ones(text):
    assert isinstance(of(text).query(), str)
