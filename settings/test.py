"""For the suite: a folder of its own, fast password hashes, no waiting."""

import tempfile
from pathlib import Path

from . import env
from .base import *  # noqa: F403  (Django's way to extend settings)
from .databases import databases
from .storages import uploads

SECRET_KEY = "for tests only"
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATA_DIR = Path(env.string("TEST_DATA_DIR", "") or tempfile.mkdtemp(prefix="endpoint-stats-test-"))
DATABASES = databases(env.string("DATABASE_URL", ""), DATA_DIR, busy_timeout=20)
for _alias, _database in DATABASES.items():
    if _database["ENGINE"].endswith("sqlite3"):
        # A file, not memory: threads and the test server then meet the locks that the product meets.
        _database["TEST"] = {"NAME": str(DATA_DIR / f"test-{_alias}.sqlite3")}
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
STORAGES["uploads"] = uploads(DATA_DIR / "uploads", "", "")  # noqa: F405
FILE_UPLOAD_TEMP_DIR = str(DATA_DIR)
COMMIT_POINTS = True
IMPORT_PROCESSES = 1
ENDPOINT_STATS = {**ENDPOINT_STATS, "ENABLED": env.boolean("MEASURE_ITSELF", False), "INTERVAL": 0.2}  # noqa: F405
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True  # browsers take http://localhost for safe, and nothing else without TLS
# Each test has a cache of its own, also where Redis keeps what the last one left.
CACHES["default"]["KEY_FUNCTION"] = "tests.plugins.caches.key_of_this_test"  # noqa: F405
# So that its routes exist; tests that sign in by a provider start one of their own.
OIDC_ISSUER = "http://127.0.0.1:1"
SOCIALACCOUNT_PROVIDERS = oidc_provider(OIDC_ISSUER)  # noqa: F405
