"""Language models: text in, a stream of text out; tool calls, JSON and vectors too."""

from xy_core.modules.llm.service import LLMService
from xy_core.modules.llm.types import (
    Completion,
    Delta,
    Message,
    Sampling,
    Tool,
    ToolCall,
    Usage,
)
from xy_core.modules.llm.window import without_oldest_turn

__all__ = [
    "Completion",
    "Delta",
    "LLMService",
    "Message",
    "Sampling",
    "Tool",
    "ToolCall",
    "Usage",
    "without_oldest_turn",
]
