from django.urls import path

from .views import AlertmanagerView, AlertsView, IncidentsView, NewsView, ReleasesView

PROJECT = "api/v1/projects/<str:slug>"
urlpatterns = [
    path(f"{PROJECT}/releases", ReleasesView.as_view(), name="api-releases"),
    path(f"{PROJECT}/news", NewsView.as_view(), name="api-news"),
    path(f"{PROJECT}/alerts", AlertsView.as_view(), name="api-alerts"),
    path(f"{PROJECT}/alertmanager", AlertmanagerView.as_view(), name="api-alertmanager"),
    path(f"{PROJECT}/incidents", IncidentsView.as_view(), name="api-incidents"),
]
