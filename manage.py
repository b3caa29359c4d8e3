#!/usr/bin/env python
"""Every operator's command: ``manage.py help`` lists them."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.dev")
    if len(sys.argv) > 1 and sys.argv[1] not in ("serve", "up", "runserver"):
        # A command or a worker may wait for a writer; a request must not (settings/base.py).
        os.environ.setdefault("SQLITE_BUSY_SECONDS", "20")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
