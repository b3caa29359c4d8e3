"""What each route of the product lets whom do. A route that stands here nowhere fails the suite (test_matrix.py).

A route is filled with project A's own ids. Who asks: ``nobody``; ``viewer``, ``editor``, ``owner`` of A; ``stranger``,
the owner of B; ``former``, who was an editor of A; ``staff``, who may do all in the admin and is in no project;
``clerk``, staff who may do nothing there; and keys of A, and one of B (``foreign key``), by their scope.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from accounts.models import Role
from accounts.roles import RIGHTS, Right

from .asking import ANSWERS, MISSING, NOT_ALLOWED, REFUSED, SIGN_IN, TOLD
from .url_map import address

MEMBERS = {"owner": Role.OWNER, "editor": Role.EDITOR, "viewer": Role.VIEWER}
OTHERS = ("stranger", "former", "staff", "clerk")
KEYS = ("ingest key", "read key", "write key", "revoked key", "expired key", "foreign key")
BY_KEY = {"read key": {Right.SEE}, "write key": {Right.SEE, Right.EDIT}}
PEOPLE = (*MEMBERS, *OTHERS)
# Who may most asks first, so that an answer that was kept for one would be seen by the next.
ASKERS = (*PEOPLE, *KEYS, "nobody")

# What a view takes: one that is a function with require_safe, and Django's classes for pages and for forms.
SAFE = ("GET", "HEAD")
PAGE = ("GET", "HEAD", "OPTIONS")
FORM = (*PAGE, "POST", "PUT")
EVERY = (*FORM, "PATCH", "DELETE")
SPOKEN = f"{ANSWERS}/{TOLD}"


@dataclass(frozen=True)
class Route:
    """``rule(route, method, who)`` is the outcome. ``fill``: which of a project's ids are a parameter; ``body``: the
    form of a POST, with ids in braces; ``queries``: what else a GET is tried with."""

    rule: Callable[["Route", str, str], str]
    methods: Mapping[str, Any]
    fill: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    body: Mapping[str, str] | bytes = field(default_factory=dict)
    content_type: str = "application/x-www-form-urlencoded"
    queries: tuple[str, ...] = ()
    # Whether the owner's GET names the project: what is never shown would pass every search for it.
    shows: bool = False
    # Shown once: whoever asks for it, by whichever method, has a note of their own changed.
    once: bool = False

    def outcome(self, method: str, who: str) -> str:
        return self.rule(self, method, who)


def _public(route: Route, method: str, who: str) -> str:
    given = route.methods.get(method, NOT_ALLOWED)
    return given if isinstance(given, str) else given[who in PEOPLE]


def _own(route: Route, method: str, who: str) -> str:
    return route.methods.get(method, NOT_ALLOWED) if who in PEOPLE else SIGN_IN


def _of_the_owner(route: Route, method: str, who: str) -> str:
    said = _own(route, method, who)
    return MISSING if said == ANSWERS and who != "owner" and method != "OPTIONS" else said


def _page(route: Route, method: str, who: str) -> str:
    if who not in PEOPLE:
        return SIGN_IN
    if method not in route.methods:
        return NOT_ALLOWED
    if who not in MEMBERS:
        return MISSING
    return ANSWERS if route.methods[method] in RIGHTS[MEMBERS[who]] else REFUSED


def _rolling_back(route: Route, method: str, who: str) -> str:
    """Who may not is told so on the page that they came from."""
    said = _page(route, method, who)
    return TOLD if said == REFUSED else said


def _nothing_to_undo(route: Route, method: str, who: str) -> str:
    """Nobody of the world has done anything yet."""
    said = _page(route, method, who)
    return TOLD if said == ANSWERS else said


def _removing_a_demo(route: Route, method: str, who: str) -> str:
    said = _page(route, method, who)
    return TOLD if said == ANSWERS else said


def _api(route: Route, method: str, who: str) -> str:
    if who in ("nobody", "ingest key", "revoked key", "expired key"):
        return REFUSED
    if method == "OPTIONS":
        return ANSWERS  # of the address alone: what it takes
    if method not in route.methods:
        return NOT_ALLOWED
    rights = RIGHTS[MEMBERS[who]] if who in MEMBERS else BY_KEY.get(who)
    if rights is None:
        return MISSING
    return ANSWERS if route.methods[method] in rights else REFUSED


def _listing(route: Route, method: str, who: str) -> str:
    """Of what is one's own, which may be nothing."""
    if who in ("nobody", "ingest key", "revoked key", "expired key"):
        return REFUSED
    return ANSWERS if method in PAGE else NOT_ALLOWED


