"""A log by the page: what is kept of it, what is said of it, and that it counts once whatever becomes of tasks."""

import re
from html import unescape
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.services import create_project
from endpoint_stats.ingest import importer
from endpoint_stats.models import Upload
from endpoint_stats.workers import uploads

LOGS = sorted((Path(__file__).parents[2] / "testdata" / "logs").iterdir())


State = Upload.State


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    """A storage of its own for each test."""
    there = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path / "up")}}
    settings.STORAGES = {**settings.STORAGES, "uploads": there}
    return tmp_path / "up"


@pytest.fixture
def shop(owner):
    return create_project("shop", owner=owner, time_zone="Europe/Vienna")


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(importer, "PIECE", 1 << 14)


class Elsewhere(Storage):
    """As S3 is: what lies there has no path on this host."""

    def __init__(self):
        self.held = {}

    def _save(self, name, content):
        self.held[name] = content.read()
        return name

    def _open(self, name, mode):
        return ContentFile(self.held[name])

    def exists(self, name):
        return name in self.held

    def delete(self, name):
        self.held.pop(name, None)

    def listdir(self, path):
        return [], list(self.held)


class Killed(BaseException):
    """What nothing catches."""


def send(client, data, name="access.log", slug="shop", **headers):
    return client.post(f"/projects/{slug}/upload/", {"log": SimpleUploadedFile(name, data)}, headers=headers)


def sent(client, data, name="access.log"):
    response = send(client, data, name)
    assert response.status_code == 302, said(response)
    return Upload.objects.get(id=response["Location"].split("/")[-2])


def do(client, upload, what, **fields):
    return client.post(f"/projects/shop/upload/{upload.id}/", {"do": what, **fields})


def said(response):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def part(client, upload, query=""):
    return client.get(f"/projects/shop/upload/{upload.id}/progress/{query}")


def work(upload):
    return uploads.import_upload(upload_id=str(upload.id))


def imported(client, data, name="access.log"):
    upload = sent(client, data, name)
    do(client, upload, "import", service="web")
    assert work(upload) == State.COMPLETE, Upload.objects.get(id=upload.id).error
    upload.refresh_from_db()
    return upload


def kept(folder):
    return [path.name for path in folder.iterdir()] if folder.exists() else []
