"""Any OpenAI-compatible server, through OpenAI's own client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from xy_core.core.errors import (
    ContextExceeded,
    InputError,
    MissingExtraError,
    RemoteError,
    XyCoreError,
)
from xy_core.modules.llm.backends.chunks import ChunkReader
from xy_core.modules.llm.backends.vectors import of_unit_length
from xy_core.modules.llm.config import LanguageModelConfig, LLMConfig, ServerConfig
from xy_core.modules.llm.sampling import filled
from xy_core.modules.llm.tool_calls import message_json, must_call, tool_json, tools_json
from xy_core.modules.llm.types import Delta, Embeddings, Request
from xy_core.modules.llm.window import without_oldest_turn

_OWN = ("top_k", "min_p", "repeat_penalty")
"""What OpenAI's API has no word for, but the servers that run local models have."""
_BYTES = 3
"""A token has more bytes of UTF-8 in all usual vocabularies, on average, in English and Chinese."""
_AROUND = 8
"""Tokens that templates put around a message."""


class OpenAIServer:
    """One model of a server; all methods belong to the event loop.

    The client tries again by itself, but only before the first piece, and as `Retry-After` says.

    Raises:
        MissingExtraError: openai is not installed.
    """

    def __init__(self, model: LanguageModelConfig, config: LLMConfig) -> None:
        assert model.server is not None  # noqa: S101 - the settings see to it
        self._model = model
        self._config = config
        self._at: ServerConfig = model.server
        self._client = _client(self._at)

    async def generate(self, request: Request) -> AsyncIterator[Delta]:
        """See `RemoteLanguageModel`."""
        stream = await self._begin(request)
        reader = ChunkReader()
        async with stream:
            with _told_as_ours(self._at, self._name):
                chunks = aiter(stream)
                while (chunk := await self._next(chunks)) is not None:
                    yield Delta(reader.read(chunk))
        if reader.finish_reason is None:
            raise RemoteError(f"the server {self._at.url} broke off in the middle of a reply")
        last = reader.last()
        if must_call(request) and not last.tool_calls:
            raise RemoteError(
                f"the model {self._name!r} of the server {self._at.url} called no tool though it "
                "had to: it knows none, or needs more tokens (max_tokens)"
            )
        yield last

    async def count(self, request: Request) -> int:
        """See `RemoteLanguageModel`; no server has to tell, so it is guessed from the length."""
        texts = [message.content for message in request.messages]
        texts += [str(tool_json(tool)) for tool in request.tools]
        return sum(-(-len(text.encode()) // _BYTES) + _AROUND for text in texts)

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """See `RemoteLanguageModel`."""
        with _told_as_ours(self._at, self._name):
            answer = await self._client.embeddings.create(
                model=self._name, input=list(texts), encoding_format="float"
            )
        try:
            rows = sorted(answer.data, key=lambda one: one.index)
            vectors = of_unit_length([one.embedding for one in rows])
        except (TypeError, ValueError, AttributeError) as error:
            raise RemoteError(f"the server {self._at.url} sent vectors of unequal form") from error
        if vectors.ndim != 2 or len(vectors) != len(texts):  # noqa: PLR2004 - a table
            raise RemoteError(f"the server {self._at.url} sent no vector for some texts")
        return vectors

    async def close(self) -> None:
        """See `RemoteLanguageModel`."""
        await self._client.close()

    @property
    def _name(self) -> str:
        return self._at.model or self._model.id

    async def _begin(self, request: Request) -> Any:  # noqa: ANN401 - the library is optional
        """Wait for the reply to begin, leaving out the oldest turns if they are too many."""
        while True:
            body = self._body(request)
            try:
                with _told_as_ours(self._at, self._name):
                    return await self._client.chat.completions.create(**body)
            except ContextExceeded:
                request = request.with_messages(without_oldest_turn(request.messages))

    async def _next(self, chunks: AsyncIterator[Any]) -> dict[str, Any] | None:
        try:
            async with asyncio.timeout(self._at.timeout):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return None
        except TimeoutError as error:
            raise RemoteError(
                f"the server {self._at.url} sent nothing for {self._at.timeout:g} s in the middle "
                "of a reply: raise the timeout of its server in llm.models"
            ) from error
        found: dict[str, Any] = chunk.model_dump()
        return found

    def _body(self, request: Request) -> dict[str, Any]:
        sampling = filled(request.sampling, self._model, self._config)
        names = [name for name in sampling.__slots__ if getattr(sampling, name) is not None]
        given = {name: getattr(sampling, name) for name in names if name != "stop"}
        own = {name: given.pop(name) for name in _OWN if name in given}
        if own.get("repeat_penalty") == 1:
            del own["repeat_penalty"]  # a strict server refuses words that it does not know
        body = {"model": self._name, "stream": True, "stream_options": {"include_usage": True}}
        body |= {"messages": [message_json(message) for message in request.messages]}
        body |= given | tools_json(request)
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if own:
            body["extra_body"] = own
        if request.schema is not None:
            schema = {"name": "reply", "schema": dict(request.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body


def _client(server: ServerConfig) -> Any:  # noqa: ANN401 - the library is optional
    try:
        import openai  # noqa: PLC0415 - optional
    except ImportError as error:
        raise MissingExtraError("openai", "llm-server") from error
    return openai.AsyncOpenAI(
        base_url=server.url,
        api_key=server.key,
        timeout=server.timeout,
        max_retries=server.retries,
    )


@contextmanager
def _told_as_ours(server: ServerConfig, model: str) -> Iterator[None]:
    """Turn the client's errors, and those of the connection, into ours; none bears the key."""
    import openai  # noqa: PLC0415 - optional

    try:
        yield
    except XyCoreError:
        raise
    except openai.APIStatusError as error:
        raise _refusal(server, model, error) from None
    except openai.APITimeoutError:
        raise RemoteError(
            f"the server {server.url} did not answer within {server.timeout:g} s: raise the "
            "timeout of its server in llm.models"
        ) from None
    except openai.APIConnectionError as error:
        raise RemoteError(
            f"the server {server.url} is not reached ({error.__cause__ or error}): is it running?"
        ) from None
    except Exception as error:  # noqa: BLE001 - its transport's errors are of several libraries
        raise RemoteError(
            f"the server {server.url} broke off, or is no OpenAI-compatible one: {error}"
        ) from None


def _refusal(server: ServerConfig, model: str, error: Any) -> XyCoreError:  # noqa: ANN401 - the library is optional
    """Return what a status means for the user."""
    status, body = error.status_code, error.body if isinstance(error.body, dict) else {}
    said = str(body.get("message") or error.message)[:500]
    kind = f"{body.get('type')} {body.get('code')} {said}".lower()
    if status in {400, 413} and ("exceed_context" in kind or "context_length" in kind):
        return ContextExceeded()
    if status in {400, 413, 422}:
        return InputError(f"the server {server.url} refuses the request: {said}")
    advice = {
        401: "it does not accept the API key: set api_key_env of its server in llm.models",
        403: "the API key may not use this model",
        404: f"it has no model {model!r}, or its address lacks /v1",
        429: "it has too many requests, or the quota is used up: try again later",
    }.get(status, said)
    return RemoteError(
        f"the server {server.url} answers {status}: {advice}", status, _seconds(error.response)
    )


def _seconds(response: Any) -> float | None:  # noqa: ANN401 - the library is optional
    try:
        return float(response.headers["retry-after"])
    except (KeyError, ValueError):
        return None
