"""Explanation: the words that moved predictions, as tables, bars and tinted texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import lazy_loader
import numpy as np

from skimdb._utils._checks import check_int
from skimdb._utils._colours import AGAINST, FOR
from skimdb._utils._html import escape_text
from skimdb._utils._public import set_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

pandas = lazy_loader.load("pandas")

# texts of a notebook's output
MOST_TEXTS = 20
# of the largest contribution in a text: with less, most words of a text would be underlined
SMALLEST_SHARE = 0.05
STYLE = """\
<style>
.skimdb { font: 1rem/1.7 system-ui, sans-serif; max-width: 60rem; color: inherit }
.skimdb .text { white-space: pre-wrap; overflow-wrap: anywhere }
.skimdb .for { text-decoration: underline solid; text-underline-offset: .2em }
.skimdb .against { text-decoration: underline wavy; text-underline-offset: .2em }
.skimdb small { font-size: .7em; vertical-align: super; white-space: nowrap }
.skimdb b, .skimdb small, p.skimdb span { unicode-bidi: isolate }
.skimdb .unknown { opacity: .75; font-style: italic }
</style>
"""


class WordContribution(NamedTuple):
    """A word of a text, where it stands, and what it adds to the log-odds.

    Attributes
    ----------
    word : str
        As the model reads it.
    contribution : float
        In log-odds; above 0 for the class. 0 for a word that the model does not know.
    is_known : bool
        Whether the model has a column for it.
    places : tuple of (int, int)
        Start and end of each place in the text. Empty for a mark such as ``<start>``.
    """

    word: str
    contribution: float
    is_known: bool
    places: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class TextExplanation:
    """Which words moved the prediction for one text.

    Attributes
    ----------
    text : str
        The text.
    class_ : object
        The class or label that the log-odds are of.
    probability : float
        Its probability.
    log_odds : float
        Log-odds of the class.
    base_log_odds : float
        Log-odds of a row without any column, not even that of the mark at the start.
    n_words, n_known : int
        How many words the text has, and how many of them the model knows.
    """

    text: str
    class_: Any
    probability: float
    log_odds: float
    base_log_odds: float
    n_words: int
    n_known: int
    _find_words: Callable[[], list[WordContribution]] = field(repr=False, compare=False)
    _find_ngrams: Callable[[], dict[str, float]] = field(repr=False, compare=False)

    @cached_property
    def words(self) -> list[WordContribution]:
        """Each word once, those that move the prediction most first."""
        return self._find_words()

    @cached_property
    def ngrams(self) -> dict[str, float]:
        """Contribution of each column, a word or an n-gram, by itself; the largest first."""
        return self._find_ngrams()


@set_module("skimdb")
class Explanation:
    """Which words moved the predictions for some texts, as :func:`explain` returns it.

    ``len`` is the number of texts; an index gives the Explanation of one of them.

    Parameters
    ----------
    items : list of TextExplanation
        One for each text.
    method : {"leave_one_out", "integrated_gradients"}
        How contributions were computed.

    Attributes
    ----------
    items : list of TextExplanation
        Text, class, log-odds and words of each text.
    method : str
        How contributions were computed.

    See Also
    --------
    explain : Makes one.

    Examples
    --------
    >>> from skimdb import explain, text_pipeline
    >>> from skimdb.datasets import load_sample_reviews
    >>> X, y = load_sample_reviews(return_X_y=True)
    >>> pipeline = text_pipeline(random_state=0).fit(X, y)
    >>> explanation = explain(pipeline, ["A dull and boring film.", "Wonderful!"])
    >>> [item.words[0].word for item in explanation.items]
    ['dull', 'wonderful']
    >>> explanation
    <Explanation of 2 texts>
    """

    def __init__(self, items: list[TextExplanation], method: str) -> None:
        self.items = items
        self.method = method

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int | slice) -> Explanation:
        items = self.items[index] if isinstance(index, slice) else [self.items[index]]
        return Explanation(items, self.method)

    def __iter__(self) -> Iterator[Explanation]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<Explanation of {len(self)} {'text' if len(self) == 1 else 'texts'}>"

    def _repr_html_(self) -> str:
        left_out = len(self) - MOST_TEXTS
        more = f'<p class="skimdb">and {left_out:,} more texts</p>' if left_out > 0 else ""
        return self[:MOST_TEXTS].to_html() + more

    def plot(self, *, n: int = 10, ax: Axes | None = None) -> Axes:
        """Draw the contributions of the words of one text as bars.

        Parameters
        ----------
        n : int, default=10
            Number of words at most.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        ax : matplotlib.axes.Axes
            With the bars, the largest at the top.

        Raises
        ------
        ValueError
            If this is not the explanation of a single text.
        """
        check_int("n", n, min_val=1)
        if len(self) != 1:
            raise ValueError(
                f"plot draws a single text, got {len(self)}: choose one, as explanation[0].plot()."
            )
        (item,) = self.items
        words = [word for word in item.words if word.contribution][:n]
        title = f"What speaks for and against {item.class_!s}"
        bars = [(word.word, word.contribution) for word in words]
        # matplotlib is loaded here
        from skimdb._displays import draw_bars

        return draw_bars(bars, "Contribution (log-odds)", title, ax)

    def to_frame(self) -> pd.DataFrame:
        """Return the words as a table.

        Returns
        -------
        frame : pandas.DataFrame
            A row for each word of each text, with the columns "text" (its number from 0),
            "class", "word", "contribution", "known" and "places".

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        names = ["text", "class", "word", "contribution", "known", "places"]
        rows = [
            (i, item.class_, word.word, word.contribution, word.is_known, word.places)
            for i, item in enumerate(self.items)
            for word in item.words
        ]
        return _make_frame(rows, names)

    def to_html(self) -> str:
        """Return the texts with their words tinted, as a part of an HTML page.

        The more a word adds, the stronger is its tint; with very little it has none. Words for the
        class are underlined, words against it have a wavy line, and the strongest show their
        contribution, so that nothing depends on colours alone. What stands in the texts is
        escaped.

        Returns
        -------
        html : str
            A style sheet, and a paragraph for each text.
        """
        return STYLE + "\n".join(map(_to_html, self.items))


