from django.urls import path

from . import demo, sharing
from .compare import compare
from .dismissing import bring_back, dismiss
from .endpoint import endpoint
from .filters import filters_form
from .ledger import ledger_page, roll_back, waiting
from .live.views import live, live_now
from .named import consumers, releases
from .overview import home, overview
from .search import found
from .settings import ingest_settings
from .shared import badge, shared
from .suggestions import suggestions
from .upload import one_upload, progress, upload

urlpatterns = [
    path("", home, name="home"),
    path("projects/<str:slug>/", overview, name="overview"),
    path("projects/<str:slug>/live/", live, name="live"),
    path("projects/<str:slug>/live/now/", live_now, name="live-now"),
    path("projects/<str:slug>/filters/", filters_form, name="filters"),
    path("projects/<str:slug>/endpoints/<uuid:id>/", endpoint, name="endpoint"),
    path("projects/<str:slug>/endpoints/<uuid:id>/filters/", filters_form, name="endpoint-filters"),
    path("projects/<str:slug>/consumers/", consumers, name="consumers"),
    path("projects/<str:slug>/consumers/filters/", filters_form, {"page": "consumers"}, name="consumers-filters"),
    path("projects/<str:slug>/releases/", releases, name="releases"),
    path("projects/<str:slug>/releases/filters/", filters_form, {"page": "releases"}, name="releases-filters"),
    path("projects/<str:slug>/compare/", compare, name="compare"),
    path("projects/<str:slug>/compare/filters/", filters_form, {"page": "compare"}, name="compare-filters"),
    path("projects/<str:slug>/suggestions/", suggestions, name="suggestions"),
    path("projects/<str:slug>/suggestions/dismiss/", dismiss, name="dismiss"),
    path("projects/<str:slug>/suggestions/bring-back/", bring_back, name="bring-back"),
    path("projects/<str:slug>/search/", found, name="search"),
    path("projects/<str:slug>/waiting/", waiting, name="waiting"),
    path("projects/<str:slug>/settings/ingest/", ingest_settings, name="ingest-settings"),
    path("projects/<str:slug>/settings/sharing/", sharing.listed, name="sharing"),
    path("projects/<str:slug>/settings/sharing/<uuid:id>/revoke/", sharing.revoke, name="revoke-link"),
    path("projects/<str:slug>/settings/sharing/<uuid:id>/restore/", sharing.restore, name="restore-link"),
    path("shared/<str:token>/", shared, name="shared"),
    path("shared/<str:token>/badge.svg", badge, name="badge"),
    path("projects/<str:slug>/upload/", upload, name="upload"),
    path("projects/<str:slug>/upload/<uuid:id>/", one_upload, name="one-upload"),
    path("projects/<str:slug>/upload/<uuid:id>/progress/", progress, name="upload-progress"),
    path("projects/<str:slug>/remove-demo/", demo.remove, name="remove-demo"),
    path("load-demo/", demo.load, name="load-demo"),
    path("projects/<str:slug>/ledger/", ledger_page, name="ledger"),
    path("projects/<str:slug>/ledger/<uuid:id>/roll-back/", roll_back, name="roll-back"),
]
