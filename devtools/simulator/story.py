"""The story the simulator tells: Harbour, an online shop with three services.

Tables and constants only. Times of the story count back from the end of the simulated range ("ago", in
hours), so that a fresh demo always shows every incident in its last days. Latencies are milliseconds,
sizes are bytes, weights are relative.
"""

from __future__ import annotations

from dataclasses import dataclass

# --- services ---------------------------------------------------------------------------------------

SERVICE_SHARE = {"web": 0.40, "shop-api": 0.38, "checkout": 0.16}
HEALTH_SHARE = 0.045  # of all requests, split evenly between the services
SCAN_SHARE = 0.015
ZIPF_EXPONENT = 0.8  # within a service the k-th route of the table below weighs 1 / k ** exponent

SENDS_ROUTE = {"shop-api": 0.97}  # the share of requests that carry http.route; other services never do
NO_DURATION_SHARE = 0.005


@dataclass(frozen=True)
class Release:
    version: str
    ago: float


# The first release of a service runs from before the range.
RELEASES = {
    "shop-api": (Release("3.13.2", 1e6), Release("3.14.0", 402.0), Release("3.15.0", 118.5)),
    "checkout": (
        Release("5.1.2", 1e6),
        Release("5.1.3", 260.0),
        Release("5.2.0", 30.0),
        Release("5.2.1", 20.0),
    ),
    "web": (Release("8.3.0", 1e6), Release("8.4.0", 310.0), Release("8.4.1", 83.0)),
}
ROLLOUT_MINUTES = 10  # both releases answer while the pods are replaced


# --- routes -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Route:
    """One endpoint; a service's most popular first. `cached` is (share of hits, their median in ms)."""

    service: str
    method: str
    path: str
    median: float
    sigma: float
    size: int
    audience: str
    outcome: str
    rhythm: str = "people"
    cached: tuple[float, float] = (0.0, 1.0)


ROUTES = (
    Route("shop-api", "GET", "/v1/products/{id}", 48, 0.45, 2900, "clients", "read", cached=(0.7, 6)),
    Route("shop-api", "GET", "/v1/products", 85, 0.50, 21000, "clients", "list", cached=(0.5, 11)),
    Route("shop-api", "GET", "/v1/orders", 110, 0.50, 14500, "partners", "list", "machines"),
    Route("shop-api", "GET", "/v1/prices/{sku}", 9, 0.35, 310, "clients", "read"),
    Route("shop-api", "GET", "/v1/stock/{sku}", 14, 0.40, 260, "clients", "read"),
    Route("shop-api", "GET", "/v1/exchange-rates", 7, 0.30, 1900, "partners", "list", "steady"),
    Route("shop-api", "GET", "/v1/orders/{id}", 42, 0.45, 3300, "clients", "read"),
    Route("shop-api", "POST", "/v1/webhooks", 31, 0.55, 90, "partners", "accept", "machines"),
    Route("shop-api", "GET", "/v1/customers/{id}/recommendations", 160, 0.60, 6400, "apps", "read", cached=(0.6, 8)),
    Route("shop-api", "POST", "/v1/tokens", 120, 0.25, 940, "clients", "token"),
    Route("shop-api", "POST", "/v1/orders", 190, 0.45, 1500, "clients", "create"),
    Route("shop-api", "GET", "/v1/categories", 22, 0.40, 5100, "clients", "list", cached=(0.9, 3)),
    Route("shop-api", "GET", "/v1/customers/{id}", 26, 0.40, 1200, "apps", "read"),
    Route("shop-api", "PUT", "/v1/stock/{sku}", 38, 0.50, 240, "partners", "write", "machines"),
    Route("shop-api", "GET", "/v1/shipments/{id}", 240, 0.70, 1700, "clients", "read"),
    Route("shop-api", "PATCH", "/v1/orders/{id}", 72, 0.45, 1600, "partners", "write", "machines"),
    Route("shop-api", "GET", "/v1/products/{id}/reviews", 55, 0.50, 7200, "apps", "read"),
    Route("shop-api", "POST", "/v1/products/{id}/reviews", 66, 0.45, 420, "apps", "create"),
    Route("shop-api", "PATCH", "/v1/customers/{id}", 58, 0.40, 1100, "apps", "write"),
    Route("shop-api", "DELETE", "/v1/customers/{id}/addresses/{address_id}", 34, 0.40, 0, "apps", "remove"),
    Route("shop-api", "GET", "/v1/reports/sales", 2600, 0.75, 88000, "partners", "list", "machines"),
    Route("shop-api", "DELETE", "/v1/webhooks/{id}", 29, 0.35, 0, "partners", "remove", "machines"),
    Route("checkout", "GET", "/carts/{uuid}", 18, 0.45, 1800, "shoppers", "read"),
    Route("checkout", "POST", "/checkout/{id}/pay", 380, 0.45, 620, "shoppers", "pay"),
    Route("checkout", "POST", "/carts/{uuid}/items", 36, 0.45, 900, "shoppers", "create"),
    Route("checkout", "GET", "/checkout/{id}", 44, 0.45, 2300, "shoppers", "read"),
    Route("checkout", "POST", "/checkout", 95, 0.40, 800, "shoppers", "create"),
    Route("checkout", "PATCH", "/carts/{uuid}/items/{id}", 33, 0.40, 880, "shoppers", "write"),
    Route("checkout", "GET", "/payments/{uuid}", 52, 0.50, 700, "shoppers", "read"),
    Route("checkout", "DELETE", "/carts/{uuid}/items/{id}", 28, 0.40, 0, "shoppers", "remove"),
    Route("checkout", "PUT", "/checkout/{id}/address", 61, 0.45, 540, "shoppers", "write"),
    Route("checkout", "POST", "/checkout/{id}/coupon", 47, 0.45, 330, "shoppers", "write"),
    Route("checkout", "POST", "/payments/{uuid}/refund", 420, 0.50, 480, "internal", "create"),
    Route("web", "GET", "/assets/{asset}", 2, 0.50, 48000, "public", "asset"),
    Route("web", "GET", "/products/{slug}", 74, 0.45, 36000, "public", "page", cached=(0.55, 9)),
    Route("web", "GET", "/search", 130, 0.55, 29000, "public", "page"),
    Route("web", "GET", "/", 40, 0.40, 41000, "public", "page", cached=(0.8, 5)),
    Route("web", "GET", "/images/{sku}.webp", 3, 0.60, 92000, "public", "asset"),
    Route("web", "GET", "/c/{category}", 92, 0.45, 44000, "public", "page", cached=(0.6, 8)),
    Route("web", "GET", "/cart", 64, 0.40, 18000, "browsers", "page"),
    Route("web", "GET", "/account/orders", 105, 0.45, 22000, "browsers", "page"),
    Route("web", "GET", "/blog/{post}", 35, 0.40, 27000, "public", "page", cached=(0.85, 5)),
    Route("web", "POST", "/login", 210, 0.25, 400, "browsers", "login"),
    Route("web", "GET", "/help/{topic}", 30, 0.40, 16000, "public", "page", cached=(0.85, 5)),
    Route("web", "GET", "/robots.txt", 1.5, 0.30, 310, "bots", "asset", "steady"),
    Route("web", "GET", "/sitemap.xml", 18, 0.40, 120000, "bots", "asset", "steady"),
)

