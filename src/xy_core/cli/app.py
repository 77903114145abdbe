"""The commands; each is imported from its own file when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xy_core import __version__
from xy_core.cli import models
from xy_core.cli.bench import bench_app
from xy_core.cli.cluster import cluster_app
from xy_core.cli.config import config_app
from xy_core.cli.context import Options
from xy_core.cli.emotion import eval_app
from xy_core.cli.experiments import experiments_app
from xy_core.cli.i18n import tr
from xy_core.cli.keys import keys_app
from xy_core.cli.memory import memory_app
from xy_core.cli.mood import mood_app
from xy_core.cli.tasks import tasks_app

app = typer.Typer(
    name="xy-core",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=tr(
        "A local-first runtime for emotional, multimodal AI agents.",
        "本地优先的情感多模态智能体运行时。",
    ),
)
app.add_typer(models.app, name="models")
app.add_typer(config_app, name="config")
bench_app.add_typer(experiments_app)
app.add_typer(bench_app, name="bench")
app.add_typer(memory_app, name="memory")
app.add_typer(mood_app, name="mood")
app.add_typer(tasks_app, name="tasks")
app.add_typer(cluster_app, name="cluster")
app.add_typer(eval_app, name="eval")
app.add_typer(keys_app, name="keys")

JsonOption = Annotated[
    bool, typer.Option("--json", help=tr("Print JSON instead of a table.", "输出 JSON。"))
]


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer passes the option's value
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help=tr("Configuration file (TOML).", "配置文件（TOML）。"), metavar="FILE"),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help=tr("Override one setting: llm.slots=2.", "覆盖一个设置：llm.slots=2。"),
        ),
    ] = None,
    lang: Annotated[  # noqa: ARG001 - read before the help texts are made
        str | None, typer.Option(metavar="en|zh", help=tr("Language of messages.", "界面语言。"))
    ] = None,
    version: Annotated[  # noqa: ARG001 - shown by its callback
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help=tr("Show the version.", "显示版本。"),
        ),
    ] = False,
) -> None:
    """Collect the options that all commands share."""
    context.obj = Options(config, tuple(assignments or ()))


@app.command(
    help=tr(
        "Talk with the agent in the terminal.\n\n"
        "Example: [bold]xy-core chat[/bold], then type; /help lists more.",
        "在终端与智能体对话。\n\n示例：[bold]xy-core chat[/bold]，输入 /help 查看更多。",
    )
)
def chat(
    context: typer.Context,
    person: Annotated[
        str, typer.Option(help=tr("Whose memories and mood.", "使用谁的记忆与情绪。"))
    ] = "user",
    out: Annotated[
        Path | None,
        typer.Option(help=tr("Save spoken replies here.", "语音回复的保存目录。"), metavar="DIR"),
    ] = None,
) -> None:
    """Run the conversation."""
    from xy_core.cli.chat import run_chat  # noqa: PLC0415

    run_chat(context.obj.settings(), person, out)


@app.command(
    help=tr(
        "Run one turn on a text, an audio file, a picture, or any mix.\n\n"
        'Example: [bold]xy-core ask --text "What does it say?" --image sign.png --out out[/bold]',
        "用文本、音频、图片（可混合）进行一轮对话。\n\n"
        '示例：[bold]xy-core ask --text "上面写了什么？" --image sign.png --out out[/bold]',
    )
)
def ask(
    context: typer.Context,
    text: Annotated[str, typer.Option(help=tr("Typed text.", "输入的文本。"))] = "",
    audio: Annotated[
        Path | None, typer.Option(help=tr("Speech (WAV, FLAC, OGG).", "语音文件。"), metavar="FILE")
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help=tr("A picture (PNG, JPEG, …).", "图片。"), metavar="FILE")
    ] = None,
    face: Annotated[
        str,
        typer.Option(
            help=tr("Measured expression of the face, as JSON.", "已测得的面部表情（JSON）。"),
            metavar="JSON",
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            help=tr("Save reply.wav, turn.json and trace.json here.", "结果保存目录。"),
            metavar="DIR",
        ),
    ] = None,
    person: Annotated[
        str, typer.Option(help=tr("Whose memories and mood.", "使用谁的记忆与情绪。"))
    ] = "user",
    json: JsonOption = False,
) -> None:
    """Run one turn."""
    from xy_core.cli.ask import AskRequest, run_ask  # noqa: PLC0415

    request = AskRequest(text=text, audio=audio, image=image, face=face, person=person, out=out)
    run_ask(context.obj.settings(), request, as_json=json)


@app.command(
    help=tr(
        "Offer sight, hearing, speech, emotion and memory as MCP tools, on stdin and stdout.\n\n"
        "Example: [bold]npx @modelcontextprotocol/inspector xy-core mcp[/bold]",
        "以 MCP 工具（标准输入输出）提供视觉、听、说、情绪与记忆能力。\n\n"
        "示例：[bold]npx @modelcontextprotocol/inspector xy-core mcp[/bold]",
    )
)
def mcp(context: typer.Context) -> None:
    """Serve tools."""
    from xy_core.cli.mcp import run_mcp  # noqa: PLC0415

    run_mcp(context.obj.settings())


@app.command(
    help=tr(
        "Paint a picture from words, or from another picture.\n\n"
        'Example: [bold]xy-core image "a lighthouse in a storm" -o lighthouse.png[/bold]',
        "根据文字（或另一张图片）生成图片。\n\n"
        '示例：[bold]xy-core image "a lighthouse in a storm" -o lighthouse.png[/bold]',
    )
)
def image(
    context: typer.Context,
    prompt: Annotated[str, typer.Argument(help=tr("What it shows.", "画面内容。"))],
    out: Annotated[
        Path, typer.Option("--out", "-o", help=tr("Save it here (PNG).", "保存路径（PNG）。"))
    ] = Path("image.png"),
    init: Annotated[
        Path | None,
        typer.Option(help=tr("A picture to begin with.", "作为起点的图片。"), metavar="FILE"),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            help=tr("White where --init is painted anew.", "白色区域将被重绘（需要 --init）。"),
            metavar="FILE",
        ),
    ] = None,
    negative: Annotated[
        str | None, typer.Option(help=tr("What it does not show.", "不希望出现的内容。"))
    ] = None,
    size: Annotated[
        str, typer.Option(metavar="WxH", help=tr("In pixels: 512x512.", "像素：512x512。"))
    ] = "",
    steps: Annotated[int | None, typer.Option(help=tr("Steps of denoising.", "去噪步数。"))] = None,
    seed: Annotated[
        int | None, typer.Option(help=tr("Makes it repeatable.", "随机种子，可复现。"))
    ] = None,
    count: Annotated[int, typer.Option(help=tr("How many.", "生成数量。"))] = 1,
    scheduler: Annotated[
        str | None, typer.Option(help=tr("ddim, euler, dpm++, …", "采样器：ddim、euler、dpm++…"))
    ] = None,
    strength: Annotated[
        float, typer.Option(help=tr("How far from --init, 0 to 1.", "偏离 --init 的程度，0 到 1。"))
    ] = 0.75,
    json: JsonOption = False,
) -> None:
    """Paint a picture."""
    from xy_core.cli.image import ImageWish, run_image  # noqa: PLC0415

    wish = ImageWish(
        prompt=prompt,
        out=out,
        init=init,
        mask=mask,
        negative=negative,
        size=size,
        steps=steps,
        seed=seed,
        count=count,
        scheduler=scheduler,
        strength=strength,
    )
    run_image(context.obj.settings(), wish, as_json=json)


@app.command(
    help=tr(
        "Read the emotion of a text in English, Chinese or both; - reads standard input.\n\n"
        'Example: [bold]xy-core emotion "I can\'t believe we won!" --json[/bold]',
        "识别一段中文、英文或混合文本的情绪；- 表示读取标准输入。\n\n"
        "示例：[bold]xy-core emotion “没想到我们赢了！” --json[/bold]",
    )
)
def emotion(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help=tr("What to read.", "要识别的文本。"))],
    json: JsonOption = False,
) -> None:
    """Read one text."""
    from xy_core.cli.emotion import run_emotion  # noqa: PLC0415

    run_emotion(context.obj.settings(), text, as_json=json)


@app.command(
    help=tr(
        "Fetch the models and show three complete turns, saved under out/demo.\n\n"
        "Example: [bold]xy-core demo --out out/demo[/bold]",
        "获取模型并演示三轮完整对话，保存在 out/demo。\n\n"
        "示例：[bold]xy-core demo --out out/demo[/bold]",
    )
)
def demo(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option(help=tr("Where to save.", "保存目录。"), metavar="DIR")
    ] = Path("out/demo"),
) -> None:
    """Run the demonstration."""
    from xy_core.cli.demo import run_demo  # noqa: PLC0415

    run_demo(context.obj.settings(), out)


@app.command(
    help=tr(
        "Serve the agent and its models over HTTP, as OpenAI's API has them.\n\n"
        "Example: [bold]xy-core serve --port 8765[/bold], then point an OpenAI client at "
        "http://127.0.0.1:8765/v1",
        "以兼容 OpenAI 的 HTTP 接口提供智能体与模型服务。\n\n"
        "示例：[bold]xy-core serve --port 8765[/bold]，"
        "再让 OpenAI 客户端连接 http://127.0.0.1:8765/v1",
    )
)
def serve(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option(help=tr("Address to listen on.", "监听地址。"))
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help=tr("0: any free one.", "0 为任意端口。"))
    ] = None,
    certfile: Annotated[
        Path | None, typer.Option(help=tr("TLS certificate (PEM).", "TLS 证书。"), metavar="FILE")
    ] = None,
    keyfile: Annotated[
        Path | None, typer.Option(help=tr("TLS private key (PEM).", "TLS 私钥。"), metavar="FILE")
    ] = None,
) -> None:
    """Run the server."""
    from xy_core.cli.serve import run_serve  # noqa: PLC0415

    given = {"host": host, "port": port, "certfile": certfile, "keyfile": keyfile}
    run_serve(context.obj.settings(), given)


@app.command(
    help=tr(
        "Show the installed modules, of this package and of plug-ins.\n\n"
        "Example: [bold]xy-core modules --json[/bold]",
        "列出已安装的模块（包括插件）。\n\n示例：[bold]xy-core modules --json[/bold]",
    )
)
def modules(context: typer.Context, json: JsonOption = False) -> None:
    """Print the modules."""
    from xy_core.cli.modules import show_modules  # noqa: PLC0415 - help stays fast

    show_modules(context.obj.settings(), as_json=json)


@app.command(
    help=tr(
        "Look at this machine: hardware, extras, models, and how to mend what is missing.\n\n"
        "With --plan: how the models of a profile share a device.\n\n"
        "Example: [bold]xy-core doctor --plan --device-memory 8GiB --profile edge-8gb[/bold]",
        "检查本机：硬件、依赖、模型，以及缺失项的修复命令。\n\n"
        "加 --plan：显示一组模型如何共用设备内存。\n\n"
        "示例：[bold]xy-core doctor --plan --device-memory 8GiB --profile edge-8gb[/bold]",
    )
)
def doctor(
    context: typer.Context,
    plan: Annotated[
        bool, typer.Option("--plan", help=tr("Plan the devices' memory.", "规划设备内存。"))
    ] = False,
    device_memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help=tr(
                "Plan for a device of this size instead of the configured ones.",
                "按此容量的设备规划，而不用已配置的设备。",
            ),
        ),
    ] = None,
    profile: models.ProfileOption = None,
    json: JsonOption = False,
) -> None:
    """Examine the machine, or plan its memory."""
    settings = context.obj.settings()
    if profile:
        settings = settings.model_copy(update={"profile": profile})
    if plan or device_memory:
        from xy_core.cli.plan import run_plan  # noqa: PLC0415

        run_plan(settings, device_memory, as_json=json)
        return
    from xy_core.cli.doctor import run_doctor  # noqa: PLC0415

    run_doctor(settings, as_json=json)
