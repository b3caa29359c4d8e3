"""A web process whose first request is an ingest has its connection before anything that reads is imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import settings.wsgi
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT join_words(x'0102')")
    print(bytes(cursor.fetchone()[0]).hex())
"""


@pytest.mark.needs("sqlite")
def test_the_first_connection_can_join_sketches(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    environment |= {"DJANGO_SETTINGS_MODULE": "settings.dev", "DATA_DIR": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.strip()) == (0, "0102"), ran.stderr
