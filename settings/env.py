"""Typed readers of the environment: the one place where settings come from.

A secret may stand in ``NAME`` or in the file named by ``NAME_FILE`` (Docker and Kubernetes secrets);
both at once is an error, since one of them would be ignored silently.
"""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from environs import Env

_env = Env()

string = _env.str
integer = _env.int
number = _env.float
boolean = _env.bool
words = _env.list


def secret(name: str, default: str | None = None) -> str:
    """The secret ``name``: from the variable itself or from the file that ``name_FILE`` names."""
    value, path = _env.str(name, None), _env.str(f"{name}_FILE", None)
    if value and path:
        raise ImproperlyConfigured(f"Set {name} or {name}_FILE, not both.")
    if path:
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read: {error.strerror}.") from error
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set. Set {name}, or {name}_FILE to a file that holds it.")
    return default


def folder(name: str, default: Path) -> Path:
    """The folder that ``name`` names; made when it is missing, for nobody else to look into."""
    path = Path(_env.str(name, str(default))).expanduser().resolve()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
