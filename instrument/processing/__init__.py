"""Between finished and worth sending.

A stage is a callable: an item and its hint in, the item or `None` out. `pipeline` puts them in order. The side door
`findings` tells what the stages took out of events that were kept, and what they would take out today.
"""

from .pipeline import Step, pipeline

__all__ = ["Step", "pipeline"]
