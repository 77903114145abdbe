"""``xy-core serve``: the agent and its models over HTTP."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from xy_core.cli.i18n import tr
from xy_core.core.errors import ConfigError, MissingExtraError, Terminated
from xy_core.runtime import open_runtime
from xy_core.server.config import ServerConfig
from xy_core.settings import Settings


def run_serve(settings: Settings, given: Mapping[str, Any]) -> None:
    """Serve until Ctrl-C or SIGTERM, after which it returns.

    Args:
        settings: the configuration.
        given: options that are stronger than the configuration's server section.

    Raises:
        ConfigError: the options contradict each other, or the address cannot be used.
        MissingExtraError: the server's libraries are not installed.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        config = ServerConfig.model_validate(settings.server.model_dump() | chosen)
    except ValidationError as error:
        raise ConfigError(f"server: {error.errors()[0]['msg']}") from error
    try:
        from xy_core.server.serving import run_serving  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "fastapi", "server") from error
    _check_certificate(config)
    with suppress(Terminated, KeyboardInterrupt):  # to be told to stop is how a server ends
        run_serving(_serve(settings, config))


def _check_certificate(config: ServerConfig) -> None:
    """Refuse a certificate that cannot be used, before models are loaded for nothing."""
    if config.certfile is None:
        return
    try:
        # A server has nobody to ask for a password.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            config.certfile, config.keyfile, password=""
        )
    except OSError as error:
        raise ConfigError(
            f"the certificate {config.certfile} with the key {config.keyfile} cannot be used "
            f"({error.strerror}): give files in PEM, the key without a password"
        ) from error


async def _serve(settings: Settings, config: ServerConfig) -> None:
    from xy_core.server.security.access import refuse_open_door  # noqa: PLC0415 - an extra
    from xy_core.server.security.keys import KeyStore  # noqa: PLC0415
    from xy_core.server.serving import serving  # noqa: PLC0415

    refuse_open_door(config, KeyStore(config.keys))  # before models are loaded for nothing
    console = Console(stderr=True)
    with console.status(tr("Loading models…", "正在加载模型…")) as status:
        async with open_runtime(settings) as runtime, serving(runtime, config) as address:
            status.stop()
            ready = tr("serving on", "服务地址")
            console.print(f"{ready} {address}/v1  (Ctrl-C {tr('stops', '停止')})", markup=False)
            await asyncio.Event().wait()
