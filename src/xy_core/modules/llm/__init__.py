"""Language models: text in, a stream of text out."""

from xy_core.modules.llm.service import LLMService
from xy_core.modules.llm.types import Delta, Message

__all__ = ["Delta", "LLMService", "Message"]
