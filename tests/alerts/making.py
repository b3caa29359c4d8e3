"""One of everything that alerts store."""

from datetime import timedelta

from accounts.sealing import seal
from alerts import models
from alerts.dispatch.deliver import PURPOSE


def everything(project, user, now, word="Errors"):
    """``{model: object}``, which belong together: an incident of a rule, told by a channel. ``word`` stands in each."""
    rule = models.Rule.objects.create(
        project=project, name=word, kind="threshold", metric="error_rate", condition={"threshold": 0.1},
        created_by=user,
    )  # fmt: skip
    incident = models.Incident.objects.create(
        project=project, rule=rule, dedup=str(rule.pk), title=word, severity="page", started=now, raised=now
    )
    event = models.IncidentEvent.objects.create(project=project, incident=incident, kind="raised", at=now, text=word)
    channel = models.Channel.objects.create(
        project=project, kind="webhook", name=f"Hook {word}", config={"url": "https://example.org/urlofchannel"},
        secrets=seal('{"secrets": "whsec_secretofchannel"}', PURPOSE),
    )  # fmt: skip
    delivery = models.Delivery.objects.create(project=project, event=event, channel=channel, message="raised")
    later = now + timedelta(hours=1)
    made = [
        rule,
        models.Objective.objects.create(project=project, name=f"Availability {word}", target=0.99),
        models.Alert.objects.create(project=project, rule=rule, revision=1, key="a" * 64, state="firing"),
        models.Evaluation.objects.create(project=project, up_to=now, finished=now),
        incident,
        event,
        channel,
        models.Policy.objects.create(project=project, name=f"Default {word}", levels=[], default=True),
        delivery,
        models.Attempt.objects.create(project=project, delivery=delivery, channel=channel, ok=True),
        models.Silence.objects.create(project=project, comment=word, expires=later, created_by=user),
        models.Maintenance.objects.create(project=project, name=f"Sundays {word}", schedule="0 4 * * 0", minutes=60),
        models.Inhibition.objects.create(project=project, name=f"Database {word}"),
        models.News.objects.create(project=project, kind="other", dedup="1", at=now, title=f"News of {word}"),
        models.Deployment.objects.create(project=project, service=word, version="1.0", at=now, source="api"),
    ]
    return {type(one): one for one in made}
