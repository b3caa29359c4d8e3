"""How far an upload is, or what became of it: one part, wherever it is shown."""

from datetime import datetime, timedelta
from typing import Any

from accounts.models import Project
from endpoint_stats.ingest.sources.base import REASONS
from endpoint_stats.ingest.uploads import records
from endpoint_stats.models import Upload
from endpoint_stats.query import ledger
from endpoint_stats.workers import doctor

from .ranges import text


def part_context(upload: Upload, now: datetime, *, may_edit: bool) -> dict[str, Any]:
    """What _upload.html needs besides the project. ``seen``: what it says, in a word: the same word, the same part."""
    away = workers_away(now) if upload.moving else ""
    done = upload.progress if upload.total == 0 else upload.percent
    return {
        "upload": upload,
        "away": away,
        "seen": f"{upload.state}-{done}-{len(away)}",
        "may_edit": may_edit,
        **({} if upload.moving else _outcome(upload)),
    }


def workers_away(now: datetime) -> str:
    """Why nobody will take an import up, and what to start; "" where somebody will."""
    found = [*doctor.scheduler_beats(now), *doctor.worker_works(now)]
    return next((finding.message for finding in found if finding.state == "fail"), "")


def _outcome(upload: Upload) -> dict[str, Any]:
    line = ledger.line(upload.project_id, upload.batch) if upload.batch else None
    if line is None:
        return {}
    reasons = [{"reason": name, "count": count, "said": REASONS.get(name, "")} for name, count in line.rejected.items()]
    found = {"line": line, "reasons": reasons}
    if line.first_hit and line.last_hit:
        end = line.last_hit + timedelta(minutes=1)
        found["range"] = f"from={text(line.first_hit)}&to={text(end)}"
    return found


def on_overview(project: Project, now: datetime, *, may_edit: bool) -> list[dict[str, Any]]:
    """Parts of what is being imported into a project, or failed to be."""
    shown = [upload for upload in records.unfinished(project) if upload.state != Upload.State.PREVIEWED]
    return [part_context(upload, now, may_edit=may_edit) for upload in reversed(shown)]