def _ingest(route: Route, method: str, who: str) -> str:
    if method != "POST":
        return NOT_ALLOWED
    return ANSWERS if who == "ingest key" else REFUSED


def _admin(route: Route, method: str, who: str) -> str:
    """Whether staff find what they look for is the admin's matter; all others are sent away, whatever they ask."""
    return f"{ANSWERS}/{REFUSED}/{MISSING}/{NOT_ALLOWED}" if who in ("staff", "clerk") else SIGN_IN


def _admin_sign_in(route: Route, method: str, who: str) -> str:
    if who in ("staff", "clerk"):
        return _admin(route, method, who)
    return REFUSED if who in PEOPLE else SIGN_IN


def _admin_sign_out(route: Route, method: str, who: str) -> str:
    return _admin(route, method, who) if who in ("staff", "clerk") else ANSWERS  # sent on, to where they must sign in


def public(methods: tuple[str, ...], signed_in: tuple[str, ...] = (), answers: str = ANSWERS, **more: Any) -> Route:
    """For everybody. ``signed_in``: what it takes of who is signed in already, who is sent on."""
    either = signed_in or methods
    outcomes = {
        method: (answers if method in methods else NOT_ALLOWED, answers if method in either else NOT_ALLOWED)
        for method in EVERY
    }
    return Route(_public, outcomes, **more)


def own(*methods: str, **more: Any) -> Route:
    """A page of one's own account."""
    return Route(_own, dict.fromkeys(methods, ANSWERS), **more)


def page(get: Right | None = None, post: Right | None = None, **more: Any) -> Route:
    """A page of a project; which right it takes."""
    methods = (dict.fromkeys(SAFE, get) if get else {}) | ({"POST": post} if post else {})
    return Route(_page, methods, **{"shows": get is not None} | more)


def api(*queries: str, **more: Any) -> Route:
    return Route(_api, dict.fromkeys(SAFE, Right.SEE), queries=queries, shows=True, **more)


def changing(body: bytes = b"", **methods: Right) -> Route:
    """Of the API: the right that each method takes."""
    return Route(_api, methods, body=body, content_type="application/json", shows="GET" in methods)


INGEST = _ingest


def ingest(body: bytes, content_type: str) -> Route:
    return Route(_ingest, {"POST": None}, body=body, content_type=content_type)


SEE, EDIT, MANAGE = Right.SEE, Right.EDIT, Right.MANAGE
OF_BATCH = {"id": ("batch", "batch of the ingest key", "batch of the late key")}
TIMES = "from=-24h&to=now"
HIT = b'[{"method": "GET", "path": "/x", "status": 200}]'
LINE = b'192.0.2.1 - - [01/Jan/2026:00:00:00 +0000] "GET /x HTTP/1.1" 200 1 "-" "-"\n'
LOG = (
    b'--x\r\nContent-Disposition: form-data; name="log"; filename="a.log"\r\n\r\n'
    b'192.0.2.1 - - [01/Jan/2026:00:00:00 +0000] "GET /x HTTP/1.1" 200 1 "-" "-"\n\r\n--x--\r\n'
)
LIMITS = {
    "endpoint_cap": "10", "consumer_cap": "10", "release_cap": "10", "apdex_seconds": "1", "minute_days": "9",
    "hour_days": "9", "sample_days": "9",
}  # fmt: skip

