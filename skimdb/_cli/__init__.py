"""The command line: ``skimdb``, or ``python -m skimdb``.

One module a command. To be quick to start, modules import no more than typer up front,
scikit-learn inside the commands, and TensorFlow in those that train alone.
"""

import os
import sys
from typing import Annotated

import typer
from typer.core import TyperGroup

from skimdb._cli._download import download
from skimdb._cli._evaluate import evaluate
from skimdb._cli._files import UnusableModelError
from skimdb._cli._predict import predict
from skimdb._cli._reproduce import reproduce
from skimdb._cli._terminal import error_line, installed_version
from skimdb._cli._train import train
from skimdb._cli._tune import tune

BAD_MODEL, BAD_INPUT, INTERRUPTED = 1, 2, 130
# typer's own class in new versions, click's in older ones
UsageError = typer.BadParameter.__base__


class _Commands(TyperGroup):
    """The commands, which end with one line on stderr where typer would draw a box or a traceback.

    Exit codes: 0 for good, 1 for a model that can't be used, 2 for wrong usage and other bad
    input, 130 for Ctrl-C. Errors of other kinds are bugs, and keep their traceback.
    """

    def main(self, *args, **extra):
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False})
        except UsageError as error:
            hint = f" See `{error.ctx.command_path} --help`." if error.ctx else ""
            error_line(error.format_message().rstrip(".") + "." + hint)
            code = BAD_INPUT
        sys.exit(code)

    def invoke(self, ctx):
        try:
            super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
        except BrokenPipeError:
            # The reader of a pipe has what it wants, as in `skimdb predict ... | head`. Python
            # flushes once more as it ends, which must not fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except KeyboardInterrupt:
            error_line("interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        except UnusableModelError as error:
            error_line(str(error))
            raise typer.Exit(BAD_MODEL) from None
        except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
            error_line(_explained(error))
            raise typer.Exit(BAD_INPUT) from None


def _explained(error):
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


app = typer.Typer(
    name="skimdb",
    cls=_Commands,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (train, tune, evaluate, predict, download, reproduce):
    app.command()(command)


def _print_version(asked):
    if asked:
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
    """Tell good reviews from bad ones with a small Keras network.

    \b
    Examples:
      skimdb train
      skimdb predict skimdb-model "What a wonderful film."
      skimdb train --data my_reviews.csv --out my-model
      skimdb tune --data my_reviews.csv
    """
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
