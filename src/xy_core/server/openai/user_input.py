"""What a chat request tells the agent: the words, the picture and the recording of the user."""

from __future__ import annotations

from xy_core.agent import UserInput
from xy_core.runtime import Runtime
from xy_core.server.errors import ApiError
from xy_core.server.media import audio_of, picture_at
from xy_core.server.openai.chat_types import AudioPart, ChatRequest, ImagePart

_USER = "user"


async def user_input(body: ChatRequest, runtime: Runtime) -> UserInput:
    """Return the last message as the agent's input; what came before, the agent remembers itself.

    Raises:
        ApiError: the last message is not the user's, or has several pictures or recordings.
        XyCoreError: a picture or a recording cannot be used.
    """
    last = body.messages[-1]
    if last.role != _USER:
        raise ApiError(
            400, "the agent answers a message of role user", "invalid_value", param="messages"
        )
    images = [part.image_url.url for part in last.parts if isinstance(part, ImagePart)]
    recordings = [part.input_audio.data for part in last.parts if isinstance(part, AudioPart)]
    if len(images) > 1 or len(recordings) > 1:
        raise ApiError(
            400,
            "the agent takes one picture and one recording at a time",
            "unsupported_content",
            param="messages",
        )
    return UserInput(
        text=last.text,
        image=await picture_at(images[0], runtime) if images else None,
        audio=await audio_of(recordings[0], runtime) if recordings else None,
        person=body.user or _USER,
    )
