"""Where files lie: in a folder of this host, or in a bucket that hosts share."""

from pathlib import Path
from typing import Any


def uploads(folder: Path, bucket: str, endpoint: str) -> dict[str, Any]:
    """Of logs that wait for their import. ``endpoint`` is of S3 elsewhere than at Amazon; who signs in there, boto3
    learns from its own variables (AWS_ACCESS_KEY_ID, a role, ...)."""
    if not bucket:
        private = {"file_permissions_mode": 0o600, "directory_permissions_mode": 0o700}
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(folder), **private},
        }
    options = {"bucket_name": bucket, "location": "uploads", "default_acl": None, "file_overwrite": False}
    if endpoint:
        options["endpoint_url"] = endpoint
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