HEALTH_ROUTES = tuple(
    Route(service, "GET", "/healthz", 1.2, 0.35, 15, "probe", "health", "steady") for service in SERVICE_SHARE
)
SCAN_ROUTE = Route("web", "GET", "/{scan}", 2.5, 0.40, 548, "scanners", "scan", "steady")

# Status -> probability; what is left of 1 goes to the first status.
OUTCOMES: dict[str, dict[int, float]] = {
    "read": {200: 0, 404: 0.009, 401: 0.002, 429: 0.001, 500: 0.0012, 503: 0.0004},
    "list": {200: 0, 400: 0.002, 401: 0.002, 429: 0.002, 500: 0.0008},
    "create": {201: 0, 400: 0.010, 422: 0.018, 401: 0.003, 409: 0.002, 500: 0.0020},
    "write": {200: 0, 400: 0.006, 404: 0.005, 409: 0.004, 422: 0.008, 500: 0.0015},
    "remove": {204: 0, 404: 0.022, 500: 0.0012},
    "accept": {202: 0, 400: 0.006, 401: 0.004, 500: 0.0010},
    "token": {200: 0, 401: 0.060, 429: 0.006, 500: 0.0010},
    "login": {302: 0, 401: 0.090, 429: 0.004, 500: 0.0010},
    "pay": {200: 0, 402: 0.031, 409: 0.004, 500: 0.0020},
    "page": {200: 0, 304: 0.030, 301: 0.006, 404: 0.007, 500: 0.0010},
    "asset": {200: 0, 304: 0.360, 404: 0.004},
    "health": {200: 0, 503: 0.0003},
    "scan": {404: 0, 403: 0.030, 301: 0.010},
}
BODYLESS = (204, 304)
ERROR_BODY = 180  # median response size of any status from 400 on
REQUEST_BODY = {"POST": 620, "PUT": 410, "PATCH": 230}  # medians; other methods send none


