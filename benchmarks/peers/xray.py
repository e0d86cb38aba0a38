"""aws-xray-sdk, sending to a daemon that is not there: UDP does not ask."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager

from aws_xray_sdk.core import xray_recorder

from ..subject import DATA, TAGS, Subject

__all__ = ["SUBJECT"]

logging.getLogger("aws_xray_sdk").setLevel(logging.CRITICAL)


@xray_recorder.capture("work")
def work() -> None:
    """A decorated function."""


class XRay(Subject):
    name = "aws-xray-sdk"

    def keep(self) -> None:
        xray_recorder.configure(service="benchmarks", sampling=False, context_missing="IGNORE_ERROR")
        xray_recorder.streaming_threshold = 1_000_000

    def deliver(self, url: str, *, roomy: bool = False) -> None:
        xray_recorder.configure(service="benchmarks", sampling=False, context_missing="IGNORE_ERROR")

    def flush(self) -> None:
        """What is finished has been sent by the thread that finished it."""

    def root(self, *, sampled: bool = True) -> AbstractContextManager[object]:
        return xray_recorder.in_segment("nightly")

    def spans(self, count: int) -> None:
        in_subsegment = xray_recorder.in_subsegment
        for _ in range(count):
            with in_subsegment("parse avatar images"):
                pass

    def spans_with_data(self, count: int) -> None:
        in_subsegment = xray_recorder.in_subsegment
        for _ in range(count):
            with in_subsegment("parse avatar images") as segment:
                for key, value in DATA.items():
                    segment.put_metadata(key, value)
                for key, value in TAGS.items():
                    segment.put_annotation(key, value)

    def calls(self, count: int) -> None:
        for _ in range(count):
            work()


SUBJECT = XRay()
