"""What every installation shares. No secret has a default here; see dev.py and prod.py."""

from pathlib import Path

from django.utils.csp import CSP

from . import env
from .databases import caches, databases
from .sign_in import *  # noqa: F403  (a part of these settings)
from .sign_in import mailers
from .storages import uploads

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.folder("DATA_DIR", BASE_DIR / "var")

DEBUG = False
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "rest_framework",
    "rest_framework_api_key",
    "drf_spectacular",
    "django_htmx",
    "django_q",
    "accounts",
    "endpoint_stats",
    "alerts",
    "files",
    "devtools",
]
MIDDLEWARE = [
    "endpoint_stats_sender.middleware.EndpointStatsMiddleware",
    # Before those that answer themselves: redirects to TLS, static files.
    "accounts.headers.HeadersMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "endpoint_stats.pages.notation.NotationMiddleware",
    # Before sessions: what the live page asks every two seconds needs none for a minute, what links show none at all.
    "endpoint_stats.pages.live.middleware.LiveMiddleware",
    "endpoint_stats.pages.shared_middleware.SharedMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.sign_in.middleware.SessionMiddleware",
    "accounts.sign_in.middleware.LimitMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
# Of requests that are answered before Django's own handler (endpoint_stats/api/direct.py).
DIRECT_MIDDLEWARE = ["endpoint_stats_sender.middleware.EndpointStatsMiddleware"]
ROOT_URLCONF = "settings.urls"
WSGI_APPLICATION = "settings.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context.projects",
                "endpoint_stats.pages.notation.notation",
            ],
        },
    },
]

# Keys that were SECRET_KEY before: what they signed or encrypted is still read.
SECRET_KEY_FALLBACKS = env.secret("SECRET_KEY_FALLBACKS", "").split()
# Writers wait 1.5 s for SQLite in the web (then 503), 20 s in workers and commands (manage.py sets it).
SQLITE_BUSY_SECONDS = env.number("SQLITE_BUSY_SECONDS", 1.5)
DATABASES = databases(env.secret("DATABASE_URL", ""), DATA_DIR, SQLITE_BUSY_SECONDS)
EMBEDDED = DATABASES["default"]["ENGINE"].endswith("sqlite3")
SESSIONS_IN_LOCAL = EMBEDDED
DATABASE_ROUTERS = ["settings.databases.LocalRouter"]
REDIS_URL = env.secret("REDIS_URL", "")
CACHES = caches(REDIS_URL)
MAILERS = mailers(DATA_DIR / "mail")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = env.folder("STATIC_ROOT", DATA_DIR / "static")
# npm puts the browser's packages into node_modules (scripts/setup.sh); only what pages load is served from there.
STATICFILES_DIRS = [BASE_DIR / "static", ("vendor/uplot", BASE_DIR / "node_modules" / "uplot" / "dist")]
WHITENOISE_ALLOW_ALL_ORIGINS = False  # no other site has a use for these files
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(DATA_DIR / "files")},
    },
    "uploads": uploads(DATA_DIR / "uploads", env.string("UPLOADS_BUCKET", ""), env.string("S3_ENDPOINT_URL", "")),
    "staticfiles": {"BACKEND": "settings.staticfiles.ModuleStorage"},
}
# The largest log that the page takes, as it is sent, and what may come out of one that is compressed.
UPLOAD_MAX_BYTES = env.integer("UPLOAD_MAX_BYTES", 100 * 1000 * 1000)
UPLOAD_MAX_UNPACKED_BYTES = env.integer("UPLOAD_MAX_UNPACKED_BYTES", 4 * 1000**3)
# Forms and files that come by HTTP wait there, under no name: what is killed leaves nothing behind.
FILE_UPLOAD_TEMP_DIR = str(DATA_DIR)

SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# In the session and not in a cookie of their own, which would be one more to protect.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.keys.KeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.keys.MayRead"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "endpoint_stats.api.problems.handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Endpoint Stats",
    "DESCRIPTION": "Numbers of a project's HTTP endpoints. Errors are problem details (RFC 9457) with a stable code.",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "endpoint_stats.api.ingest_schema.add_ingest",
        "endpoint_stats.api.otlp_schema.add_otlp",
    ],
}

WORKERS = env.integer("WORKERS", 2)
Q_CLUSTER = {
    "name": "endpoint-stats",
    "orm": "default",
    "workers": WORKERS,
    "queue_limit": WORKERS,
    "bulk": 1,
    "timeout": 60,
    "retry": 300,
    "max_attempts": 3,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": -1,
    "recycle": 200,
    "poll": 0.2,
    # How often the cluster writes its state to the cache: each is a commit where the cache is a table.
    "guard_cycle": 1,
    # Our own scheduler says when; Django-Q2's looks every 30 s and would only compete for the database.
    "scheduler": False,
}

# Where people reach this installation: links in messages begin with it.
PUBLIC_URL = env.string("PUBLIC_URL", "http://127.0.0.1:8000")
# Channels and other outgoing requests reach public addresses only, and these networks, by http as well: 10.0.0.0/8
ALERTS_ALLOWED_NETWORKS = env.string("ALERTS_ALLOWED_NETWORKS", "").replace(",", " ").split()
# Asked every minute while rules are evaluated: whoever watches it notices when that ends.
HEARTBEAT_URL = env.secret("HEARTBEAT_URL", "")
# Ports on public addresses; empty is any.
ALERTS_ALLOWED_PORTS = [int(port) for port in env.string("ALERTS_ALLOWED_PORTS", "443 8443").replace(",", " ").split()]

# A question that takes longer is stopped, and says so.
QUERY_SECONDS = env.number("QUERY_SECONDS", 10.0)
# The largest body that ingest takes, when decompressed.
INGEST_MAX_BYTES = env.integer("INGEST_MAX_BYTES", 16 * 1024 * 1024)
# Import: processes that parse (0: one a core).
IMPORT_PROCESSES = env.integer("IMPORT_PROCESSES", 0)
# A project's journal past this many rows or keys is compacted by whoever appends to it.
JOURNAL_MAX_ROWS = env.integer("JOURNAL_MAX_ROWS", 64)
# Small commits of live sources that waited longer (seconds) are compacted by a web process: workers are quicker.
JOURNAL_MAX_SECONDS = env.integer("JOURNAL_MAX_SECONDS", 20)
JOURNAL_MAX_KEYS = env.integer("JOURNAL_MAX_KEYS", 60_000)

# The installation counts its own requests into the project endpoint-stats.
ENDPOINT_STATS = {
    "ENABLED": env.boolean("MEASURE_ITSELF", True),
    "TRANSPORT": "endpoint_stats.ingest.live.own.OwnTransport",
    "SERVICE": "endpoint-stats",
    "INTERVAL": 5.0,
}

LOG_LEVEL = env.string("LOG_LEVEL", "INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    # At INFO it writes four lines a task, and there is a task a project every two seconds.
    "loggers": {"django-q": {"level": "DEBUG" if LOG_LEVEL == "DEBUG" else "WARNING"}},
}
