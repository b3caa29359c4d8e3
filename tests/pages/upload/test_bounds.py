"""How much may be uploaded, and what is said of more."""

import bz2
import gzip
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
import zstandard
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.models import User
from accounts.services import create_project
from endpoint_stats.ingest.uploads import files, preview, records
from endpoint_stats.models import Batch, Upload
from tests.integration.lines import START, access_log, join, line
from tests.integration.product import requests
from tests.pages.upload.conftest import State, do, kept, said, send, sent, work

pytestmark = pytest.mark.django_db(databases=["default", "local"])


class TestBounds:
    @pytest.mark.parametrize("more", [1, 3 << 20])
    def test_too_large(self, client, shop, folder, settings, more):
        """Whether the announced length says so, or the form around the file hides it."""
        settings.UPLOAD_MAX_BYTES = 10_000
        assert send(client, join(access_log(10)) + b"x" * (10_000 + more)).status_code == 413
        response = send(client, b"x" * (10_000 + more))
        assert "larger than 10.0 kB, and nothing of it was kept" in said(response)
        assert "manage.py import_log FILE --project shop" in said(response)
        assert (kept(folder), Upload.objects.count()) == ([], 0)
        data = join(access_log(100))[:10_000]
        assert send(client, data).status_code == 302, "as large as may be"

    def test_it_stops_where_the_limit_is(self):
        handler = files.BoundedUpload(100)
        handler.new_file("log", "a.log", "text/plain", 10**9)
        handler.receive_data_chunk(b"x" * 100, 0)
        file = handler.taken
        with pytest.raises(files.StopUpload):
            handler.receive_data_chunk(b"x", 100)
        assert handler.too_large
        assert file.closed

    def test_a_disk_that_is_full(self, client, shop, monkeypatch):
        class Full:
            def write(self, data):
                raise OSError(28, "No space left on device")

            def close(self):
                pass

        monkeypatch.setattr(files, "temporary", Full)
        response = send(client, line(START, "/a"))
        assert response.status_code == 507
        assert "No space left on device" in said(response)

    @pytest.mark.parametrize("size", [100, 100_000])
    def test_a_disk_that_is_full_when_it_is_written_to(self, client, shop, monkeypatch, size):
        """What is small is written when it has all come."""
        monkeypatch.setattr(files, "temporary", partial(Path("/dev/full").open, "r+b"))
        response = send(client, b"x" * size)
        assert response.status_code == 507
        assert "No space left on device" in said(response)

    def test_a_disk_that_makes_no_file(self, client, shop, folder, settings, tmp_path):
        settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "gone")
        response = send(client, line(START, "/a"))
        assert response.status_code == 507
        assert "could not keep the file (No such file or directory). Nothing of it was kept." in said(response)
        assert (kept(folder), Upload.objects.count()) == ([], 0)

    def test_of_two_files_the_first(self, client, shop, folder):
        first, second = (SimpleUploadedFile(f"{name}.log", line(START, f"/{name}")) for name in "ab")
        response = client.post("/projects/shop/upload/", {"log": [first, second]})
        assert response.status_code == 302
        assert "Only a.log was taken: one log is sent at a time." in said(client.get(response["Location"]))
        upload = Upload.objects.get()
        assert (upload.name, kept(folder)) == ("a.log", [str(upload.id)])
        assert (folder / str(upload.id)).read_bytes() == line(START, "/a")

    def test_a_second_file_that_is_cut_short(self, client, shop, folder):
        head = b'--x\r\nContent-Disposition: form-data; name="log"; filename="%s.log"\r\n\r\n'
        body = head % b"a" + line(START, "/a") + b"\r\n" + head % b"b" + b"cut"
        response = client.post("/projects/shop/upload/", body, content_type="multipart/form-data; boundary=x")
        assert response.status_code == 302
        assert Upload.objects.get().name == "a.log"

    @pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, zstandard.compress])
    @pytest.mark.parametrize("end", [b"\n" * 40_000_000, b"x" * 40_000_000], ids=["lines", "one line"])
    def test_a_bomb(self, client, shop, settings, pack, end):
        """Forty megabytes of nothing in some kilobytes: the good lines before it count, the rest is not read."""
        settings.UPLOAD_MAX_UNPACKED_BYTES = 1_200_000
        good = join([line(START, f"/{at}") for at in range(10_000)])
        upload = sent(client, pack(good + end))
        assert upload.size < 1_000_000
        do(client, upload, "import")
        assert work(upload) == State.FAILED
        upload.refresh_from_db()
        assert "unpacks to more than 1,200,000 bytes" in upload.error
        assert requests(shop) == 10_000
        assert Batch.objects.get(id=upload.batch).read < 1_200_000

    def test_five_that_are_not_finished(self, client, shop):
        made = [sent(client, line(START, f"/{at}")) for at in range(5)]
        refused = send(client, line(START, "/more"))
        assert refused.status_code == 409
        assert "5 uploads of this project are not finished" in said(refused)
        create_project("another", owner=User.objects.get())
        assert send(client, line(START, "/more"), slug="another").status_code == 302, "of one project"
        do(client, made[0], "discard")
        assert send(client, line(START, "/more")).status_code == 302

    def test_five_also_where_two_come_at_once(self, client, shop, owner, monkeypatch, tmp_path):
        """Both were told that there is room, before either was there."""
        for at in range(4):
            sent(client, line(START, f"/{at}"))
        log = tmp_path / "log"
        log.write_bytes(line(START, "/x"))
        records.check_room(shop)
        with log.open("rb") as file:
            records.receive(shop, owner, file, 9, "a", "", timezone.now())
            with pytest.raises(records.TooMany):
                records.receive(shop, owner, file, 9, "b", "", timezone.now())
        assert Upload.objects.filter(project=shop).count() == len(files.kept()) == 5

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\logs\\access.log", "access.log"),
            ("<img src=x onerror=alert(1)>.log", "<img src=x onerror=alert(1)>.log"),
            ("evil\u202egol.exe", None),
            ("x" * 400 + ".log", None),
            ("-", "-"),
            ("--dry-run", "--dry-run"),
            ("a\nb.log", None),
            ("%s%n{0}.log", "%s%n{0}.log"),
        ],
    )
    def test_hostile_names(self, client, shop, folder, name, shown):
        upload = sent(client, line(START, "/a"), name)
        assert [UUID(one) for one in kept(folder)] == [upload.id]
        assert len(upload.name) <= 255
        assert upload.name.isprintable()
        assert shown is None or upload.name == shown
        raw = client.get(f"/projects/shop/upload/{upload.id}/").content.decode()
        assert "<img" not in raw
        do(client, upload, "import")
        assert work(upload) == State.COMPLETE
        assert Batch.objects.get().name == upload.name

    @pytest.mark.parametrize("name", ["a/b", "\0", "‮", "\ud800", "", "\x1b[31m", "a\u2028b", "é" * 300])
    def test_any_name_is_a_line(self, name):
        shown = files.clean_name(name)
        assert shown
        assert shown.isprintable()
        assert "/" not in shown
        assert len(shown.encode()) <= 4 * 255

    @pytest.mark.parametrize("service", ["x" * 201, "a\nb"])
    def test_names_of_services(self, client, shop, service):
        upload = sent(client, line(START, "/a"))
        assert do(client, upload, "import", service=service).status_code == 422
        upload.refresh_from_db()
        assert upload.state == State.PREVIEWED


def test_reading_the_head_of_a_bomb_takes_little(tmp_path):
    """A kilobyte of zstd can stand for megabytes: what is looked at is bounded."""
    path = tmp_path / "bomb"
    path.write_bytes(zstandard.compress(line(START, "/a") * 2_000_000))
    from endpoint_stats.routes.rules import RouteRules

    with path.open("rb") as file:
        wish = preview.Wish("auto", "", RouteRules(), timezone.now())
        seen = preview.look(file, path.stat().st_size, "bomb", wish)
    assert seen.format == "combined"
    assert seen.tried * len(line(START, "/a")) <= preview.MOST
