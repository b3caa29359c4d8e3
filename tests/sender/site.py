"""A small application for the middleware's tests: addresses, views, and a transport that keeps what it gets."""

from __future__ import annotations

import asyncio
import json

from django.http import HttpResponse, StreamingHttpResponse
from django.urls import include, path, re_path

from tests.sender.conftest import Memory

# The transport that ENDPOINT_STATS names, and what a view waits for.
memory = Memory()


def transport():
    return memory


class BrokenTransport:
    def __init__(self):
        raise LookupError("no such cluster")


def consumer(request):
    return request.headers.get("X-Consumer")


async def async_consumer(request):
    await asyncio.sleep(0)
    return request.headers.get("X-Consumer")


def broken_consumer(request):
    raise LookupError("who?")


async def broken_async_consumer(request):
    raise LookupError("who?")


def number_consumer(request):
    return 7


def order(request, pk):
    return HttpResponse(f"order {pk}", status=201 if request.method == "POST" else 200)


async def async_order(request, pk):
    await asyncio.sleep(0)
    return HttpResponse(f"order {pk}")


async def async_ok(request):
    return HttpResponse("ok")


def fail(request):
    raise RuntimeError("oops")


async def async_fail(request):
    raise RuntimeError("oops")


async def forever(request):
    await asyncio.sleep(60)


def stream(request):
    def parts():
        yield b"a" * 10
        yield b"b" * 10

    return StreamingHttpResponse(parts())


def sized_stream(request):
    return StreamingHttpResponse(iter([b"ab"]), headers={"Content-Length": "2"})


def download(request):
    return HttpResponse(json.dumps({"a": 1}), content_type="application/json")


urlpatterns = [
    path("", download),
    path("orders/<int:pk>/", order),
    path("async/orders/<int:pk>/", async_order),
    path("fail", fail),
    path("async/fail", async_fail),
    path("forever", forever),
    path("stream", stream),
    path("sized-stream", sized_stream),
    path("health/live", download),
    path("api/", include([re_path(r"^items/(?P<slug>[^/]+)$", lambda request, slug: HttpResponse(slug))])),
    re_path(r"^old/([0-9]+)$", lambda request, number: HttpResponse(number)),
    path("files/<path:name>", lambda request, name: HttpResponse(name)),
]
