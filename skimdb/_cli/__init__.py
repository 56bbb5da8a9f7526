"""The command line: ``skimdb``, or ``python -m skimdb``.

Each command has its own module. Only typer and rich are imported at startup; commands import
scikit-learn and the rest when they run.
"""

import os
import sys
from inspect import cleandoc
from typing import Annotated

import typer
from typer.core import TyperGroup

from skimdb._cli._download import download
from skimdb._cli._evaluate import evaluate
from skimdb._cli._explain import explain
from skimdb._cli._predict import predict
from skimdb._cli._report import report
from skimdb._cli._reproduce import reproduce
from skimdb._cli._shared._model_folder import UnusableModelError
from skimdb._cli._shared._terminal import (
    INTERRUPTED,
    escape_unprintable,
    installed_version,
    print_error,
    print_short_warnings,
)
from skimdb._cli._train import train
from skimdb._cli._tune import tune

BAD_MODEL, BAD_INPUT = 1, 2
# typer's own class in new versions, click's in older ones
UsageError = typer.BadParameter.__base__


class _CommandGroup(TyperGroup):
    """Print errors as one message on stderr, where typer prints a box or a traceback.

    Exit codes: 0 for success, 1 for a model that can't be used, 2 for wrong usage and other bad
    input, 130 for Ctrl-C. All other errors are bugs, and keep their traceback.
    """

    def main(self, *args, **extra):
        # TensorFlow, where a command needs it, has nothing to say to users of the command line
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        escape_unprintable()
        try:
            with print_short_warnings():
                code = super().main(*args, **{**extra, "standalone_mode": False})
        except UsageError as error:
            print_error(_format_usage_error(error))
            code = BAD_INPUT
        sys.exit(code)

    def invoke(self, ctx):
        try:
            super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
        except BrokenPipeError:
            # The reader of a pipe has stopped, as in `skimdb predict ... | head`. Python flushes
            # stdout once more at exit, which must not fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except KeyboardInterrupt as interrupt:
            loss = f": {interrupt}" if interrupt.args else "."
            print_error(f"interrupted{loss}")
            raise typer.Exit(INTERRUPTED) from None
        except UnusableModelError as error:
            print_error(str(error))
            raise typer.Exit(BAD_MODEL) from None
        except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
            print_error(_format_error(error))
            raise typer.Exit(BAD_INPUT) from None


def _format_usage_error(error):
    message = error.format_message().rstrip(".") + "."
    if error.ctx is None:
        return message
    command = error.ctx.command_path
    # typer and click have a class of this name each
    if type(error).__name__ == "NoSuchOption" and error.ctx.info_name in ("predict", "explain"):
        message += f" Put -- before a text that begins with a dash: {command} MODEL -- TEXT."
    return f"{message} See `{command} --help`."


def _format_error(error):
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


app = typer.Typer(
    name="skimdb",
    cls=_CommandGroup,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _format_help(docstring):
    """Return the text of --help, with one line for each paragraph, which the terminal wraps."""
    paragraphs = cleandoc(docstring).split("\n\n")
    return "\n\n".join(
        # typer keeps the lines of such a paragraph
        paragraph if paragraph.startswith("\b") else paragraph.replace("\n", " ")
        for paragraph in paragraphs
    )


for command in (train, tune, evaluate, predict, explain, report, download, reproduce):
    app.command(help=_format_help(command.__doc__))(command)


def _print_version(requested):
    if requested:
        typer.echo(f"skimdb {installed_version('skimdb')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def skimdb(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Classify texts with a small dense network.

    \b
    Examples:
      skimdb train
      skimdb predict skimdb-model "What a wonderful film."
      skimdb explain skimdb-model "What a wonderful film."
      skimdb train --data my_texts.csv --out my-model
      skimdb tune --data my_texts.csv
    """
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
