"""The ASGI application, for servers that want one; the product itself runs as plain WSGI."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.prod")
application = get_asgi_application()
