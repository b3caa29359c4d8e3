from collections.abc import Iterator
from datetime import datetime

from django.apps import AppConfig


class DevtoolsConfig(AppConfig):
    name = "devtools"

    def ready(self) -> None:
        from endpoint_stats.pages import registry

        registry.register_demo(registry.Demo("Demo shop", _name, _lines))


# The simulator is loaded by whoever needs it: a process that serves pages seldom does.
def _name(end: datetime) -> str:
    from .simulator import demo

    return demo.name_of(end)


def _lines(name: str) -> Iterator[bytes]:
    from .simulator import demo

    return demo.lines_of(name)
