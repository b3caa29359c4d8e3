"""A log by the page: looked at, imported, and counted as the command counts it."""

import bz2
import gzip
import re
from datetime import timedelta

import pytest
import zstandard
from django.utils import timezone

from accounts.services import create_project
from endpoint_stats.ingest.uploads import files
from endpoint_stats.models import Batch, Upload
from tests.integration.lines import START, access_log, join, line
from tests.integration.product import import_file, requests
from tests.pages.upload.conftest import LOGS, Elsewhere, State, do, imported, kept, part, said, send, sent, work

pytestmark = pytest.mark.django_db(databases=["default", "local"])


class TestImport:
    @pytest.mark.parametrize("log", LOGS, ids=lambda path: path.name)
    def test_as_the_command_imports_it(self, client, shop, folder, log):
        expected = import_file(create_project("other"), log, service="web")
        chosen = {}
        if not expected.format:  # few of its lines are whole: somebody must say what they are
            chosen = {"format": log.stem}
            expected = import_file(create_project("named"), log, service="web", **chosen)
        upload = sent(client, log.read_bytes(), log.name)
        assert upload.state == State.PREVIEWED
        assert requests(shop) == 0, "nothing is stored before somebody says so"
        assert kept(folder) == [str(upload.id)]
        do(client, upload, "import", service="web", **chosen)
        work(upload)
        upload.refresh_from_db()
        batch = Batch.objects.get(project=shop)
        assert (batch.name, batch.service, batch.id) == (log.name, "web", upload.batch)
        assert (batch.format, batch.read, batch.stored, batch.rejected) == (
            expected.format, expected.read, expected.stored, expected.rejected
        )  # fmt: skip
        assert (upload.state, kept(folder)) == (State.COMPLETE, [])
        assert f"{expected.read:,} lines of {log.name} : {expected.stored:,} stored" in said(part(client, upload))

    @pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, zstandard.compress])
    def test_compressed(self, client, shop, pack):
        upload = imported(client, pack(join(access_log(500, bad=0))))
        assert requests(shop) == Batch.objects.get(id=upload.batch).stored == 500

    def test_a_storage_that_is_no_folder(self, client, shop, monkeypatch):
        there = Elsewhere()
        monkeypatch.setattr(files, "storage", lambda: there)
        upload = imported(client, join(access_log(200, bad=0)))
        assert requests(shop) == 200
        assert files.kept() == []
        assert upload.state == State.COMPLETE

    def test_again_changes_nothing(self, client, shop):
        data = join(access_log(300))
        imported(client, data)
        before = requests(shop)
        upload = imported(client, data)
        assert requests(shop) == before > 290
        assert "0 stored, 300 duplicate" in said(part(client, upload))

    def test_the_outcome_leads_to_its_time_and_its_line(self, client, shop):
        upload = imported(client, join([line(START, "/a"), line(START + timedelta(hours=2), "/b")]) + b"nonsense\n")
        page = client.get(f"/projects/shop/upload/{upload.id}/").content.decode()
        assert "from=2025-11-13T22:17Z&amp;to=2025-11-14T00:18Z" in page
        assert f"/projects/shop/ledger/#b{upload.batch}" in page
        assert "1 × format_mismatch : The line does not have the shape" in said(part(client, upload))
        assert 'hx-trigger="every' not in page

    def test_what_is_no_longer_there(self, client, shop, folder):
        upload = sent(client, line(START, "/a"))
        do(client, upload, "import")
        (folder / str(upload.id)).unlink()
        assert work(upload) == State.FAILED
        assert "Send it again" in said(part(client, upload))

    def test_a_wrong_format_is_said_so_and_mended(self, client, shop, folder):
        upload = sent(client, join([line(START, f"/{at}") for at in range(5)]))
        Upload.objects.filter(id=upload.id).update(state=State.QUEUED, format="caddy")
        assert work(upload) == State.FAILED
        assert "None of its 5 lines could be stored" in said(part(client, upload))
        assert "--" not in Upload.objects.get(id=upload.id).error, "no options of a command"
        do(client, upload, "import", format="combined", service="")
        assert work(upload) == State.COMPLETE
        assert requests(shop) == 5

    def test_nothing_of_an_archived_project(self, client, shop):
        upload = sent(client, line(START, "/a"))
        do(client, upload, "import")
        shop.archived = timezone.now()
        shop.save()
        assert work(upload) == State.FAILED
        assert requests(shop) == 0
        assert send(client, line(START, "/a")).status_code == 409


