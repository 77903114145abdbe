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
from xy_core.agent.express import Expression, express, voice_in
from xy_core.agent.percept import Percept, UserInput
from xy_core.agent.policy import Policy
from xy_core.agent.record import TurnRecord

__all__ = [
    "Agent",
    "AgentConfig",
    "Checked",
    "Consistency",
    "CrisisNoticed",
    "Expressed",
    "Expression",
    "ExpressionChecked",
    "Felt",
    "Heard",
    "Painted",
    "PartFailed",
    "Percept",
    "Policy",
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
    "voice_in",
]
