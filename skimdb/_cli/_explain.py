"""``skimdb explain``: the words that moved predictions."""

import json
import os
import sys
from typing import Annotated, Any, Literal

import typer

from skimdb._cli._shared._lines import decode_lines, read_lines
from skimdb._cli._shared._model_folder import find_model, read_model
from skimdb._cli._shared._options import Model
from skimdb._cli._shared._paths import STDIN
from skimdb._cli._shared._terminal import console, is_terminal, print_paragraph, printable


def explain(
    model: Model,
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT",
            help="Texts to explain; - for standard input, one per line. Without any, the words "
            "that speak most for each label are shown.",
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--class",
            metavar="LABEL",
            show_default="the label that is predicted",
            help="The label that words speak for or against.",
        ),
    ] = None,
    method: Annotated[
        Literal["leave-one-out", "integrated-gradients"],
        typer.Option(
            help="leave-one-out: by how much the log-odds of the label fall without the word. "
            "integrated-gradients: parts that add up to the log-odds beyond those of a row "
            "without any word."
        ),
    ] = "leave-one-out",
    top: Annotated[
        int, typer.Option(min=1, metavar="N", help="Words to list for each text or label.")
    ] = 10,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON Lines: one object per text or label.")
    ] = False,
) -> None:
    """Show which words of a text moved its prediction, and how far.

    A contribution of 1.1 makes the odds of the label about three times as
    high. On a terminal the words of the text are tinted: underlined if they
    speak for the label, with a double line if they speak against it.

    \b
    Examples:
      skimdb explain skimdb-model "A dull film, but the songs are wonderful."
      skimdb explain skimdb-model --class positive "What a film!"
      skimdb explain skimdb-model --json - < texts.txt
      skimdb explain skimdb-model --top 20
    """
    find_model(model)
    for text in texts or []:
        if text != STDIN and os.path.exists(text):
            raise typer.BadParameter(
                f"{text} is a file or folder: pipe its texts in, one per line, as in "
                "`skimdb explain MODEL - < texts.txt`.",
                param_hint="'TEXT'",
            )

    from skimdb import explain as explain_texts

    pipeline = read_model(model)
    labels = {str(known): known for known in pipeline.classes_.tolist()}
    if label is not None and label not in labels:
        raise typer.BadParameter(
            f"expected {' or '.join(map(repr, labels))}, got {label!r}.", param_hint="'--class'"
        )
    if not texts:
        _print_words_of_labels(pipeline, label, top, as_json)
        return
    if texts == [STDIN]:
        texts = _read_lines()
        if not texts:
            return
    options: dict[str, Any] = {"method": method.replace("-", "_")}
    if label is None:
        items = _explain_predicted(pipeline, texts, options)
    else:
        items = explain_texts(pipeline, texts, class_=labels[label], **options).items
    for item in items:
        if as_json:
            print(json.dumps(_to_json(item)))
        else:
            _print_text(item, top)


def _explain_predicted(pipeline, texts, options):
    """Explain the label that is predicted for each text."""
    from skimdb import explain as explain_texts

    predicted = pipeline.predict_proba(texts).argmax(axis=1)
    items = [None] * len(texts)
    for number in set(predicted.tolist()):
        chosen = [i for i, other in enumerate(predicted.tolist()) if other == number]
        class_ = pipeline.classes_.tolist()[number]
        found = explain_texts(pipeline, [texts[i] for i in chosen], class_=class_, **options)
        for i, item in zip(chosen, found.items, strict=True):
            items[i] = item
    return items


def _read_lines():
    if sys.stdin is None:
        raise OSError("standard input is closed: give TEXT.")
    blocks = decode_lines(read_lines(sys.stdin.buffer), "standard input")
    return [text for block in blocks for text in block]


def _to_json(item):
    return {
        "text": item.text,
        "class": item.class_,
        "probability": round(item.probability, 6),
        "log_odds": round(item.log_odds, 6),
        "known_words": item.n_known,
        "words": item.n_words,
        "contributions": [
            {
                "word": word.word,
                "contribution": round(word.contribution, 6),
                "known": word.is_known,
                "places": word.places,
            }
            for word in item.words
        ],
    }


def _print_text(item, top):
    terminal = console()
    print_paragraph(
        f"{item.class_} {item.probability:.4f} (log-odds {item.log_odds:+.2f}; {item.n_known:,} "
        f"of {item.n_words:,} words known)"
    )
    if is_terminal():
        terminal.print(_tint(item))
    # less would be shown as zero
    words = [word for word in item.words if abs(word.contribution) >= 0.005][:top]
    _print_bars([(word.word, word.contribution) for word in words])
    terminal.print()


def _tint(item):
    """Return the text with its words underlined, and coloured where the terminal has colours."""
    from rich.text import Text

    from skimdb._utils._colours import AGAINST, FOR

    # what a text holds must not move the cursor
    text = Text("".join(char if char.isprintable() else " " for char in item.text))
    largest = max((abs(word.contribution) for word in item.words), default=0)
    for word in item.words:
        share = abs(word.contribution) / largest if largest else 0
        # less would leave most words of a text underlined
        if share < 0.05:
            continue
        line, colour = ("underline", FOR) if word.contribution > 0 else ("underline2", AGAINST)
        style = f"{line} {colour}{' bold' if share > 1 / 3 else ''}"
        for start, stop in word.places:
            text.stylize(style, start, stop)
    return text


def _print_bars(bars):
    """Print words with their contributions, and a bar for each on a terminal."""
    widest = max((len(printable(name)) for name, _ in bars), default=0)
    largest = max((abs(x) for _, x in bars), default=0)
    for name, contribution in bars:
        if not is_terminal():
            print(f"{printable(name)}\t{contribution:+.4f}")
            continue
        sign = "+" if contribution > 0 else "-"
        bar = sign * max(1, round(20 * abs(contribution) / largest))
        console().print(f"{printable(name):{widest}}  {contribution:+7.2f}  {bar}")


def _print_words_of_labels(pipeline, label, top, as_json):
    from skimdb import explain_global

    for known, words in explain_global(pipeline, n=top).words.items():
        if label not in (None, str(known)):
            continue
        bars = [(name, contribution) for name, contribution, _ in words]
        if as_json:
            found = [{"word": name, "contribution": round(x, 6)} for name, x in bars]
            print(json.dumps({"class": known, "contributions": found}))
        else:
            print_paragraph(f"What speaks for {known}:")
            _print_bars(bars)
            console().print()