# --- callers ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Caller:
    """Who sends requests: `consumer` is empty where the service cannot tell."""

    group: str
    weight: float
    consumer: str
    user_agent: str


_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64"
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko"

CALLERS = (
    Caller("partners", 17, "larkfield-marketplace", "LarkfieldSync/4.2"),
    Caller("partners", 15, "northwind-erp", "NorthwindERP/11.4 (order-sync)"),
    Caller("partners", 11, "parcelo-shipping", "parcelo-connector/2.9.1 okhttp/4.12.0"),
    Caller("partners", 9, "tallybook-accounting", "Tallybook/2025.3"),
    Caller("partners", 8, "pricewell", "pricewell-crawler/1.7 python-requests/2.32.3"),
    Caller("partners", 7, "stockpilot", "StockPilot/6.0.2 (.NET 9.0)"),
    Caller("partners", 6, "mailgrove", "Mailgrove-Webhooks/1.0"),
    Caller("partners", 5, "returnly-box", "axios/1.7.9"),
    Caller("partners", 5, "adlantic", "Adlantic-Feed/3.3 Go-http-client/2.0"),
    Caller("partners", 4, "quayside-pos", "QuaysidePOS/5.8"),
    Caller("partners", 4, "loyalty-lane", "LoyaltyLane/2.2 Ruby/3.4"),
    Caller("partners", 3, "fjord-logistics", "Java-http-client/21.0.5"),
    Caller("partners", 3, "giftmoor", "GuzzleHttp/7"),
    Caller("partners", 2, "auditcove", "AuditCove/1.1"),
    Caller("partners", 1, "spreadsheet-addon", "Google-Apps-Script"),
    Caller("apps", 34, "harbour-ios", "Harbour/7.4.1 (iPhone; iOS 18.5) CFNetwork/3826.500"),
    Caller("apps", 9, "harbour-ios", "Harbour/7.3.0 (iPhone; iOS 17.7) CFNetwork/1498.700"),
    Caller("apps", 31, "harbour-android", "Harbour/7.4.0 (Android 15; Pixel 8) okhttp/4.12.0"),
    Caller("apps", 12, "harbour-android", "Harbour/7.2.2 (Android 13; SM-A536B) okhttp/4.12.0"),
    Caller("apps", 6, "harbour-ipad", "Harbour/7.4.1 (iPad; iPadOS 18.5) CFNetwork/3826.500"),
    Caller("apps", 5, "harbour-kiosk", "HarbourKiosk/2.1"),
    Caller("apps", 3, "harbour-watch", "Harbour/7.4.1 (Watch; watchOS 11.5)"),
    Caller("internal", 50, "storefront-ssr", "storefront/8.4 undici"),
    Caller("internal", 16, "fulfilment-worker", "fulfilment/2.14 python-httpx/0.28.1"),
    Caller("internal", 14, "search-indexer", "search-indexer/1.9 Go-http-client/1.1"),
    Caller("internal", 12, "support-desk", "support-desk/3.0"),
    Caller("internal", 8, "data-export", "data-export/0.7 aiohttp/3.11.11"),
    Caller("browsers", 30, "", f"{_WINDOWS}) {_WEBKIT}) Chrome/138.0.0.0 Safari/537.36"),
    Caller("browsers", 12, "", f"{_WINDOWS}) {_WEBKIT}) Chrome/137.0.0.0 Safari/537.36"),
    Caller("browsers", 9, "", f"{_WINDOWS}) {_WEBKIT}) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0"),
    Caller(
        "browsers",
        18,
        "",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.5 Mobile/15E148 Safari/604.1",
    ),
    Caller("browsers", 15, "", f"Mozilla/5.0 (Linux; Android 10; K) {_WEBKIT}) Chrome/138.0.0.0 Mobile Safari/537.36"),
    Caller(
        "browsers",
        9,
        "",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.5 Safari/605.1.15",
    ),
    Caller("browsers", 5, "", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    Caller("browsers", 6, "", f"{_WINDOWS}; rv:140.0) Gecko/20100101 Firefox/140.0"),
    Caller("bots", 40, "", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    Caller("bots", 18, "", "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"),
    Caller("bots", 16, "", f"Mozilla/5.0 {_WEBKIT}; compatible; GPTBot/1.2; +https://openai.com/gptbot)"),
    Caller("bots", 10, "", f"Mozilla/5.0 {_WEBKIT}; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)"),
    Caller("bots", 9, "", "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"),
    Caller("bots", 7, "", "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)"),
    Caller("probe", 1, "", "kube-probe/1.33"),
    Caller("scanners", 5, "", "Mozilla/5.0 zgrab/0.x"),
    Caller("scanners", 4, "", "python-requests/2.31.0"),
    Caller("scanners", 3, "", "Go-http-client/1.1"),
    Caller("scanners", 2, "", "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)"),
)

# Audience of a route -> the share of each group of callers.
AUDIENCES: dict[str, dict[str, float]] = {
    "clients": {"apps": 0.48, "internal": 0.27, "partners": 0.25},
    "partners": {"partners": 1},
    "apps": {"apps": 0.85, "internal": 0.15},
    "internal": {"internal": 1},
    "shoppers": {"browsers": 0.56, "apps": 0.44},
    "public": {"browsers": 0.92, "bots": 0.08},
    "browsers": {"browsers": 1},
    "bots": {"bots": 1},
    "probe": {"probe": 1},
    "scanners": {"scanners": 1},
}


# --- rhythm -----------------------------------------------------------------------------------------

TIME_ZONES = ((1, 0.55), (-5, 0.30), (8, 0.15))  # (hours from UTC, share of the customers)

# Activity by local hour; (weekday curve, weekend curve), linear between the hours.
RHYTHMS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "people": (
        (
            0.30,
            0.18,
            0.11,
            0.08,
            0.08,
            0.12,
            0.25,
            0.45,
            0.62,
            0.70,
            0.76,
            0.84,
            0.98,
            0.90,
            0.80,
            0.78,
            0.82,
            0.92,
            1.05,
            1.22,
            1.30,
            1.15,
            0.85,
            0.55,
        ),
        (
            0.42,
            0.28,
            0.18,
            0.12,
            0.09,
            0.10,
            0.15,
            0.28,
            0.52,
            0.82,
            1.08,
            1.22,
            1.25,
            1.20,
            1.18,
            1.16,
            1.14,
            1.15,
            1.20,
            1.28,
            1.30,
            1.12,
            0.86,
            0.60,
        ),
    ),
    "machines": (
        (
            0.45,
            0.45,
            0.70,
            0.45,
            0.45,
            0.48,
            0.60,
            0.80,
            1.10,
            1.25,
            1.25,
            1.20,
            1.10,
            1.18,
            1.22,
            1.20,
            1.12,
            0.95,
            0.80,
            0.70,
            0.62,
            0.55,
            0.50,
            0.47,
        ),
        (
            0.40,
            0.40,
            0.62,
            0.40,
            0.40,
            0.40,
            0.42,
            0.45,
            0.50,
            0.55,
            0.56,
            0.56,
            0.55,
            0.55,
            0.55,
            0.54,
            0.52,
            0.50,
            0.48,
            0.46,
            0.45,
            0.44,
            0.42,
            0.41,
        ),
    ),
    "steady": ((1.0,) * 24, (1.0,) * 24),
}
LOAD_SLOWDOWN = 0.15  # how much slower everything is when people are at activity 1


# --- incidents --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Endpoint:
    service: str
    method: str
    path: str


@dataclass(frozen=True)
class Regression:
    """What one version does to one endpoint: latency × `scale` × e^(`spread` · z), plus 500s."""

    version: str
    scale: float
    spread: float
    error_share: float


# 1. A bad release, partly repaired by the next one. 2.2 · e^(0.37 · 1.645) makes the p95 about four times.
BAD_RELEASE_ENDPOINT = Endpoint("checkout", "POST", "/checkout/{id}/pay")
REGRESSIONS = (Regression("5.2.0", 2.2, 0.37, 0.06), Regression("5.2.1", 1.25, 0.10, 0.010))

# 2. An endpoint goes quiet.
QUIET_ENDPOINT = Endpoint("shop-api", "GET", "/v1/exchange-rates")
QUIET_AGO = 48

# 3. A burst of errors, with the retries of everyone who met it. The window lies within one whole hour
# counted back from the end.
BURST_ENDPOINT = Endpoint("web", "GET", "/search")
BURST_AGO = 9.5
BURST_MINUTES = 12
BURST_STATUS = 503
BURST_SHARE = 0.9
BURST_RETRIES = 1.5  # extra requests in the window, as a multiple of a mean hour of the endpoint
BURST_TIMEOUT = 3000  # ms, what a request waits for the search engine before it answers 503

# 4. One consumer becomes slow on one endpoint.
SLOW_CONSUMER = "northwind-erp"
SLOW_ENDPOINT = Endpoint("shop-api", "GET", "/v1/orders")
SLOW_AGO = 72
SLOW_FACTOR = 6

# 5. An endpoint grows steadily, up to `factor` times at the end.
GROWING_ENDPOINT = Endpoint("shop-api", "POST", "/v1/webhooks")
GROWING_AGO = 168
GROWING_FACTOR = 5
