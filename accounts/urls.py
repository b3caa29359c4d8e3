"""The user area. Signing in and up is django-allauth's, under its own names; the rest is ours."""

from django.conf import settings
from django.urls import include, path
from django.views.generic import RedirectView

from .pages import account, factors, invitations, keys, members, projects, provider

project = [
    path("settings/", projects.general, name="project-settings"),
    path("settings/archive/", projects.archive, name="project-archive"),
    path("settings/restore/", projects.restore, name="project-restore"),
    path("settings/delete/", projects.delete, name="project-delete"),
    path("settings/members/", members.listed, name="members"),
    path("settings/members/invite/", members.invite, name="invite"),
    path("settings/members/leave/", members.leave, name="leave"),
    path("settings/members/<int:id>/", members.change, name="member"),
    path("settings/invitations/<uuid:id>/withdraw/", members.withdraw, name="withdraw-invitation"),
    path("settings/keys/", keys.listed, name="keys"),
    path("settings/keys/<slug:prefix>/revoke/", keys.revoke, name="revoke-key"),
    path("settings/first-key/", keys.first, name="first-key"),
    path("settings/audit/", projects.audit, name="project-audit"),
]
urlpatterns = [
    path("sign-in/", RedirectView.as_view(pattern_name="account_login", query_string=True)),
    path("account/", account.home, name="account"),
    path("account/profile/", account.profile, name="profile"),
    path("account/sessions/", account.sessions, name="sessions"),
    path("account/sessions/<int:id>/end/", account.end_session, name="end-session"),
    path("account/sessions/end-others/", account.end_other_sessions, name="end-other-sessions"),
    path("account/cache/clear/", account.clear_cache, name="clear-cache"),
    path("account/data/", account.data, name="account-data"),
    path("account/data/export/", account.export, name="export-data"),
    path("account/data/delete/", account.delete, name="delete-account"),
    path("account/reauthenticate/", factors.reauthenticate, name="account_reauthenticate"),
    path("account/password/set/", factors.set_password, name="account_set_password"),
    path("account/", include("allauth.account.urls")),
    path("account/2fa/recovery-codes/", factors.recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "account/2fa/recovery-codes/generate/",
        factors.NewRecoveryCodes.as_view(),
        name="mfa_generate_recovery_codes",
    ),
    path("account/2fa/recovery-codes/download/", factors.no_download),
    path("account/2fa/", include("allauth.mfa.urls")),
    path("invitation/", invitations.answer, name="invitation"),
    path("invitation/<str:token>/", invitations.follow, name="follow-invitation"),
    path("new-project/", projects.create, name="new-project"),
    path("projects/<str:slug>/", include(project)),
]
if settings.OIDC_ISSUER:
    urlpatterns += [
        path("account/provider/", include("allauth.socialaccount.urls")),
        path("account/oidc/<str:provider_id>/login/", provider.login, name="openid_connect_login"),
        path("account/oidc/<str:provider_id>/login/callback/", provider.callback, name="openid_connect_callback"),
    ]
