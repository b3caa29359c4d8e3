"""Which address belongs to which app, and who answers where none does; nothing else."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("endpoint_stats.pages.urls")),
    path("", include("endpoint_stats.api.urls")),
    path("", include("alerts.urls")),
    path("", include("accounts.urls")),
    path("admin/", admin.site.urls),
]
handler400 = "endpoint_stats.api.problems.bad_request"
handler404 = "endpoint_stats.api.problems.not_found"
handler500 = "endpoint_stats.api.problems.server_error"
