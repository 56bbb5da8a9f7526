"""A user's file as bytes and as lines of text: unpacked, decoded, read as often as is needed."""

import bz2
import codecs
import gzip
import io
import lzma
import os
import re
import shutil
import sys
import zipfile
import zlib
from functools import cached_property
from pathlib import PurePath
from tempfile import TemporaryFile

from charset_normalizer import from_bytes

from skimdb._utils._checks import shorten_reason

STDIN = "-"
# A line without end must not take all memory, and neither must a small file that unpacks to a
# large one: texts shrink to a tenth at best.
LONGEST_LINE = 2**24
SMALL, LARGEST_RATIO = 2**30, 200
CHUNK, SAMPLE_SIZE = 2**20, 2**22
UNPACKING_ERRORS = (
    OSError,
    EOFError,
    RuntimeError,  # an encrypted member of a zip file
    ValueError,  # a name in a zip file that is no text, or a place beyond 64 bits
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)
BZIP2_START = re.compile(rb"BZh[1-9]1AY&SY")
TAR_MARK = b"ustar"
# UTF-32 first: its mark begins with the one of UTF-16
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
UTF8 = "utf-8-sig"
# one for each script: their relatives differ in characters that a short text does not have
ENCODINGS = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "shift_jis",
    "euc_jp", "gb18030", "big5", "euc_kr",
]  # fmt: skip
MOST_COMMON, COHERENCE_MARGIN = "cp1252", 0.1
# what letters look like in the encoding of another language: symbols of Latin-1 in a word
SYMBOL_IN_WORD = re.compile("[^\\W\\d_][\xa1-\xb6\xb8-\xbf\xd7\xf7][^\\W\\d_]")
# what a byte becomes that is no character of the encoding
BROKEN_BYTE = re.compile("[\udc80-\udcff]")
LINE_BEYOND_ASCII = re.compile(rb"[^\r\n]*[\x80-\xff][^\r\n]*[\r\n]*")


class LongLineError(ValueError):
    """A line is too long to be kept in memory."""


