"""nginx and Apache format strings: what is understood, what is refused and in which words."""

from datetime import UTC, datetime

import pytest

from endpoint_stats.ingest.sources.base import Reject, Target
from endpoint_stats.ingest.sources.format_string import parse
from endpoint_stats.ingest.sources.known import resolve
from endpoint_stats.ingest.sources.lines import Lines
from endpoint_stats.ingest.sources.text import TextSource

T0 = int(datetime(2025, 11, 13, 2, 13, 20, tzinfo=UTC).timestamp())
MS = 1_000_000
CLF = "13/Nov/2025:02:13:20 +0000"


def one(format_string: str, line: str, consumer_field: str = "") -> dict[str, object]:
    """The decoded slots of one line, by both ways."""
    source = TextSource(format_string, format_string, consumer_field)
    results = []
    for read in (source.read, source.read_by_pattern):
        rows, rejected = read(Lines.of([line.encode()] * 3))
        assert not rejected, line
        results.append({slot: d(rows.columns[slot][2]) for slot, d in source.slots.items()})
        for slot, decode in source.columns.items():
            values, known = decode(rows.columns[slot])
            assert not known[2] or values[2] == results[-1][slot]
    assert results[0] == results[1]
    return results[0]


def test_whole_nginx_directive():
    directive = """
    log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                      '$status $body_bytes_sent "$http_referer" '
                      '"$http_user_agent" "$http_x_forwarded_for" rt=$request_time uct="$upstream_connect_time"';
    """
    line = f'1.2.3.4 - - [{CLF}] "GET /a HTTP/1.1" 200 7 "-" "curl" "1.1.1.1, 2.2.2.2" rt=0.120 uct="0.001, 0.002"'
    assert one(directive, line) == {
        "time": T0, "target": Target("GET", "/a"), "status": 200, "response_size": 7,
        "consumer": "", "user_agent": "curl", "duration": 120 * MS,
    }  # fmt: skip


def test_nginx_json_directive_with_escape():
    directive = """log_format j escape=json '{"t":"$time_iso8601","m":"$request_method","u":"$request_uri",'
        '"s":$status,"rt":$request_time,"ua":"$http_user_agent"}';"""
    line = r'{"t":"2025-11-13T03:13:20+01:00","m":"GET","u":"/a","s":200,"rt":0.5,"ua":"a\"b\u00e9"}'
    found = one(directive, line)
    assert found["time"] == T0
    assert found["target"] == Target("GET", "/a")
    assert (found["status"], found["duration"], found["user_agent"]) == (200, 500 * MS, 'a"bé')


def test_escape_none_takes_backslashes_as_they_are():
    directive = 'log_format n escape=none \'$msec "$request" $status "$http_user_agent"\';'
    found = one(directive, '1763000000.5 "GET /a\\x41 HTTP/1.1" 200 "ends with \\"')
    assert found["target"] == Target("GET", "/a\\x41")
    assert found["user_agent"] == "ends with \\"


def test_whole_apache_directive():
    directive = r'LogFormat "%h %l %u %t \"%r\" %>s %O %I %D \"%{User-Agent}i\" %%\t%{X-Client}i" timed'
    line = f'1.2.3.4 - bob [{CLF}] "GET /a HTTP/1.1" 200 512 64 1500 "curl" %\tmobile'
    found = one(directive, line)
    assert (found["response_size"], found["request_size"], found["duration"]) == (512, 64, 1_500_000)
    assert found["consumer"] == "bob"
    for field in ("X-Client", "%{X-Client}i", "x_client", "http_x_client"):
        assert one(directive, line, field)["consumer"] == "mobile"


@pytest.mark.parametrize(
    ("variables", "text", "expected"),
    [
        ("%T", "2", 2000 * MS), ("%{s}T", "2", 2000 * MS), ("%{ms}T", "2", 2 * MS), ("%{us}T", "2", 2000),
        ("%T %D", "2 2000123", 2_000_123_000), ("%{ms}T/%D", "2/2345", 2_345_000), ("%D", "-", None),
    ],
)  # fmt: skip
def test_apache_durations(variables, text, expected):
    assert one(f'%t "%r" %>s {variables}', f'[{CLF}] "GET / HTTP/1.1" 200 {text}')["duration"] == expected


@pytest.mark.parametrize(
    ("variables", "text", "expected"),
    [
        ("$request_time $upstream_response_time", "0.5 0.1, 0.2", 500 * MS),
        ("$upstream_response_time", "0.1, 0.2", 300 * MS),
        ("$upstream_response_time end", "0.1 : 0.3 end", 400 * MS),
        ('"$upstream_response_time"', '"0.1, 0.2"', 300 * MS),
        ("$upstream_addr $upstream_response_time", "10.0.0.1:80, 10.0.0.2:80 0.1, 0.2", 300 * MS),
        ("$upstream_response_time", "-", None),
    ],
)
def test_nginx_durations(variables, text, expected):
    format_string = f'[$time_local] "$request" $status {variables}'
    assert one(format_string, f'[{CLF}] "GET / HTTP/1.1" 200 {text}')["duration"] == expected


