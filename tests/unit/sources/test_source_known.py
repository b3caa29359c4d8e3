"""Named formats: resolving, rebuilding in another process, recognising."""

import copy
import pickle

import pytest

from endpoint_stats.ingest.sources.known import definitions, names, recognise, resolve, spec

CLF = b"13/Nov/2025:02:13:20 +0000"
COMBINED = b'10.0.0.1 - - [%s] "GET /a HTTP/1.1" 200 7 "-" "curl"' % CLF


def test_the_documented_names():
    assert set(names()) == {
        "combined", "common", "combined_time", "vhost_combined", "alb", "traefik",
        "traefik-json", "nginx-json", "caddy", "hits",
    }  # fmt: skip
    assert all(definition["description"] for definition in definitions().values())


@pytest.mark.parametrize("name", [*names(), '$msec "$request" $status', '%t "%r" %>s'])
def test_a_source_can_be_rebuilt(name):
    source = resolve(name)
    assert source.name == name
    assert resolve(*spec(source)) == source == pickle.loads(pickle.dumps(source))
    assert hash(copy.copy(source)) == hash(source)


def test_the_consumer_field_survives():
    source = resolve("combined", "Referer")
    assert spec(source) == ("combined", "Referer")
    assert resolve(*spec(source)) == source != resolve("combined")


def test_hits_have_their_own_consumer():
    with pytest.raises(ValueError, match="consumer"):
        resolve("hits", "x")


def test_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match="combined_time"):
        resolve("iis")


def test_mixed_lines_go_to_the_format_that_reads_most():
    source, matched, tried = recognise([b"", COMBINED, b"garbage", COMBINED, COMBINED, b"   "])
    assert (source.name, matched, tried) == ("combined", 3, 4)


def test_two_hundred_lines_are_tried():
    assert recognise([COMBINED] * 500 + [b"x"] * 500)[1:] == (200, 200)


@pytest.mark.parametrize("user", [b"-", b"bob", b"Bob Smith"])
def test_virtual_hosts_are_not_taken_for_users(user):
    line = b'shop.example:443 10.0.0.1 - %s [%s] "GET /a HTTP/1.1" 200 7 "-" "curl"' % (user, CLF)
    assert recognise([line])[0].name == "vhost_combined"
    assert recognise([COMBINED.replace(b" - - ", b" - %s " % user)])[0].name == "combined"


def test_a_log_with_durations_keeps_them():
    line = b'{"time":"2025-11-13T02:13:20Z","method":"GET","path":"/a","status":200,"request_time":0.1,"bytes":5}'
    assert recognise([line])[0].name == "nginx-json"
    assert recognise([line.replace(b"request_time", b"duration").replace(b"bytes", b"response_size")])[0].name == "hits"


@pytest.mark.parametrize("lines", [[], [b"", b" "], [b"garbage"] * 5, [COMBINED] + [b"garbage"] * 2])
def test_nothing_recognised(lines):
    with pytest.raises(ValueError, match="--format"):
        recognise(lines)


def test_a_format_as_configured_is_made_once():
    assert resolve("nginx-json") is resolve(" nginx-json ")
    assert resolve("nginx-json", "user") != resolve("nginx-json")
