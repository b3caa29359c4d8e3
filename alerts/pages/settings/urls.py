from django.urls import include, path

from . import channels, policies, quiet

settings = [
    path("channels/", channels.listed, name="channels"),
    path("channels/new/", channels.new, name="new-channel"),
    path("channels/<uuid:id>/", channels.one, name="channel"),
    path("channels/<uuid:id>/do/", channels.do, name="channel-do"),
    path("policies/", policies.listed, name="policies"),
    path("policies/undo/", policies.undo, name="policies-undo"),
    path("policies/<uuid:id>/", policies.one, name="policy"),
    path("policies/<uuid:id>/delete/", policies.delete, name="policy-delete"),
    path("quiet/", quiet.listed, name="silences"),
    path("quiet/undo/", quiet.undo, name="quiet-undo"),
    path("quiet/silences/<uuid:id>/end/", quiet.end, name="silence-end"),
    path("quiet/windows/<uuid:id>/do/", quiet.do_window, name="window-do"),
    path("quiet/inhibitions/<uuid:id>/do/", quiet.do_inhibition, name="inhibition-do"),
]
urlpatterns = [path("projects/<str:slug>/settings/", include(settings))]
