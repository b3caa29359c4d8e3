"""Which address belongs to which app; nothing else."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("endpoint_stats.pages.urls")),
    path("", include("endpoint_stats.api.urls")),
    path("", include("accounts.urls")),
    path("admin/", admin.site.urls),
]
