"""Texts to words: Keras's convention, words of any language, characters, or a user's function."""

import html
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sklearn.feature_extraction.text import strip_accents_ascii, strip_accents_unicode

from skimdb._utils._checks import short_repr

KERAS_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
ANALYZERS = ("keras", "word", "char")
# no UTF-8 text has this byte
ROW_END = b"\xff"
TAG = re.compile("<(?:[/!]?[A-Za-z]|!--)[^<>]*>")
WHITESPACE = re.compile(r"\s\s+")
# what stands between spaces, and the letters of it, without what stands around them
PIECE, WORD = re.compile(r"\S+"), re.compile(r"\w(?:.*\w)?", re.DOTALL)
CARRIAGE_RETURN = "\r"
LINE_END = re.compile("\r\n?")
# scripts that leave no spaces between words: ideographs and hiragana; letters that marks follow
IDEOGRAPHS = re.compile(
    "[\u3005-\u3007\u3041-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
SOUTHEAST_ASIAN_LETTERS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
ZERO_WIDTH_SPACE = "\u200b"
QUESTION_MARKS = "\u061f\u037e\u055e"
TYPOGRAPHIC_APOSTROPHES = "\u2019\u02bc"
ACUTE_ACCENT = "\u00b4"
VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")
ASCII_LETTERS_AND_DIGITS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@dataclass(frozen=True)
class Analyzer:
    """How texts are split into words.

    Parameters
    ----------
    kind : {"keras", "word", "char"} or callable
        The words of a text; a function returns them.
    lowercase : bool
        Whether letters become lower case.
    filters : str
        Under "keras", characters that separate words besides the space and the carriage return.
    strip_accents : {"ascii", "unicode"}, callable or None
        As in scikit-learn.
    """

    kind: str | Callable[[str], Iterable[str]] = "keras"
    lowercase: bool = True
    filters: str = KERAS_FILTERS
    strip_accents: str | Callable[[str], str] | None = None

    @property
    def is_in_utf8(self):
        """Whether ``clean`` can be used."""
        return self.kind in ("keras", "word")

    def split(self, texts):
        """Return the words of each text."""
        if self.is_in_utf8:
            rows = self.clean(texts).split(ROW_END)[:-1]
            return [[word for word in from_utf8(row).split(" ") if word] for row in rows]
        if self.kind == "char":
            return [self._characters(text) for text in self._strip(texts)]
        return [self._call(text, i) for i, text in enumerate(self._strip(texts))]

    def find_places(self, text, words):
        """Return where each of the words of a text stands in it: its start and end, or None.

        None is for words that a function, or the normalization of rare characters, has changed so
        that they can't be found.
        """
        if self.kind == "char":
            places = self._places_of_characters(text)
            return places if len(places) == len(words) else [None] * len(words)
        if self.kind == "word" and "<" in text:
            text = TAG.sub(lambda tag: " " * len(tag.group()), text)
        # no word goes beyond a space, so each word is one of those between the same two spaces
        pieces = [*PIECE.finditer(text)]
        of_pieces = self.split([piece.group() for piece in pieces])
        if [word for row in of_pieces for word in row] != words:
            return _find_words(text, words, 0)
        return [
            place
            for piece, row in zip(pieces, of_pieces, strict=True)
            for place in _find_words(piece.group(), row, piece.start())
        ]

    def _places_of_characters(self, text):
        places, position = [], 0
        while position < len(text):
            spaces = WHITESPACE.match(text, position)
            stop = spaces.end() if spaces else position + 1
            n_characters = 1
            if self.lowercase and not spaces:
                # a few letters become two
                n_characters = len(text[position].lower())
            places += n_characters * [(position, stop)]
            position = stop
        return places

    def clean(self, texts):
        """Return texts in UTF-8, words separated by spaces, each text ended by ROW_END."""
        if self.kind == "word":
            return self._clean_words(texts)
        texts = self._strip(texts)
        beyond_ascii = [char for char in self.filters if not char.isascii()]
        rows = []
        for text in texts:
            for char in beyond_ascii:
                text = text.replace(char, " ")
            rows.append(to_utf8(text))
        # Bytes translate many times faster than characters, and no byte of another character is
        # an ASCII byte.
        separators = [CARRIAGE_RETURN, *filter(str.isascii, self.filters)]
        block = ROW_END.join([*rows, b""]).replace(b"\r\n", b"\r")
        return block.translate(_byte_table(self.lowercase, separators))

    def _clean_words(self, texts):
        rows = []
        for text in self._strip([_remove_markup(text) for text in texts]):
            if not text.isascii():
                # NFKC makes a space and a mark of the acute accent
                text = unicodedata.normalize("NFKC", text.replace(ACUTE_ACCENT, "'"))
                text = (text.lower() if self.lowercase else text).translate(_characters)
            rows.append(to_utf8(text))
        block = ROW_END.join([*rows, b""]).translate(_word_bytes(self.lowercase))
        for mark in (b"!", b"?"):
            block = block.replace(mark, b" " + mark + b" ")
        # an apostrophe stays between two letters
        block = block.replace(ROW_END, b" " + ROW_END + b" ").replace(b"''", b" ")
        block = (b" " + block).replace(b" '", b" ").replace(b"' ", b" ")
        return block.rstrip(b" ")

    def _strip(self, texts):
        """Return the texts without accents, if asked."""
        if self.strip_accents is None:
            return texts
        strip = {"ascii": strip_accents_ascii, "unicode": strip_accents_unicode}.get(
            self.strip_accents, self.strip_accents
        )
        texts = [strip(text) for text in texts]
        for i, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(
                    f"strip_accents must return a str, got {type(text).__name__} for row {i}."
                )
        return texts

    def _characters(self, text):
        text = LINE_END.sub("\n", text.lower() if self.lowercase else text)
        return WHITESPACE.sub(" ", text)

    def _call(self, text, i):
        words = self.kind(text)
        if isinstance(words, str) or not isinstance(words, Iterable):
            raise TypeError(
                f"analyzer must return the words of a text as a list of str, got "
                f"{type(words).__name__} for row {i}."
            )
        words = list(words)
        for word in words:
            if not isinstance(word, str):
                raise TypeError(
                    f"analyzer must return words as str, got {short_repr(word)} for row {i}."
                )
        return words


def _remove_markup(text):
    """Return a text without HTML tags; entities become characters."""
    if "<" in text:
        text = TAG.sub(" ", text)
    # what is escaped is no tag
    return html.unescape(text) if "&" in text else text


class _Characters(dict):
    """What stands in place of each character beyond ASCII, under "word"; filled when needed."""

    def __missing__(self, code):
        self[code] = replacement = _replace_character(chr(code))
        return replacement


def _replace_character(char):
    category = unicodedata.category(char)
    if char.isascii():
        return char
    if char in TYPOGRAPHIC_APOSTROPHES:
        return "'"
    if char in QUESTION_MARKS:
        return " ? "
    if VARIATION_SELECTORS.match(char):
        return ""
    if IDEOGRAPHS.match(char) or category == "So":
        return f" {char} "
    if category == "Lo" and SOUTHEAST_ASIAN_LETTERS.match(char):
        return f" {char}"
    if category[0] in "LMN":
        return char
    return "" if category == "Cf" and char != ZERO_WIDTH_SPACE else " "


class _SingleCharacters(dict):
    """What stands for each character where texts and words are compared; filled when needed."""

    def __missing__(self, code):
        char = chr(code)
        single = _replace_character(char)
        if single == char:
            # decomposed, a letter comes before its accents
            single = unicodedata.normalize("NFKD", char)[:1].lower()
        # what separates words, or stands for several characters, stays as it is
        self[code] = single if len(single) == 1 and single != " " else char
        return self[code]


def _find_words(text, words, offset):
    """Return the place of each word in a text that begins at an offset, or None."""
    readable, position, places = text.translate(_single_characters), 0, []
    if len(words) == 1 and not any(map(str.isspace, text)):
        letters = WORD.search(text)
        is_whole = not letters or readable == words[0].translate(_single_characters)
        # also if a function has changed the word
        start, stop = (0, len(text)) if is_whole else letters.span()
        return [(offset + start, offset + stop)]
    for word in words:
        place = _find_word(readable, word.translate(_single_characters), position)
        if place is None:
            places.append(None)
        else:
            position = place[1]
            places.append((offset + place[0], offset + place[1]))
    return places


def _find_word(text, word, position):
    """Return the first place of a word that is no part of another, or else of any such letters."""
    first = None
    start = text.find(word, position)
    while start >= 0:
        stop = start + len(word)
        before, after = text[start - 1 : start], text[stop : stop + 1]
        if not (_join(before, word[0]) or _join(word[-1], after)):
            return start, stop
        if first is None:
            first = start, stop
        start = text.find(word, start + 1)
    return first


def _join(before, after):
    """Tell whether two characters may be of one word."""
    if not (before.isalnum() and after.isalnum()):
        return False
    return not (IDEOGRAPHS.match(before) or IDEOGRAPHS.match(after))


def _byte_table(lowercase, separators):
    table = bytearray(range(256))
    if lowercase:
        for letter in range(ord("A"), ord("Z") + 1):
            table[letter] = letter + ord("a") - ord("A")
    for char in separators:
        table[ord(char)] = ord(" ")
    return bytes(table)


def _word_bytes(lowercase):
    kept = ASCII_LETTERS_AND_DIGITS + b"!?'"
    return _byte_table(lowercase, (chr(code) for code in range(128) if code not in kept))


def to_utf8(text):
    return text.encode("utf-8", "surrogatepass")


def from_utf8(word):
    return word.decode("utf-8", "surrogatepass")


_characters = _Characters()
_single_characters = _SingleCharacters()
