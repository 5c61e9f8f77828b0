"""Who runs lanes, where and when."""

from crocevia.engine.embedded import EmbeddedEngine
from crocevia.engine.protocol import Engine

__all__ = ["EmbeddedEngine", "Engine"]