class TestPreview:
    def test_what_the_lines_become(self, client, shop):
        data = (
            b'192.0.2.1 - - [13/Nov/2025:22:17:05 +0000] "GET /orders/8123?token=hunter2 HTTP/1.1" 200 5 "-" "curl/8"\n'
            b"password=hunter2 no line of a log\n"
            b'192.0.2.1 - - [13/Nov/2025:22:17:09 +0000] "POST /app.js HTTP/1.1" 404 5 "-" "curl/8"\n'
        )
        upload = sent(client, data)
        text = said(client.get(f"/projects/shop/upload/{upload.id}/"))
        assert "access.log is a log in the format combined , 3 lines." in text
        assert "2 of the first 3 lines are requests" in text
        assert "1 13 Nov 2025 23:17 GET /orders/8123 /orders/{id} 200 –" in text
        assert "2 rejected: format_mismatch" in text
        assert "POST /app.js {static} 404" in text
        assert "hunter2" not in text
        assert "192.0.2.1" not in text

    def test_a_format_that_nobody_knows_is_named_or_described(self, client, shop):
        upload = sent(
            client, b"".join(b'2025-11-13T22:17:05+00:00|"GET /x/%d HTTP/1.1"|200\n' % at for at in range(20))
        )
        text = said(client.get(f"/projects/shop/upload/{upload.id}/"))
        assert "No known format reads these lines." in text
        assert '|"GET /x/0 HTTP/1.1"|200' in text
        assert ">Import<" not in client.get(f"/projects/shop/upload/{upload.id}/").content.decode()
        do(client, upload, "import")
        upload.refresh_from_db()
        assert upload.state == State.PREVIEWED, "without a format nothing is imported"
        response = do(client, upload, "preview", log_format='$time_iso8601|"$request"|$status', service="mine")
        text = said(client.get(response["Location"]))
        assert "is read by your log_format string" in text, text
        assert "GET /x/0 /x/{id} 200" in text
        do(client, upload, "import", service="mine")
        assert work(upload) == State.COMPLETE
        assert requests(shop) == 20

    def test_a_format_string_that_is_none(self, client, shop):
        upload = sent(client, join([line(START, "/a")]))
        response = do(client, upload, "preview", log_format="$no_such | thing")
        upload.refresh_from_db()
        assert upload.format == ""
        assert 'class="problem"' in client.get(response["Location"]).content.decode()

    def test_how_much_there_is_of_a_large_one(self, client, shop):
        lines = access_log(30_000, bad=0)
        upload = sent(client, join(lines))
        found = upload.preview
        assert not found["exact"]
        assert abs(found["lines"] - 30_000) < 600
        assert found["first"].startswith("2025-11-13T22:17")
        last = re.search(rb"\[([^\]]+)\]", lines[-1])[1].decode()
        text = said(client.get(f"/projects/shop/upload/{upload.id}/"))
        assert "about 29," in text or "about 30," in text
        assert found["last"][11:19] == last[12:20]

    @pytest.mark.parametrize(
        ("data", "why"),
        [
            (b"", "is empty"),
            (b"\n \n", "is empty"),
            (b"PK\x03\x04\0\0\0\0" * 9, "is binary, not a log"),
            (gzip.compress(b"", mtime=0)[:-4], "is damaged"),
            (zstandard.compress(b"x" * 99_999)[:-9], "is damaged"),
        ],
    )
    def test_what_could_never_be_imported(self, client, shop, folder, data, why):
        response = send(client, data, "hm.log")
        assert response.status_code == 422
        assert why in said(response)
        assert (kept(folder), Upload.objects.count()) == ([], 0)

    def test_no_file_at_all(self, client, shop):
        response = client.post("/projects/shop/upload/", {})
        assert response.status_code == 422
        assert "Choose the file of a log to send." in said(response)
