"""The entry point ``xy-core``: runs a command and turns errors into exit codes."""

from __future__ import annotations

import itertools
import os
import sys
import warnings

from xy_core.cli.allocator import limit_arenas


def run() -> None:
    """Run the command line and exit.

    Exit codes: 0 done, 1 failed, 2 something that the user can mend, 130 interrupted.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # they are for developers: python -W default shows them
    limit_arenas()
    _choose_language(sys.argv)
    # The commands' help is in one language, so they are imported once it is known.
    import typer  # noqa: PLC0415
    from typer.exceptions import TyperException  # noqa: PLC0415

    from xy_core.cli.app import app  # noqa: PLC0415
    from xy_core.core.errors import XyCoreError  # noqa: PLC0415

    try:
        code = typer.main.get_command(app).main(standalone_mode=False)
    except XyCoreError as error:
        _leave(error.exit_code, f"error: {error}")
    except typer.Exit as exit_:
        _leave(exit_.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        _leave(130, "interrupted")
    except TyperException as error:
        # Without a message it was the help itself that was shown.
        _leave(2, f"error: {error} (see --help)" if str(error) else "")
    except BrokenPipeError:
        _leave(141)
    except SystemExit as exit_:
        # typer and rich turn a broken pipe into an exit with 1.
        code = 141 if isinstance(exit_.__context__, BrokenPipeError) else exit_.code
    _leave(code if isinstance(code, int) else 0)


def _choose_language(arguments: list[str]) -> None:
    for option, following in itertools.pairwise([*arguments, ""]):
        name, equals, value = option.partition("=")
        if name == "--lang":
            os.environ["XY_LANG"] = value if equals else following


def _leave(code: int, message: str = "") -> None:
    """Exit at once: a native call that ignores its cancellation must not hold the program."""
    if message:
        sys.stderr.write(" ".join(message.split()) + "\n")
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            code = 141
    os._exit(code)