class PackedFile:
    """A file on disk or standard input, compressed or not, that can be read several times.

    Parameters
    ----------
    path : pathlib.Path
        A file, or ``-`` for standard input, which is copied to a temporary file.
    encoding : str, default=None
        The encoding of its text; None to find it out.

    Attributes
    ----------
    name : str
        The path, for messages.
    suffix : str
        What the name of the unpacked file ends in, in lower case.
    head : bytes
        The first bytes of the unpacked file.
    """

    def __init__(self, path, encoding=None):
        is_stdin = str(path) == STDIN
        self.name = "standard input" if is_stdin else str(path)
        self._given_encoding = None if encoding is None else check_encoding(encoding)
        self._file = _copy_stdin() if is_stdin else path.open("rb")
        try:
            self._unpack, name = self._find_packing(PurePath("" if is_stdin else path.name))
            self.suffix = name.suffix.lower()
            with self.open() as stream:
                self.head = stream.read(4096)
            if self.head[257:262] == TAR_MARK:
                raise ValueError(
                    f"{self.name} is an archive: unpack it, and name the file or folder in it."
                )
        except BaseException:
            self.close()
            raise

    def close(self):
        """Close the file."""
        self._file.close()

    def open_seekable(self):
        """Return the unpacked bytes as a stream that can be read in any order."""
        if self._unpack is None:
            return self.open()
        with self.open() as stream:
            return io.BytesIO(stream.read())

    def n_bytes_read(self):
        """Return how many bytes of the packed file have been read."""
        return os.lseek(self._file.fileno(), 0, os.SEEK_CUR)

    def open(self):
        """Return the unpacked bytes as a stream, from the start. Streams share a position."""
        file = os.fdopen(os.dup(self._file.fileno()), "rb")
        file.seek(0)
        if self._unpack is None:
            return file
        try:
            return io.BufferedReader(_Unpacked(self._unpack(file), file, self.name), CHUNK)
        except UNPACKING_ERRORS as error:
            file.close()
            raise self._unpacking_error(error) from error

    @cached_property
    def encoding(self):
        """Name of the encoding of the text."""
        return self._given_encoding or self._find_encoding()

    def lines(self):
        """Yield the lines of the file, each with a newline at its end.

        Carriage returns end the lines of a file that has more of them than newlines. Elsewhere
        they become spaces.
        """
        with self._open_text(self._line_end) as stream:
            n_lines = 0
            while line := self._read_line(stream, n_lines):
                n_lines += 1
                if "\r" in line:
                    line = line.removesuffix("\n").removesuffix("\r").replace("\r", " ") + "\n"
                yield line

    def read_text(self):
        """Return the whole text."""
        with self._open_text(None) as stream:
            try:
                text = stream.read()
            except UnicodeError as error:
                raise self._decoding_error(error) from error
        if broken := BROKEN_BYTE.search(text):
            raise ValueError(
                f"{self.name}: expected text in {self.encoding_name}, "
                f"got the byte {ord(broken[0]) - 0xDC00:#04x}."
            )
        return text

    @property
    def encoding_name(self):
        """The encoding as people write it."""
        if self.encoding.startswith("utf"):
            return self.encoding.removesuffix("-sig").upper()
        return self.encoding.replace("_", "-")

    def _open_text(self, newline):
        # a broken byte spoils no more than its line
        errors = "strict" if self.encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
        return io.TextIOWrapper(
            self.open(), encoding=self.encoding, errors=errors, newline=newline
        )

    def _read_line(self, stream, n_lines):
        try:
            line = stream.readline(LONGEST_LINE)
        except UnicodeError as error:
            raise self._decoding_error(error) from error
        if len(line) == LONGEST_LINE:
            raise LongLineError(
                f"{self.name}, line {n_lines + 1}: expected a line of less than 16 MB."
            )
        if "\0" in line:
            raise ValueError(
                f"{self.name}, line {n_lines + 1}: expected text, got a zero byte: the file holds "
                "no text, or is in an encoding to name by encoding (--encoding)."
            )
        return line

    def _decoding_error(self, error):
        return ValueError(f"{self.name}: expected text in {self.encoding_name}: {error.reason}.")

    def _unpacking_error(self, error):
        return ValueError(f"{self.name} can't be unpacked: {shorten_reason(str(error))}.")

    @cached_property
    def _line_end(self):
        with self._open_text("") as stream:
            try:
                text = stream.read(SAMPLE_SIZE)
            except UnicodeError as error:
                raise self._decoding_error(error) from error
        n_newlines = text.count("\n")
        return "\r" if text.count("\r") - text.count("\r\n") > n_newlines else "\n"

    def _find_packing(self, name):
        """Return a function that unpacks the file, or None, and the name of what is in it."""
        start = self._file.read(10)
        stem = PurePath(name.stem)
        if start.startswith(b"\x1f\x8b"):
            return lambda file: gzip.GzipFile(fileobj=file), stem
        if BZIP2_START.match(start):
            return bz2.BZ2File, stem
        if start.startswith(b"\xfd7zXZ\0"):
            return lzma.LZMAFile, stem
        if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return self._find_member(name)
        return None, name

    def _find_member(self, name):
        try:
            with zipfile.ZipFile(self._file) as archive:
                members = archive.namelist()
        except UNPACKING_ERRORS as error:
            raise self._unpacking_error(error) from error
        if "[Content_Types].xml" in members:
            return None, name  # Excel's files are zip files
        members = [
            member
            for member in members
            if not member.endswith("/")
            and not member.startswith("__MACOSX/")
            and not PurePath(member).name.startswith(".")
        ]
        if len(members) != 1:
            raise ValueError(
                f"{self.name} must hold one file, got {len(members)}: unpack it, and name the "
                "file or folder in it."
            )
        return lambda file: zipfile.ZipFile(file).open(members[0]), PurePath(members[0])

    def _find_encoding(self):
        for mark, encoding in BYTE_ORDER_MARKS.items():
            if self.head.startswith(mark):
                return encoding
        if encoding := _find_wide_encoding(self.head):
            return encoding
        decoder = codecs.getincrementaldecoder("utf-8")()
        with self.open() as stream:
            try:
                while chunk := stream.read(CHUNK):
                    decoder.decode(chunk)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                pass  # the lines beyond ASCII tell what it is
            else:
                return UTF8
        with self.open() as stream:
            sample = b""
            while len(sample) < SAMPLE_SIZE and (chunk := stream.read(CHUNK)):
                sample += b"".join(LINE_BEYOND_ASCII.findall(chunk))
        text = sample.decode("utf-8", "surrogateescape")
        n_broken = len(BROKEN_BYTE.findall(text))
        # by chance, bytes of another encoding are hardly ever characters of UTF-8
        if n_broken <= sum(character > "\x7f" for character in text) - n_broken:
            return UTF8
        return _guess_encoding(sample[:CHUNK])


