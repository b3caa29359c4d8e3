"""Addresses of alerts and news."""

from django.urls import include, path

urlpatterns = [
    path("", include("alerts.rest.urls")),
    path("", include("alerts.pages.settings.urls")),
    path("", include("alerts.pages.incidents.urls")),
]