@set_module("skimdb")
class GlobalExplanation:
    """The words that speak most for each class, as :func:`explain_global` returns it.

    Parameters
    ----------
    words : dict of object to list of (str, float, int)
        For each class words and n-grams, with their contribution and the number of texts that
        have them; 0 without texts.

    Attributes
    ----------
    words : dict of object to list of (str, float, int)
        As given.

    See Also
    --------
    explain_global : Makes one.

    Examples
    --------
    >>> from skimdb import explain_global, text_pipeline
    >>> from skimdb.datasets import load_sample_reviews
    >>> X, y = load_sample_reviews(return_X_y=True)
    >>> pipeline = text_pipeline(random_state=0).fit(X, y)
    >>> explanation = explain_global(pipeline, n=3)
    >>> [name for name, contribution, n_texts in explanation.words[0]]
    ['awful', 'poor', 'terrible']
    """

    def __init__(self, words: Mapping[Any, list[tuple[str, float, int]]]) -> None:
        self.words = dict(words)

    def __repr__(self) -> str:
        return f"<GlobalExplanation of {len(self.words)} classes>"

    def plot(self, *, n: int = 10, axes: Any = None) -> NDArray[np.object_]:
        """Draw the words of each class as bars.

        Parameters
        ----------
        n : int, default=10
            Number of words of a class at most.
        axes : sequence of matplotlib.axes.Axes, default=None
            One for each class; None makes a new figure.

        Returns
        -------
        axes : ndarray of matplotlib.axes.Axes
            One for each class.
        """
        check_int("n", n, min_val=1)
        # matplotlib is loaded here
        from skimdb._displays import draw_bars, make_row_of_axes

        axes = make_row_of_axes(len(self.words), n, axes)
        for ax, (label, words) in zip(axes, self.words.items(), strict=True):
            bars = [(name, contribution) for name, contribution, _ in words[:n]]
            draw_bars(bars, "Contribution (log-odds)", f"What speaks for {label!s}", ax)
        return axes

    def to_frame(self) -> pd.DataFrame:
        """Return the words as a table.

        Returns
        -------
        frame : pandas.DataFrame
            A row for each word of each class, with the columns "class", "word", "contribution"
            and "texts".

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        rows = [(label, *word) for label, words in self.words.items() for word in words]
        return _make_frame(rows, ["class", "word", "contribution", "texts"])

    def to_html(self) -> str:
        """Return the words of each class as a part of an HTML page.

        Returns
        -------
        html : str
            A style sheet, and a paragraph for each class.
        """
        paragraphs = []
        for label, words in self.words.items():
            largest = max((word[1] for word in words), default=0)
            tinted = [_tint(name, x, largest, show=True) for name, x, _ in words]
            heading = f"<b>{escape_text(str(label))}</b>: "
            paragraphs.append(f'<p class="skimdb">{heading}{", ".join(tinted)}</p>')
        return STYLE + "\n".join(paragraphs)

    _repr_html_ = to_html


def _to_html(item):
    """Return a text with its words tinted, below a line about its class."""
    largest = max((abs(word.contribution) for word in item.words), default=0)
    places = sorted((place, word) for word in item.words for place in word.places)
    parts, position = [], 0
    for (start, stop), word in places:
        parts.append(escape_text(item.text[position:start]))
        shown = item.text[start:stop]
        if word.is_known:
            is_strong = abs(word.contribution) > largest / 3
            parts.append(_tint(shown, word.contribution, largest, show=is_strong))
        else:
            parts.append(f'<span class="unknown">{escape_text(shown)}</span>')
        position = stop
    parts.append(escape_text(item.text[position:]))
    about = (
        f"<b>{escape_text(str(item.class_))}</b> {item.probability:.4f} "
        f"(log-odds {item.log_odds:+.2f}; {item.n_known:,} of {item.n_words:,} words known)"
    )
    return f'<div class="skimdb"><p>{about}</p>\n<p class="text">{"".join(parts)}</p></div>'


def _tint(word, contribution, largest, *, show):
    """Return a word as HTML: tinted, underlined, and with its contribution if that is shown."""
    if abs(contribution) <= SMALLEST_SHARE * largest:
        return escape_text(word)
    colour, kind = (FOR, "for") if contribution > 0 else (AGAINST, "against")
    percent = round(60 * min(abs(contribution) / largest, 1))
    number = f"<small>{contribution:+.2f}</small>" if show else ""
    return (
        f'<span class="{kind}" title="{contribution:+.3f}" style="background-color: '
        f'color-mix(in srgb, {colour} {percent}%, transparent)">{escape_text(word)}</span>{number}'
    )


def _make_frame(rows, names):
    try:
        return pandas.DataFrame(rows, columns=names)
    except ImportError as error:
        raise ImportError("to_frame needs pandas: pip install 'skimdb[files]'.") from error
