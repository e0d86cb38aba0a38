"""The scope's data onto the item."""

from __future__ import annotations

from typing import Any

from ..recording import Event, Scope, nanoseconds

__all__ = ["apply_scope"]


def apply_scope(item: Event, hint: dict[str, Any]) -> Event:
    """Add what the scope in `hint` holds; what the item says itself wins. Breadcrumbs go with errors only."""
    scope: Scope | None = hint.get("scope")
    if scope is None:
        return item
    if scope.tags:
        item.tags = {**scope.tags, **item.tags}
    if scope.contexts:
        item.contexts = {**scope.contexts, **item.contexts}
    if scope.extra:
        item.extra = {**scope.extra, **item.extra}
    # Asked for once: the scope of a request puts them together when it is asked.
    if item.user is None:
        item.user = scope.user
    if item.request is None:
        item.request = scope.request
    if scope.breadcrumbs and item.kind == "error":
        # A hook may have returned anything for a breadcrumb.
        crumbs = [crumb for crumb in (*scope.breadcrumbs, *item.breadcrumbs) if type(crumb) is dict]
        item.breadcrumbs = sorted(crumbs, key=_moment)
    return item


def _moment(crumb: dict[str, Any]) -> int:
    return nanoseconds(crumb.get("timestamp"), 0)
