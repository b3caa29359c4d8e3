from django.urls import path

from .overview import home, overview

urlpatterns = [
    path("", home, name="home"),
    path("projects/<str:slug>/", overview, name="overview"),
]
