from django.db import migrations


def verify(apps, schema_editor):
    """Who was there before addresses were verified was made by an operator, who vouches for the address."""
    address = apps.get_model("account", "EmailAddress")
    known = set(address.objects.values_list("user_id", flat=True))
    users = apps.get_model("accounts", "User").objects.exclude(pk__in=known).values_list("pk", "email")
    address.objects.bulk_create(
        [address(user_id=pk, email=email, verified=True, primary=True) for pk, email in users], batch_size=500
    )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_people"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [migrations.RunPython(verify, migrations.RunPython.noop)]