class _Unpacked(io.RawIOBase):
    """A decompressor whose errors name the file, and which stops before memory is full."""

    def __init__(self, stream, file, name):
        self._stream = stream
        self._file = file
        self._name = name
        self._most_bytes = max(SMALL, LARGEST_RATIO * os.fstat(file.fileno()).st_size)
        self._n_bytes = 0

    def close(self):
        self._stream.close()
        self._file.close()
        super().close()

    def readable(self):
        return True

    def readinto(self, buffer):
        try:
            block = self._stream.read(len(buffer))
        except UNPACKING_ERRORS as error:
            reason = shorten_reason(str(error))
            raise ValueError(f"{self._name} can't be unpacked: {reason}.") from error
        self._n_bytes += len(block)
        if self._n_bytes > self._most_bytes:
            raise ValueError(
                f"{self._name} must unpack to at most {self._most_bytes:,} bytes "
                f"({LARGEST_RATIO} times its size, or 1 GiB), got more."
            )
        buffer[: len(block)] = block
        return len(block)


def decode_text(content, encoding=None):
    """Return bytes as text, and what is wrong with it or None."""
    if encoding is not None:
        encoding = check_encoding(encoding)
    else:
        try:
            content.decode(UTF8)
            encoding = UTF8
        except UnicodeDecodeError:
            encoding = _guess_encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        return "", f"expected text in {encoding}, got the byte {content[error.start]:#04x}"
    return text, "expected text, got a zero byte" if "\0" in text else None


def _copy_stdin():
    if sys.stdin is None:
        raise OSError("standard input is closed: name a file.")
    copy = TemporaryFile()  # noqa: SIM115
    try:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.seek(0)
    except BaseException:
        copy.close()
        raise
    return copy


def check_encoding(encoding):
    """Return the name of an encoding as Python knows it, or raise if it knows none."""
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)
    except (LookupError, ValueError) as error:
        raise ValueError(
            f"encoding must be the name of a text encoding, such as 'cp1252', got {encoding!r}."
        ) from error
    return UTF8 if name == "utf-8" else name


def _find_wide_encoding(head):
    """Return the encoding of a text of two bytes a character without a mark, or None."""
    n_zeros = [head[i::2].count(0) for i in (0, 1)]
    if len(head) >= 4 and max(n_zeros) > len(head) / 4 and min(n_zeros) == 0:
        return "utf-16-le" if n_zeros[1] else "utf-16-be"
    return None


def _guess_encoding(sample):
    """Return the encoding of a text that is not in UTF-8."""
    if b"\r" in sample and b"\n" not in sample:
        return "mac_roman"  # of the system that ended lines so
    matches = [*from_bytes(sample, cp_isolation=ENCODINGS)]
    # the best first, but a few short texts say little
    matches = [m for m in matches if not SYMBOL_IN_WORD.search(str(m))] or matches
    equals = [
        match
        for match in matches
        if match.chaos <= matches[0].chaos
        and match.coherence >= matches[0].coherence - COHERENCE_MARGIN
    ]
    if not matches or any(MOST_COMMON in match.could_be_from_charset for match in equals):
        return MOST_COMMON
    return matches[0].encoding
