"""The agent: perceive, feel, recall, think, express."""

from xy_core.agent.agent import Agent, SpokenTurn
from xy_core.agent.config import AgentConfig
from xy_core.agent.consistency import Consistency, ExpressionChecked
from xy_core.agent.events import (
    Checked,
    CrisisNoticed,
    Expressed,
    Felt,
    Heard,
    Informed,
    Painted,
    PartFailed,
    Remembered,
    ReplyToken,
    Seen,
    SentenceWritten,
    Spoken,
    ToolCalled,
    ToolReturned,
    TurnDone,
    TurnEvent,
    TurnFailed,
)
from xy_core.agent.express import Expression, express, express_fully, voice_in
from xy_core.agent.percept import Percept, UserInput
from xy_core.agent.policy import Policy
from xy_core.agent.provider import ContextProvider, Note, Question
from xy_core.agent.record import TurnRecord

__all__ = [
    "Agent",
    "AgentConfig",
    "Checked",
    "Consistency",
    "ContextProvider",
    "CrisisNoticed",
    "Expressed",
    "Expression",
    "ExpressionChecked",
    "Felt",
    "Heard",
    "Informed",
    "Note",
    "Painted",
    "PartFailed",
    "Percept",
    "Policy",
    "Question",
    "Remembered",
    "ReplyToken",
    "Seen",
    "SentenceWritten",
    "Spoken",
    "SpokenTurn",
    "ToolCalled",
    "ToolReturned",
    "TurnDone",
    "TurnEvent",
    "TurnFailed",
    "TurnRecord",
    "UserInput",
    "express",
    "express_fully",
    "voice_in",
]