INSTALLATION = {
    "health/live": public(SAFE),
    "health/ready": public(SAFE),
    "stats": public(SAFE),
    "metrics": public(SAFE),
    "api/v1/schema": public(PAGE),
    "api/v1/ingest/hits": ingest(HIT, "application/json"),
    "api/v1/ingest/logs": ingest(LINE, "text/plain"),
    "otlp/v1/traces": ingest(b"{}", "application/json"),
    "otlp/v1/metrics": ingest(b"{}", "application/json"),
}
ACCOUNT = {
    "": own(*SAFE),
    "sign-in/": public(EVERY),
    "new-project/": own(*SAFE, "POST", body={"name": "Another"}),
    "invitation/": Route(_public, dict.fromkeys((*SAFE, "POST"), MISSING)),
    "invitation/<str:token>/": public(SAFE, fill={"token": ("token",)}),
    # Links of the world are locked to what no request has: so they tell nothing of their project at all.
    "shared/<str:token>/": public(
        SAFE,
        fill={"token": ("shared token",)},
        queries=("filter.consumer={word}-partner&all=1", "q={word}", "from=-9d"),
    ),
    "shared/<str:token>/badge.svg": public(
        SAFE, fill={"token": ("badge token",)}, queries=("filter.consumer={word}-partner",)
    ),
    "load-demo/": own("POST"),
    "account/": own(*SAFE),
    "account/profile/": own("POST", body={"name": "Another"}),
    "account/sessions/": own(*SAFE),
    "account/sessions/<int:id>/end/": Route(_of_the_owner, {"POST": ANSWERS}, fill={"id": ("session",)}),
    "account/sessions/end-others/": own("POST"),
    "account/cache/clear/": own("POST"),
    "account/data/": own(*SAFE),
    # The account's data has no files yet. When it has, their addresses stand here and in tests/security/world.py.
    "account/data/export/": own("POST"),
    "account/data/delete/": own("POST", body={"email": "{email}"}),
}
# django-allauth's, under its own names.
SIGNING_IN = {
    "account/login/": public(FORM, EVERY),
    "account/logout/": public((*PAGE, "POST")),
    "account/inactive/": public(PAGE),
    "account/signup/": public(EVERY),
    "account/reauthenticate/": own(*SAFE, "POST"),
    "account/email/": own(*FORM, body={"email": "another@example.net", "action_add": "1"}),
    "account/confirm-email/": public(PAGE),
    "account/confirm-email/(?P<key>[-:\\w]+)/$": Route(
        _public, dict.fromkeys(PAGE, ANSWERS) | {"POST": MISSING}, fill={"key": ("session",)}
    ),
    "account/password/change/": own(*FORM),
    "account/password/set/": own(*SAFE, "POST"),
    "account/password/reset/": public(FORM, body={"email": "another@example.net"}),
    "account/password/reset/done/": public(PAGE),
    "account/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": public(
        EVERY, fill={"uidb36": ("user",), "key": ("session",)}
    ),
    "account/password/reset/key/done/": public(PAGE),
    "account/login/code/confirm/": public(EVERY),
    "account/2fa/": own(*PAGE),
    "account/2fa/authenticate/": public(EVERY),
    "account/2fa/reauthenticate/": own(*FORM),
    "account/2fa/totp/activate/": own(*EVERY),
    "account/2fa/totp/deactivate/": own(*FORM),
    "account/2fa/recovery-codes/": own("GET", once=True),
    "account/2fa/recovery-codes/generate/": own(*FORM),
    "account/2fa/recovery-codes/download/": own(*SAFE),
    "account/2fa/webauthn/": own(*PAGE),
    "account/2fa/webauthn/add/": own(*FORM),
    "account/2fa/webauthn/reauthenticate/": Route(_own, dict.fromkeys(FORM, SPOKEN)),
    "account/2fa/webauthn/keys/<int:pk>/remove/": Route(
        _of_the_owner, dict.fromkeys((*PAGE, "POST", "DELETE"), ANSWERS), fill={"pk": ("passkey",)}
    ),
    "account/2fa/webauthn/keys/<int:pk>/edit/": Route(
        _of_the_owner, dict.fromkeys(FORM, ANSWERS), fill={"pk": ("passkey",)}, body={"name": "Another"}
    ),
    "account/2fa/webauthn/login/": public(FORM, EVERY, answers=SPOKEN),
}
PROJECT = {
    "": page(SEE, queries=("q={word}&all=1", "from=-1h&to=now&order=p95")),
    "live/": page(SEE, queries=("filter.traffic=normal",)),
    "live/now/": page(SEE, queries=("filter.traffic=normal",)),
    "waiting/": page(SEE, shows=False),
    "consumers/": page(SEE, queries=("q={word}&all=1", "order=-last", "filter.route=/{word}/orders/7")),
    "consumers/filters/": page(SEE, queries=("filter.service={word}",)),
    "releases/": page(SEE, queries=("q={word}&all=1", "order=first")),
    "releases/filters/": page(SEE),
    "compare/": page(SEE, queries=("by=release", "by=consumer&a={word}-partner&b={word}-partner", "a=week")),
    "compare/filters/": page(SEE, queries=("by=release&a={word}-1.0",)),
    "suggestions/": page(SEE, queries=("from=-1h&to=now",)),
    "suggestions/dismiss/": page(post=SEE, body={"key": "ab" * 32, "text": "another"}),
    "suggestions/bring-back/": page(post=SEE, body={"key": "cd" * 32, "text": "another"}),
    "search/": page(SEE, queries=("q={word}", "q=settings")),
    "filters/": page(SEE, queries=("filter.consumer={word}",)),
    "endpoints/<uuid:id>/": page(
        SEE, fill={"id": ("endpoint",)}, queries=("filter.consumer={word}", "from=-1h&to=now")
    ),
    "endpoints/<uuid:id>/filters/": page(SEE, fill={"id": ("endpoint",)}),
    "incidents/": page(SEE, queries=("state=past", "before={incident}")),
    "incidents/<uuid:id>/": page(SEE, fill={"id": ("incident",)}),
    "incidents/<uuid:id>/now/": page(SEE, fill={"id": ("incident",)}),
    "incidents/<uuid:id>/acknowledge/": page(post=EDIT, fill={"id": ("incident",)}),
    "incidents/<uuid:id>/take-back/": page(post=EDIT, fill={"id": ("incident",)}),
    "incidents/<uuid:id>/comment/": page(post=EDIT, fill={"id": ("incident",)}, body={"text": "another"}),
    "ledger/": page(SEE, queries=("before={batch}",)),
    "ledger/<uuid:id>/roll-back/": replace(page(post=SEE, fill=OF_BATCH), rule=_rolling_back, methods={"POST": EDIT}),
    "upload/": page(EDIT, post=EDIT, body=LOG, content_type="multipart/form-data; boundary=x"),
    "upload/<uuid:id>/": page(EDIT, post=EDIT, fill={"id": ("upload",)}, body={"do": "import", "service": "another"}),
    "upload/<uuid:id>/progress/": page(SEE, fill={"id": ("upload",)}, queries=("seen=x&on=overview",)),
    # Project A is no demo: its owner is told so. tests/pages/test_demo.py removes one.
    "remove-demo/": Route(_removing_a_demo, {"POST": MANAGE}),
    "settings/": page(SEE, post=MANAGE, body={"name": "Another", "time_zone": "Asia/Tokyo"}),
    "settings/archive/": page(post=MANAGE),
    "settings/restore/": page(post=MANAGE),
    "settings/delete/": page(post=MANAGE, body={"slug": "{slug}"}),
    "settings/ingest/": page(EDIT, post=EDIT, body=LIMITS),
    "settings/members/": page(SEE),
    "settings/members/invite/": page(
        MANAGE, post=MANAGE, shows=False, body={"email": "another@example.net", "role": "viewer"}
    ),
    "settings/members/leave/": page(post=SEE),
    "settings/members/<int:id>/": page(post=MANAGE, fill={"id": ("member",)}, body={"role": "remove"}),
    "settings/invitations/<uuid:id>/withdraw/": page(post=MANAGE, fill={"id": ("invitation",)}),
    "settings/keys/": page(EDIT, post=EDIT, body={"name": "another", "scope": "read", "days": "1"}),
    "settings/keys/<slug:prefix>/revoke/": page(post=EDIT, fill={"prefix": ("key",)}),
    "settings/first-key/": page(post=EDIT),
    "settings/sharing/": page(
        EDIT,
        post=EDIT,
        queries=("filter.consumer={word}-partner", "filter.endpoint={endpoint}"),
        body={"name": "another", "kind": "page", "filter.status": "404", "days": "7", "lasts": "7"},
    ),
    "settings/sharing/<uuid:id>/revoke/": page(post=EDIT, fill={"id": ("link",)}),
    "settings/sharing/<uuid:id>/restore/": page(post=EDIT, fill={"id": ("revoked link",)}),
    "settings/channels/": page(EDIT),
    "settings/channels/new/": page(
        EDIT,
        post=EDIT,
        queries=("kind=slack", "kind=email"),
        body={"kind": "slack", "name": "another", "url": "https://hooks.slack.com/services/T/B/x", "next": "{hook}"},
    ),
    "settings/channels/<uuid:id>/": page(
        EDIT,
        post=EDIT,
        fill={"id": ("hook",)},
        body={"name": "another", "url": "https://example.org/another", "next": "{channel}"},
    ),
    "settings/channels/<uuid:id>/do/": page(
        post=EDIT, fill={"id": ("channel", "hook")}, body={"do": "off", "kind": "another"}
    ),
    "settings/policies/": page(
        EDIT, post=EDIT, body={"name": "another", "channels-0": "{hook}", "after-1": "5", "channels-1": "{channel}"}
    ),
    "settings/policies/undo/": Route(_nothing_to_undo, {"POST": EDIT}),
    "settings/policies/<uuid:id>/": page(
        EDIT,
        post=EDIT,
        fill={"id": ("other policy",)},
        body={"name": "another", "channels-0": "{hook}", "repeat": "30"},
    ),
    "settings/policies/<uuid:id>/delete/": page(post=EDIT, fill={"id": ("other policy",)}),
    "settings/quiet/": page(
        EDIT,
        post=EDIT,
        queries=("incident={incident}",),
        body={"make": "silence", "name": "rule", "operator": "=", "value": "x", "length": "60", "comment": "another"},
    ),
    "settings/quiet/undo/": Route(_nothing_to_undo, {"POST": EDIT}),
    "settings/quiet/silences/<uuid:id>/end/": page(post=EDIT, fill={"id": ("silence",)}),
    "settings/quiet/windows/<uuid:id>/do/": page(post=EDIT, fill={"id": ("maintenance",)}, body={"do": "delete"}),
    "settings/quiet/inhibitions/<uuid:id>/do/": page(post=EDIT, fill={"id": ("inhibition",)}, body={"do": "off"}),
    "settings/audit/": page(MANAGE, queries=("before=999999999",)),
}
API = {
    "stats": api(
        "group_by=endpoint&metrics=requests",
        "group_by=consumer&metrics=requests&filter.endpoint={endpoint}&{days}",
        "group_by=release&metrics=requests&filter.release={word}-1.0",
        "metrics=requests&filter.consumer={word}-partner&{days}",
    ),
    "endpoints": api("search={word}", "service={word}-live&method=GET", "cursor=cD1h"),
    "endpoints/<uuid:id>": api(TIMES, fill={"id": ("endpoint",)}),
    "samples": api("endpoint={endpoint}", "failing=true"),
    "batches": api("before={batch}", "before={batch of the late key}", "source=hits"),
    "batches/<uuid:id>": api(fill=OF_BATCH),
    "metrics": api(),
    "releases": changing(b'{"version": "9.9"}', GET=SEE, HEAD=SEE, POST=EDIT),
    "news": changing(b'{"title": "another"}', POST=EDIT),
    "alerts": changing(b'{"key": "another", "title": "another"}', POST=EDIT),
    "alertmanager": changing(b'{"alerts": [{"status": "firing", "labels": {"alertname": "another"}}]}', POST=EDIT),
    "incidents": api("open=true", "limit=1"),
    "keys": changing(b'{"scope": "read"}', GET=EDIT, HEAD=EDIT, POST=EDIT),
    "keys/<slug:prefix>": replace(changing(DELETE=EDIT), fill={"prefix": ("key",)}),
}
ROUTES: dict[str, Route] = {
    **INSTALLATION,
    **ACCOUNT,
    **SIGNING_IN,
    **{f"projects/<str:slug>/{rest}": route for rest, route in PROJECT.items()},
    "api/v1/projects": Route(_listing, dict.fromkeys(SAFE), shows=True),
    "api/v1/projects/<str:slug>": changing(b'{"name": "Another"}', GET=SEE, HEAD=SEE, PATCH=MANAGE),
    **{f"api/v1/projects/<str:slug>/{rest}": route for rest, route in API.items()},
    "admin/login/": Route(_admin_sign_in, {}),
    "admin/logout/": Route(_admin_sign_out, {}),
}
# Only where OIDC_ISSUER is set (test_provider.py).
PROVIDER = {
    "account/provider/": own(*FORM, body={"account": "{social account}"}),
    "account/provider/signup/": public(EVERY),
    "account/provider/login/cancelled/": public(PAGE),
    "account/provider/login/error/": Route(_public, dict.fromkeys(SAFE, REFUSED) | {"OPTIONS": ANSWERS}),
    "account/oidc/<str:provider_id>/login/": public(EVERY, fill={"provider_id": ("provider",)}, answers=SPOKEN),
    "account/oidc/<str:provider_id>/login/callback/": Route(
        _public, dict.fromkeys(EVERY, REFUSED), fill={"provider_id": ("provider",)}
    ),
}
ADMIN = Route(_admin, {}, body={"post": "yes"})


