from django.urls import path

from . import views

urlpatterns = [
    path("projects/<str:slug>/incidents/", views.incidents, name="incidents"),
    path("projects/<str:slug>/incidents/<uuid:id>/", views.incident, name="incident"),
    path("projects/<str:slug>/incidents/<uuid:id>/now/", views.incident_now, name="incident-now"),
    path("projects/<str:slug>/incidents/<uuid:id>/acknowledge/", views.acknowledge, name="acknowledge"),
    path("projects/<str:slug>/incidents/<uuid:id>/take-back/", views.take_back, name="take-back"),
    path("projects/<str:slug>/incidents/<uuid:id>/comment/", views.comment, name="comment"),
]
