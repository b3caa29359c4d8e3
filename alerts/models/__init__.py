"""The tables of alerts and news. They stay on one node: a project has few rows in each."""

from .channels import Attempt, Channel, Delivery, Policy
from .incidents import Incident, IncidentEvent
from .news import Deployment, News, Reader
from .quiet import Inhibition, Maintenance, Silence
from .rules import Alert, Evaluation, Objective, Rule

__all__ = [
    "Alert",
    "Attempt",
    "Channel",
    "Delivery",
    "Deployment",
    "Evaluation",
    "Incident",
    "IncidentEvent",
    "Inhibition",
    "Maintenance",
    "News",
    "Objective",
    "Policy",
    "Reader",
    "Rule",
    "Silence",
]
