from tests.alerts.watch.conftest import shop

__all__ = ["shop"]
