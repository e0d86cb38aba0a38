"""Between finished and worth sending.

A stage is a callable: an item and its hint in, the item or `None` out. `pipeline` puts them in order.
"""

from .pipeline import Step, pipeline

__all__ = ["Step", "pipeline"]
