"""kill -9 of the task that imports an upload: the next one takes it up, and every line is counted once."""

from pathlib import Path
from typing import Any

import pytest

from endpoint_stats.store.points import POINTS
from tests.crash.test_kill import EXPECTED, LINES, PIECE, check_exact, fine, killed
from tests.integration.installation import Installation
from tests.integration.lines import join

QUEUE = """
import sys
from pathlib import Path
from django.utils import timezone
from accounts.models import Project, User
from endpoint_stats.ingest.uploads import records
now, path = timezone.now(), Path(sys.argv[1])
user = User.objects.create_user("ada@example.org", "a long password")
with path.open("rb") as file:
    made = records.receive(Project.objects.get(), user, file, path.stat().st_size, "access.log", "", now)
assert records.queue(made, "", now)
"""
# As the scheduler and a worker do, ``sys.argv[1]`` seconds from now.
WORK = """
import sys
from datetime import timedelta
from django.utils import timezone
from endpoint_stats.models import Upload
from endpoint_stats.workers import uploads
ahead = timedelta(seconds=int(sys.argv[1]))
Upload.objects.update(heartbeat=timezone.now() - ahead)
for found in uploads.uploads_to_import(timezone.now()):
    print(uploads.import_upload(**found))
"""
GONE = """
from endpoint_stats.ingest.uploads import files
from endpoint_stats.models import Upload
assert Upload.objects.get().pk not in files.kept()
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_bytes(join(LINES))
    return path


def run(installation: Installation, code: str, *arguments: str, **options: Any) -> Any:
    return installation.run(*arguments, code=f"import sys\nsys.argv = {['x', *arguments]!r}\n{code}", **options)


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("point", [point for point in POINTS if point.startswith("import.")])
def test_a_killed_task_is_taken_up_again(point: str, times: int, installation: Installation, log: Path) -> None:
    fine(run(installation, QUEUE, str(log)))
    killed(run(installation, WORK, "0", piece=PIECE, kill_at=f"{point}:{times}"))
    assert installation.sql("SELECT state, attempts FROM endpoint_stats_upload") == [("importing", 1)]
    early = run(installation, WORK, "10", piece=PIECE)
    fine(early)
    assert early.stdout == "", "it may live"
    again = run(installation, WORK, "61", piece=PIECE)
    fine(again)
    assert again.stdout.strip() == "complete"
    check_exact(installation, EXPECTED.by_minute)
    dead, alive = installation.batches()
    assert (dead["state"], alive["state"]) == ("failed", "complete")
    assert alive["read"] == len(LINES)
    assert dead["stored"] + alive["stored"] == EXPECTED.good
    fine(run(installation, GONE))
