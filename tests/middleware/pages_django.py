"""The pages as a Django project in one module."""

import django
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import include, path, re_path
from django.views import View

from tests.middleware import pages, pages_asgi

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DATABASES={},
        DEBUG=False,
        LOGGING_CONFIG=None,
        ROOT_URLCONF=__name__,
        MIDDLEWARE=["instrument.middleware.django.Tracing", "django.middleware.common.CommonMiddleware"],
        SECRET_KEY="for tests",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "context_processors": ["instrument.middleware.django.trace_meta"],
                    "loaders": [("django.template.loaders.locmem.Loader", {"page.html": "<head>{{ trace_meta }}"})],
                },
            }
        ],
    )
    django.setup()


def user(request, number):
    if request.method == "POST":
        read = request.body if request.content_type == "application/json" else request.POST
        assert read
    return HttpResponse(pages.user(number), headers=dict([pages.seen()]))


def boom(request, number):
    pages.boom(number)


def note(request):
    return HttpResponse(pages.note(), headers=dict([pages.seen()]))


def own(request, number):
    return HttpResponse(pages.own(number), headers=dict([pages.seen()]))


async def own_async(request, number):
    return HttpResponse(await pages_asgi.own(number), headers=dict([pages.seen()]))


def denied(request):
    raise PermissionDenied


def page(request):
    from django.shortcuts import render

    return render(request, "page.html")


class Shelf(View):
    async def get(self, request):
        return HttpResponse("shelf")


def on(method):
    """A view that streams what `method` makes."""

    def view(request, **given):
        return StreamingHttpResponse(method(**given))

    return view


urlpatterns = [
    path("users/<int:number>", user),
    path("boom/<number>", boom),
    path("note", note),
    path("own/<number>", own),
    path("own-async/<number>", own_async),
    path("healthz", lambda request: HttpResponse("well")),
    path("teapot", lambda request: HttpResponse("short and stout", status=418)),
    path("denied", denied),
    path("page", page),
    path("shelf", Shelf.as_view()),
    path("stream/<int:port>", on(pages.stream)),
    path("broken", on(pages.broken)),
    path("endless", on(pages.endless)),
    path("api/", include([re_path(r"^items/(?P<item>[0-9]+)$", lambda request, item: HttpResponse(item))])),
]


async def endless_async():
    import asyncio

    while True:
        yield b"x" * 65536
        await asyncio.sleep(0)


class ForAsync:
    """The same pages, those that stream being asynchronous, as a second set of routes."""

    urlpatterns = (
        path("own/<number>", own_async),
        path("stream/<int:port>", on(pages_asgi.stream)),
        path("broken", on(pages_asgi.broken)),
        path("endless", on(endless_async)),
        *urlpatterns,
    )
