"""Which requests are kept as examples: the same by columns as one after another, and as looking at all of them says."""

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint_stats.aggregate.fold import Coded, EndpointName
from endpoint_stats.ingest.coders import NameLists
from endpoint_stats.ingest.live import samples
from endpoint_stats.ingest.live.parts import as_columns
from endpoint_stats.ingest.live.samples import Kept

HIT = st.builds(
    lambda second, endpoint, status, duration: Coded(second, endpoint, status, duration, 0, 0, 0, 0, 0, 0),
    st.one_of(st.integers(0, 150), st.integers(0, 600)), st.integers(0, 3),
    st.sampled_from([200, 200, 404, 500]), st.integers(-1, 30),
)  # fmt: skip


def names() -> NameLists:
    lists = NameLists()
    for number in range(4):
        lists.endpoints.code(EndpointName("", "GET", f"/{number}"))
    return lists


def kept_of(batches, columns):
    """(slowest durations, and the number that failed) by minute, endpoint and kind, of all that was sent along."""
    kept, lists = Kept(), names()
    slowest, failed = defaultdict(list), defaultdict(int)
    for batch in batches:
        given_hits = as_columns(batch) if columns else batch
        chosen = list(kept.candidates(given_hits, lists))
        for row, kind, hit in chosen:
            assert (batch[row].seconds, batch[row].endpoint, batch[row].status, batch[row].duration) == tuple(hit)
            key = (hit.seconds // 60, hit.endpoint)
            if kept.wants(*key, kind, hit.duration):
                if kind:
                    failed[*key, kind] += 1
                else:
                    slowest[key].append(hit.duration)
            kept.note(lists, kind, hit, hit.endpoint)
    return {key: sorted(found)[-samples.KEPT_SLOW :] for key, found in slowest.items()}, dict(failed)


@given(st.lists(st.lists(HIT, min_size=1, max_size=30), max_size=12))
@settings(max_examples=300)
def test_the_slowest_and_the_first_that_failed(batches):
    slowest, failed = defaultdict(list), defaultdict(int)
    for hit in (hit for batch in batches for hit in batch):
        key = (hit.seconds // 60, hit.endpoint)
        if hit.duration >= 0:
            slowest[key].append(hit.duration)
        if hit.status >= 400:
            failed[*key, hit.status // 100] += 1
    expected = (
        {key: sorted(found)[-samples.KEPT_SLOW :] for key, found in slowest.items()},
        {key: min(found, samples._KEPT[key[2]]) for key, found in failed.items()},
    )
    assert kept_of(batches, columns=False) == expected
    assert kept_of(batches, columns=True) == expected


def test_what_is_not_wanted_is_no_candidate_of_columns():
    kept, lists = Kept(), names()
    hits = [Coded(60, 1, 200, duration, 0, 0, 0, 0, 0, 0) for duration in (5, 9, 7)]
    for _, kind, hit in kept.candidates(as_columns(hits), lists):
        assert kept.wants(1, 1, kind, hit.duration)
        kept.note(lists, kind, hit, 1)
    again = [hits[0], hits[2]]
    assert list(kept.candidates(as_columns(again), lists)) == []
    assert [row for row, _, _ in kept.candidates(as_columns([hits[0]._replace(duration=8)]), lists)] == [0]
    assert len(list(kept.candidates(as_columns(again), names()))) == 2, "codes of other lists are other endpoints"


def test_what_is_remembered_is_bounded():
    kept, lists = Kept(), names()
    for minute in range(1_000):
        for _, kind, hit in kept.candidates(as_columns([Coded(minute * 60, 1, 500, 5, 0, 0, 0, 0, 0, 0)]), lists):
            kept.note(lists, kind, hit, 1)
    assert len(kept._floors) <= samples.FLOORS
