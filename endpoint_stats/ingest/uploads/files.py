"""Where uploaded logs lie, and how one gets there: to disk as it comes, and no further than the limit."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NoReturn
from uuid import UUID

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import Storage, storages
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload

MAX_NAME = 255
COPIED = 1 << 20  # bytes at once


def storage() -> Storage:
    return storages["uploads"]


def clean_name(name: str) -> str:
    """What the client calls its file, for people to read: the last part of a path, one line, at most MAX_NAME
    characters. Never a name of a file of ours."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in last).strip()
    return shown[:MAX_NAME] or "log"


def temporary() -> IO[bytes]:
    """A file without a name, gone when it is closed or its process is killed."""
    return tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR)


class BoundedUpload(FileUploadHandler):
    """Takes the first file of a form. ``too_large``: it had more than ``limit`` bytes; ``unwritten``: why it could not
    be kept; ``others``: the form had more files. What is not taken is read and forgotten, so that whoever sends it
    hears the answer."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit, self.size = limit, 0
        # Not ``file``: of that name Django closes whatever there is, at a second file too.
        self.taken: IO[bytes] | None = None
        self.too_large, self.unwritten, self.others = False, "", False

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        if self.taken is not None:
            self.others = True
            return
        super().new_file(*args, **kwargs)
        try:
            self.taken = temporary()
        except OSError as error:
            self._refused(error)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self.others:
            return
        assert self.taken is not None
        self.size += len(raw_data)
        if self.size > self.limit:
            self.too_large = True
            self._stop()
        try:
            self.taken.write(raw_data)
        except OSError as error:
            self._refused(error)

    def _refused(self, error: OSError) -> NoReturn:
        self.unwritten = error.strerror or "the disk refused"
        self._stop()

    def _stop(self) -> NoReturn:
        self._close()
        raise StopUpload(connection_reset=False)

    def _close(self) -> None:
        if self.taken is not None:
            with suppress(OSError):  # a disk that is full refuses what is still to be written
                self.taken.close()

    def file_complete(self, file_size: int) -> UploadedFile | None:
        if self.taken is None or self.others:
            return None
        try:
            self.taken.seek(0)  # writes what is still held
        except OSError as error:
            self._refused(error)
        return UploadedFile(self.taken, self.file_name, self.content_type, self.size, self.charset)

    def upload_interrupted(self) -> None:
        if not self.others:  # else it is another one that was cut short
            self._close()


def keep(id: UUID, file: IO[bytes]) -> None:
    file.seek(0)
    storage().save(str(id), File(file))


def remove(id: UUID) -> None:
    """Gone, also where it was gone before."""
    storage().delete(str(id))


@contextmanager
def opened(id: UUID) -> Iterator[IO[bytes]]:
    """Raises FileNotFoundError where it was removed."""
    with storage().open(str(id), "rb") as file:
        yield file


@contextmanager
def local_path(id: UUID) -> Iterator[str]:
    """The file as one of this host: where it lies, or a copy for as long as it is needed. Raises FileNotFoundError."""
    try:
        path = storage().path(str(id))
    except NotImplementedError:
        with opened(id) as file, tempfile.NamedTemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as copy:
            while part := file.read(COPIED):
                copy.write(part)
            copy.flush()
            yield copy.name
        return
    if not Path(path).exists():
        raise FileNotFoundError(path)
    yield path


def kept() -> list[UUID]:
    """The ids of all files that are there."""
    try:
        names = storage().listdir("")[1]
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        try:
            found.append(UUID(name))
        except ValueError:
            continue  # not one of ours
    return found
