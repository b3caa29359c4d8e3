"""The configurations in docs/senders: what can be run here is run, against a stand-in for the server."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from endpoint_stats.ingest.sources.known import resolve
from endpoint_stats.ingest.sources.lines import Lines
from tests.ops.conftest import ROOT, free_port, wait_for
from tests.sender.stub import KEY, Stub

SENDERS = ROOT / "docs/senders"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
DAEMONS = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
# Around the file as /etc/nginx/nginx.conf is, with an application of two addresses.
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/endpoint-stats.conf;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 "ok"; }}
        location /fail {{ return 503 "oops"; }}
    }}
}}
"""


def adapted(name: str, folder: Path, **changes: str) -> Path:
    """A copy of a file in docs/senders with its places changed: each must be there to be changed."""
    text = (SENDERS / name).read_text(encoding="utf-8")
    for old, new in {"/var/log/nginx/": f"{folder}/", **changes}.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def program(name: str) -> str:
    found = shutil.which(name, path=DAEMONS)
    assert found
    return found


def end(process: "subprocess.Popen[bytes]", number: int) -> None:
    process.send_signal(number)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.close()


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[int]:
    """The port of an nginx with docs/senders/nginx.conf, whose log is hits.log in the test's folder."""
    (tmp_path / "nginx").mkdir()
    adapted("nginx.conf", tmp_path).rename(tmp_path / "endpoint-stats.conf")
    port = free_port()
    config = tmp_path / "wrapped.conf"
    config.write_text(NGINX.format(folder=tmp_path, port=port), encoding="utf-8")
    command = [program("nginx"), "-p", str(tmp_path), "-e", str(tmp_path / "error.log"), "-c", str(config)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: listens(port), 20, "nginx")
        yield port
    finally:
        end(process, signal.SIGQUIT)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(port: int, method: str, target: str, body: str | None = None, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
    status = connection.getresponse().status
    connection.close()
    return status


def lines_of(path: Path, count: int) -> list[bytes]:
    return wait_for(
        lambda: len(found := path.read_bytes().splitlines()) >= count and found, 20, f"{count} lines in {path.name}"
    )


def accepted(lines: list[bytes]) -> int:
    """How many of them the product's own reader of Hits takes; every decoder is asked."""
    source = resolve("hits")
    rows, rejected = source.read(Lines(b"\n".join(lines) + b"\n"))
    assert rejected == []
    for slot, decode in source.slots.items():
        for value in rows.columns[slot]:
            decode(value)
    return len(rows.index)


@pytest.mark.needs("nginx")
def test_nginx_writes_hits(nginx: int, tmp_path: Path) -> None:
    ask(
        nginx,
        "GET",
        "/orders/7?token=secret",
        user_agent='a "quoted" \\ agent',
        referer="https://x.example/?secret=1",
    )
    ask(nginx, "POST", "/fail", "12345", traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    ask(nginx, "GET", "/?", traceparent="00-nonsense")
    ask(nginx, "GET", "/a%3Fb%22c", authorization="Basic YWRhOng=")
    # Latin-1, which is not the UTF-8 of JSON.
    ask(nginx, "GET", "/latin", user_agent="Jürgen")
    with socket.create_connection(("127.0.0.1", nginx), timeout=10) as raw:
        raw.sendall(b"GET /gr\xfc\xdfe HTTP/1.0\r\n\r\n")
        assert b"200 OK" in raw.recv(100)
    with socket.create_connection(("127.0.0.1", nginx), timeout=10) as garbage:
        garbage.sendall(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
        assert b"400" in garbage.recv(100)
    ask(nginx, "GET", "/last")
    lines = lines_of(tmp_path / "hits.log", 7)
    hits = [json.loads(line) for line in lines]
    assert [(hit["method"], hit["path"], hit["status"]) for hit in hits] == [
        ("GET", "/orders/7", 200), ("POST", "/fail", 503), ("GET", "/", 200), ("GET", "/a%3Fb%22c", 200),
        ("GET", "/latin", 200), ("GET", "/gr", 200), ("GET", "/last", 200),
    ]  # fmt: skip
    assert b"secret" not in b"".join(lines)
    assert hits[0]["user_agent"] == 'a "quoted" \\ agent'
    assert hits[4]["user_agent"] == ""
    assert [hit["trace_id"] for hit in hits[:3]] == ["", TRACE, ""]
    assert hits[1]["response_size"] == 4
    assert hits[1]["request_size"] > 5
    assert {hit["service"] for hit in hits} == {"shop"}
    assert all(0 <= hit["duration"] < 10 for hit in hits)
    assert hits[3]["consumer"] == "ada"
    assert accepted(lines) == 7


@pytest.mark.needs("curl")
def test_the_pages_curl_commands(stub: Stub, tmp_path: Path) -> None:
    """Each block is run as it stands: a hit, a batch twice, and lines of a log."""
    page = (ROOT / "docs/senders.md").read_text(encoding="utf-8")
    section = page.partition("\n## curl\n")[2].partition("\n## ")[0]
    single, batch, log = re.findall(r"^```sh\n(.+?)^```$", section, re.MULTILINE | re.DOTALL)
    hit = {"time": 1_763_726_400, "method": "GET", "path": "/a", "status": 200}
    (tmp_path / "hits.ndjson").write_text(f"{json.dumps(hit)}\n" * 3)
    (tmp_path / "access.log").write_text("".join(f"line {number}\n" for number in range(5)))

    def run(script: str) -> dict[str, object]:
        script = script.replace("/var/log/nginx/", f"{tmp_path}/")
        env = {"PATH": os.environ["PATH"], "URL": stub.url, "KEY": KEY}
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
        answer: dict[str, object] = json.loads(done.stdout)
        return answer

    assert run(single)["stored"] == 1
    assert {"service": "shop", "path": "/orders/8123"}.items() <= stub.hits[0].items()
    assert accepted([json.dumps(stub.hits[0]).encode()]) == 1
    assert run(batch) == {"received": 3, "stored": 3, "duplicate": 0, "rejected": {}}
    assert run(batch) == {"received": 3, "stored": 0, "duplicate": 3, "rejected": {}}
    assert run(log)["stored"] == 5
    assert stub.received[-1].path == "/api/v1/ingest/logs?service=shop"
    assert [hit["line"] for hit in stub.hits[-5:]] == [f"line {number}" for number in range(5)]


class SyslogNg:
    """syslog-ng with docs/senders/syslog-ng.conf, its state in the test's folder."""

    def __init__(self, folder: Path, url: str) -> None:
        config = adapted(
            "syslog-ng.conf",
            folder,
            **{"https://stats.example.org": url, "KEY": KEY, "time-reopen(10)": "time-reopen(1)"},
        )
        self._command = [program("syslog-ng"), "-F", "--no-caps", "-f", str(config)]
        for option, name in (("-R", "persist"), ("-p", "pid"), ("-c", "control")):
            self._command += [option, str(folder / f"syslog-ng.{name}")]
        self._log = folder / "syslog-ng.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def stop(self) -> None:
        if self._process is not None:
            end(self._process, signal.SIGTERM)
            self._process = None


@pytest.fixture
def syslog_ng(tmp_path: Path, stub: Stub) -> Iterator[SyslogNg]:
    made = SyslogNg(tmp_path, stub.url)
    yield made
    made.stop()


@pytest.mark.needs("syslog-ng")
def test_syslog_ng_takes_the_file_as_it_stands() -> None:
    done = subprocess.run(
        [program("syslog-ng"), "--syntax-only", "-f", str(SENDERS / "syslog-ng.conf")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def number_of(hit: dict[str, object]) -> int:
    return int(str(hit["path"]).rpartition("/")[2])


@pytest.mark.needs("nginx")
@pytest.mark.needs("syslog-ng")
def test_every_request_arrives_once_through_nginx_and_syslog_ng(
    nginx: int, stub: Stub, syslog_ng: SyslogNg, tmp_path: Path
) -> None:
    """Also while the server is away, answers 503 or 429, and over a restart of syslog-ng."""
    stub.script += ["drop", 503, (429, {"Retry-After": "1"})]
    syslog_ng.start()
    for number in range(150):
        ask(nginx, "GET", f"/orders/{number}?token=secret")
    wait_for(lambda: len(stub.hits) >= 150, 60, "150 hits")
    syslog_ng.stop()
    for number in range(150, 200):
        ask(nginx, "POST", f"/orders/{number}", "x")
    syslog_ng.start()
    wait_for(lambda: len(stub.hits) >= 200, 60, "the rest")
    syslog_ng.stop()
    assert sorted(map(number_of, stub.hits)) == list(range(200))
    assert accepted(lines_of(tmp_path / "hits.log", 200)) == 200
    assert len(stub.received) < 100, "they come in batches"
    taken = stub.received[-1]
    assert taken.path == "/api/v1/ingest/hits"
    assert taken.headers["content-type"] == "application/x-ndjson"
    assert not any(b"secret" in request.body for request in stub.received)


@pytest.mark.needs("nginx")
@pytest.mark.needs("syslog-ng")
def test_what_the_server_never_takes_does_not_stop_the_rest(nginx: int, stub: Stub, syslog_ng: SyslogNg) -> None:
    stub.script.append(400)
    syslog_ng.start()
    ask(nginx, "GET", "/orders/1")
    wait_for(lambda: stub.received, 60, "the first batch")
    ask(nginx, "GET", "/orders/2")
    wait_for(lambda: stub.hits, 60, "the second")
    assert [number_of(hit) for hit in stub.hits] == [2]


class TestFilesThatAreNotRun:
    """No Debian package has these programs; their files are held to what can be read from them."""

    def loaded(self, name: str) -> Any:
        return yaml.safe_load((SENDERS / name).read_text(encoding="utf-8"))

    def test_the_collectors_pipelines_name_what_there_is(self) -> None:
        config = self.loaded("otel-collector.yaml")
        for pipeline in config["service"]["pipelines"].values():
            for kind, names in pipeline.items():
                assert set(names) <= set(config[kind])

    def test_vectors_sinks_have_sources(self) -> None:
        config = self.loaded("vector.yaml")
        for sink in config["sinks"].values():
            assert set(sink["inputs"]) <= set(config["sources"])

    def test_fluent_bits_outputs_match_inputs(self) -> None:
        config = self.loaded("fluent-bit.yaml")
        pipeline = config["pipeline"]
        assert {one["match"] for one in pipeline["outputs"]} == {one["tag"] for one in pipeline["inputs"]}
        assert {one["parser"] for one in pipeline["inputs"]} <= {one["name"] for one in config["parsers"]}

    @pytest.mark.parametrize("name", ["otel-collector.yaml", "vector.yaml", "fluent-bit.yaml"])
    def test_keys_come_from_the_environment(self, name: str) -> None:
        text = (SENDERS / name).read_text(encoding="utf-8")
        assert re.search(r"\$\{(env:)?ENDPOINT_STATS_KEY\}", text)

    def test_each_file_is_linked_from_the_page(self) -> None:
        page = (ROOT / "docs/senders.md").read_text(encoding="utf-8")
        assert {path.name for path in SENDERS.iterdir()} == set(re.findall(r"\]\(senders/([\w.-]+)\)", page))