@pytest.mark.parametrize(
    ("variables", "text", "expected"),
    [
        ("%t", f"[{CLF}]", T0),
        ("%{sec}t", "1763000000", T0),
        ("%{msec}t", "1763000000999", T0),
        ("%{usec}t", "1763000000999999", T0),
        ("%{begin:%s}t", "1763000000", T0),
        ("[%{%d/%b/%Y %T}t.%{msec_frac}t %{%z}t]", "[13/Nov/2025 03:13:20.123 +0100]", T0),
        ("[%{%d/%b/%Y:%H:%M:%S}t.%{usec_frac}t]", "[13/Nov/2025:02:13:20.123456]", T0),
        ("%{%F}t %{%T %z}t", "2025-11-13 02:13:20 +0000", T0),
        ("%{%Y-%m-%dT%H:%M:%S%z}t", "2025-11-12T21:13:20-0500", T0),
        ("%{%A, %e %B %y %I:%M:%S %p}t", "Thursday, 13 November 25 02:13:20 AM", T0),
        ("%{%D %R %Z}t", "11/13/25 02:13 UTC", T0 - 20),
    ],
)
def test_apache_times(variables, text, expected):
    assert one(f'%h {variables} "%r" %>s', f'::1 {text} "GET / HTTP/1.1" 200')["time"] == expected


def test_time_that_strftime_could_not_have_written():
    source = TextSource("x", '%{%d/%b/%Y %T %z}t "%r" %>s')
    rows, _ = source.read(Lines(b'31/Feb/2025 10:00:00 +0000 "GET / HTTP/1.1" 200'))
    with pytest.raises(Reject) as caught:
        source.slots["time"](rows.columns["time"][0])
    assert caught.value.reason == "time_invalid"


@pytest.mark.parametrize(
    ("format_string", "line", "expected"),
    [
        ("[$time_local] $request_method $request_uri $status", f"[{CLF}] GET /a?b 200", "/a"),
        (
            "[$time_local] $request_method $scheme://$host$request_uri $status",
            f"[{CLF}] GET https://h/a?b 200",
            "/a",
        ),
        ("[$time_local] $request_method $uri$is_args$args $status", f"[{CLF}] GET /a?b=c 200", "/a"),
        ('[$time_local] "${request_method} $uri" $status', f'[{CLF}] "GET /a" 200', "/a"),
        ("[$time_local] $request $status", f"[{CLF}] GET /a b HTTP/1.1 200", "/a b"),
        ('%t "%m %U%q %H" %s', f'[{CLF}] "GET /a?b=c HTTP/1.1" 200', "/a"),
        ('%t "%m %U%q %H" %s', f'[{CLF}] "GET /a HTTP/1.1" 200', "/a"),
        ('%v:%p %t "%r" %s', f'::1:80 [{CLF}] "GET /a HTTP/1.1" 200', "/a"),
        ('[%h]:%{remote}p %t "%r" %s', f'[::1]:80 [{CLF}] "GET /a HTTP/1.1" 200', "/a"),
        ("$time_local|$request_method|$uri|$status", f"{CLF}|GET|/a|200", "/a"),
        ('"$time_local","$request","$status"', f'"{CLF}","GET /a HTTP/1.1","200"', "/a"),
        ("$status$time_local $request_method $uri", "", None),
    ],
)
def test_targets_and_separators(format_string, line, expected):
    if expected is None:
        with pytest.raises(ValueError, match="side by side"):
            parse(format_string)
        return
    found = one(format_string, line)
    assert found["target"] == Target("GET", expected)
    assert (found["time"], found["status"]) == (T0, 200)


def test_last_status_counts():
    assert one('%t "%r" %<s %>s', f'[{CLF}] "GET / HTTP/1.1" 302 200')["status"] == 200
    assert one('%t "%r" %!200,304s %>s', f'[{CLF}] "GET / HTTP/1.1" - 200')["status"] == 200


@pytest.mark.parametrize(
    ("format_string", "words"),
    [
        ('"$request" $status', r"\$time_local"),
        ("[$time_local] $status $request_method", r"\$request"),
        ('[$time_local] "$request"', r"\$status"),
        ('%h "%r" %>s', "%t"),
        ('%t%h "%r" %>s', None),
        ('%h%l %t "%r" %>s', "side by side"),
        ('%{%Q}t "%r" %>s', "%Q"),
        ('%{%H:%M}t "%r" %>s', "year"),
        ("[$time_local] $request $http_user_agent $status", "quotes"),
        ("log_format x escape=xml '$request';", "escape"),
        ("log_format x '$request;", "quote"),
        ("apache", "combined"),
        ("", "combined"),
    ],
)
def test_refused_with_a_reason(format_string, words):
    if words is None:
        parse(format_string)
        return
    with pytest.raises(ValueError, match=words):
        resolve(format_string)


def test_unknown_consumer_field_names_the_variables():
    with pytest.raises(ValueError, match=r"X-Nope.*%u"):
        resolve("combined", "X-Nope")


def test_nginx_consumer_field():
    format_string = '[$time_local] "$request" $status $http_x_api_client'
    for field in ("http_x_api_client", "$http_x_api_client", "${http_x_api_client}", "X-Api-Client"):
        assert one(format_string, f'[{CLF}] "GET / HTTP/1.1" 200 mobile', field)["consumer"] == "mobile"
    assert "consumer" not in one(format_string, f'[{CLF}] "GET / HTTP/1.1" 200 mobile')
