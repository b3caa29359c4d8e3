"""All kinds of rules, states, messages and news, by the names under which they are stored and spoken of."""

from django.db.models import TextChoices


class RuleKind(TextChoices):
    THRESHOLD = "threshold", "A value is beyond a threshold"
    CHANGE = "change", "A value changed against the same time before"
    BURN_RATE = "burn_rate", "An error budget burns too fast"
    NO_DATA = "no_data", "Nothing is called any more"
    NEW_ENDPOINT = "new_endpoint", "An endpoint was called for the first time"
    ANOMALY = "anomaly", "A value is unusual for the time of the week"
    BAD_RELEASE = "bad_release", "A release is worse than the one before"


class Severity(TextChoices):
    PAGE = "page", "Page: somebody must look now"
    TICKET = "ticket", "Ticket: somebody must look in working hours"


class NoData(TextChoices):
    """What a window means in which too little was measured to say anything."""

    KEEP = "keep", "Keep the state: unmeasured is not well"
    OK = "ok", "Take it for well"
    ALERT = "alert", "Take it for a breach"


class Origin(TextChoices):
    """Who raised an incident."""

    RULE = "rule"
    API = "api"
    ALERTMANAGER = "alertmanager"


class EventKind(TextChoices):
    """What a line of an incident's timeline says."""

    RAISED = "raised"
    JOINED = "joined"  # another endpoint, consumer, … of the same rule
    LEFT = "left"
    RESOLVED = "resolved"
    FLAPPING = "flapping"
    SETTLED = "settled"
    HELD = "held"  # nobody is told, and why
    NOTIFIED = "notified"
    ACKNOWLEDGED = "acknowledged"
    TAKEN_BACK = "taken back"  # an acknowledgement
    COMMENT = "comment"


class DeliveryState(TextChoices):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    OBSOLETE = "obsolete"  # it was over before it could be sent


class NewsKind(TextChoices):
    RELEASE = "release", "Release"
    VERDICT = "verdict", "Verdict of a release"
    NEW_ENDPOINT = "new_endpoint", "New endpoint"
    QUIET_ENDPOINT = "quiet_endpoint", "Endpoint gone quiet"
    IMPORT_FINISHED = "import_finished", "Import finished"
    WEEKLY_DIGEST = "weekly_digest", "The week"
    MONTHLY_DIGEST = "monthly_digest", "The month"
    OTHER = "other", "News"