# Pages and answers that show something of a project.
SHOWN = [
    *(f"projects/<str:slug>/{rest}" for rest, route in PROJECT.items() if "GET" in route.methods),
    *(f"api/v1/projects/<str:slug>/{rest}" for rest, route in API.items() if "GET" in route.methods),
    "api/v1/projects",
    "api/v1/projects/<str:slug>",
]


def place(name: str, ids: Mapping[str, str], slug: str = "", which: int = 0) -> str:
    """An address of the route with these ids; ``slug``: below another project; ``which``: of several that fit."""
    fill = {what: kinds[min(which, len(kinds) - 1)] for what, kinds in route_of(name).fill.items()}
    return address(name, {"slug": slug or ids["slug"]} | {what: ids[kind] for what, kind in fill.items()})


def route_of(route: str) -> Route:
    """Raises LookupError, which says what to do, for a route that nobody has thought of."""
    if found := ROUTES.get(route) or PROVIDER.get(route):
        return found
    if route.startswith("admin/"):
        return ADMIN
    raise LookupError(
        f"The route {route!r} is not in the tenant matrix. Say in tests/security/routes.py who may do what with it:"
        " public(…), own(…), page(…), api(…) or ingest(…), which ids fill its parameters (fill=), and a body that would"
        " change something (body=)."
    )
