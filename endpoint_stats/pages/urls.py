from django.urls import path

from .ledger import ledger_page, roll_back, waiting
from .overview import home, overview

urlpatterns = [
    path("", home, name="home"),
    path("projects/<str:slug>/", overview, name="overview"),
    path("projects/<str:slug>/waiting/", waiting, name="waiting"),
    path("projects/<str:slug>/ledger/", ledger_page, name="ledger"),
    path("projects/<str:slug>/ledger/<uuid:id>/roll-back/", roll_back, name="roll-back"),
]
