"""Between finished and worth sending.

A stage is a callable: an item and its hint in, the item or `None` out. `pipeline` puts them in order. `Findings` tells
what the stages took out of events that were kept, and what they would take out today.
"""

from .findings import Finding, Findings
from .pipeline import Step, pipeline

__all__ = ["Finding", "Findings", "Step", "pipeline"]
