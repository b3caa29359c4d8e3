"""Doing things that are taken back, and what stands in the tables of a project and of its people."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connection, models, transaction

from accounts.models import CacheUse, Project, User

DATABASES = ("default", "local")
# Notes of when somebody was here, which every request may make.
WHEN = {"last_used", "last_used_at", "last_seen_at", "last_login"}


@contextmanager
def undone() -> Iterator[None]:
    """What is done within is taken back, in both databases."""
    with ExitStack() as stack:
        for name in DATABASES:
            stack.enter_context(transaction.atomic(using=name))
        yield
        for name in DATABASES:
            transaction.set_rollback(True, using=name)


Rows = dict[str, list[str]]


def rows_of(project: int, people: tuple[int, ...]) -> Rows:
    """Every row that belongs to the project or to one of its people, by table. Tables are found by their fields, so
    that one that is made next year is among them."""
    found: Rows = {}
    with connection.cursor() as cursor:
        cursor.execute(*_question(project, people))
        for table, row in cursor.fetchall():
            found.setdefault(table, []).append(row)
    return found


@cache
def _question(project: int, people: tuple[int, ...]) -> tuple[str, list[Any]]:
    """All tables in one question, and each row as one text: it is asked a thousand times."""
    parts, parameters = [], []
    for model in apps.get_models():
        rows = _found(model, project, people) if model is not CacheUse else None
        if rows is None:
            continue
        assert rows.db == DEFAULT_DB_ALIAS
        names = [one.attname for one in model._meta.concrete_fields if one.name not in WHEN]
        sql, values = rows.order_by().values_list(*names).query.sql_with_params()
        said = (
            "x::text"
            if connection.vendor == "postgresql"
            else " || ', ' || ".join(f'quote("{name}")' for name in names)
        )
        parts.append(f"SELECT '{model._meta.label}', {said} FROM ({sql}) x")
        parameters += values
    return " UNION ALL ".join(parts), parameters


def _found(model: type[models.Model], project: int, people: tuple[int, ...]) -> Any:
    fields = {field.name: field.related_model for field in model._meta.concrete_fields if field.is_relation}
    rows = model._default_manager
    if model is Project:
        return rows.filter(pk=project)
    if model is User:
        return rows.filter(pk__in=people)
    if fields.get("project") is Project:
        return rows.filter(project_id=project)
    if fields.get("user") is User:
        return rows.filter(user_id__in=people)
    return None


def differences(before: Rows, after: Rows) -> list[tuple[str, str]]:
    """The tables that changed, and the first row that is new or gone."""
    said = []
    for table in sorted(before.keys() | after.keys()):
        old, new = set(before.get(table, ())), set(after.get(table, ()))
        for word, rows in (("gone", old - new), ("new", new - old)):
            said += [(table, f"{len(rows)} {word}, such as {min(rows)[:200]}")] if rows else []
    return said
