"""People and programs, bots, health checks."""

import pytest

from endpoint_stats.ingest.traffic import class_of_agent, is_health_path

NORMAL, BOT, HEALTH = 0, 1, 2


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("", NORMAL),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", NORMAL),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/129.0 Safari/537.36", NORMAL),
        ("curl/8.9.1", NORMAL),
        ("python-requests/2.32.3", NORMAL),
        ("okhttp/4.12.0", NORMAL),
        ("Robotics-Client/1.0", NORMAL),
        ("Bottles/2024.1", NORMAL),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", BOT),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", BOT),
        ("GPTBot/1.2", BOT),
        ("facebookexternalhit/1.1", BOT),
        ("Mozilla/5.0 AppleWebKit/537.36 HeadlessChrome/129.0", BOT),
        ("Baiduspider", BOT),
        ("SCRAPY/2.11", BOT),
        ("sqlmap/1.8", BOT),
        ("kube-probe/1.31", HEALTH),
        ("ELB-HealthChecker/2.0", HEALTH),
        ("GoogleHC/1.0", HEALTH),
        ("Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", HEALTH),
        ("Uptime-Kuma/1.23", HEALTH),
        ("Pingdom.com_bot_version_1.4", HEALTH),
    ],
)  # fmt: skip
def test_agents(agent, expected):
    assert class_of_agent(agent) == expected


@pytest.mark.parametrize(
    "path",
    ["/health", "/healthz", "/health/live", "/health/ready", "/healthcheck", "/health-check", "/livez", "/readyz",
     "/ping", "/heartbeat", "/alive", "/api/v1/health", "/HEALTH", "/health/", "/-/healthy", "/-/ready",
     "/nginx_status", "/server-status", "/liveness", "/readiness"],
)  # fmt: skip
def test_health_paths(path):
    assert is_health_path(path)


@pytest.mark.parametrize(
    "path",
    ["/", "", "*", "/orders", "/healthy-food", "/health/insurance", "/live", "/ready", "/status", "/orders/status",
     "/pinging", "/shipping", "/blog/healthz-explained", "/{static}", "/threads", "/deliveries"],
)  # fmt: skip
def test_other_paths(path):
    assert not is_health_path(path)
