"""The files in a tar archive, in order, from a stream that nobody vouches for.

The standard library's tarfile is made for archives one trusts: a forged header has some of its
versions go round in circles, or has them fill the memory with tables of holes, before a caller
sees the member. A data file needs little of what it can do.
"""

import re

BLOCK = 512
CHUNK = 2**20
# The published archive has some 100,000 members. The bounds are on what a small file unpacks to.
MOST_HEADERS = 500_000
LARGEST_HEADER = 2**16
LARGEST_ARCHIVE = 2**30

_FILE, _FOLDER = (b"0", b"\0", b"7"), b"5"
# of the headers that say something of the next member, the other two have nothing that is needed
_LONG_NAME, _EXTENDED, _OTHERS = b"L", b"x", (b"K", b"g")
_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_DECIMAL = re.compile(rb"[0-9]{1,19}")


class TarReader:
    """A tar archive that is read from front to back.

    Parameters
    ----------
    stream : file-like
        The archive, unpacked.
    """

    def __init__(self, stream):
        self._stream = stream
        self._n_read = 0
        # of the member that was yielded last
        self._left = self._padding = 0

    def files(self):
        """Yield name and size of each file, or raise ValueError by the name of one that is none.

        Links and devices have no place in the data, and neither have names that lead out of its
        folder. Nothing is unpacked to disk, so they do no harm; but who made them meant harm.
        """
        for name, size, kind in self._members():
            if name.startswith("/") or ".." in name.split("/"):
                raise ValueError(f"its member {name!r:.200} would lie outside of the folder")
            if kind == _FOLDER:
                continue
            if kind not in _FILE:
                raise ValueError(f"its member {name!r:.200} is neither a plain file nor a folder")
            self._left, self._padding = size, -size % BLOCK
            yield name, size
            self._skip(self._left + self._padding)

    def content(self):
        """Return the content of the file that was yielded last."""
        content = self._exactly(self._left)
        self._left = 0
        return content

    def check_end(self):
        """Read what follows the last member, and raise ValueError if there is more than zeros."""
        # reading on to the end makes gzip compare the checksum
        while rest := self._read(CHUNK):
            if rest.strip(b"\0"):
                raise ValueError("a header is damaged")

    def _members(self):
        about_next = {}
        for _ in range(MOST_HEADERS):
            header = self._read(BLOCK)
            # zeros are the end; and an end without them is none that gzip didn't notice
            if not header.strip(b"\0"):
                if self._n_read == 0:
                    raise ValueError("it is empty")
                return
            _check_header(header)
            name, size, kind = _name(header), _number(header[124:136]), header[156:157]
            if kind == _LONG_NAME:
                about_next[b"path"] = self._extension(size).partition(b"\0")[0]
            elif kind == _EXTENDED:
                about_next |= _records(self._extension(size))
            elif kind in _OTHERS:
                self._extension(size)
            else:
                if any(key.startswith(b"GNU.sparse.") for key in about_next):
                    kind = b"S"
                name = about_next.get(b"path", name).decode("utf-8", "surrogateescape")
                if b"size" in about_next:
                    size = _decimal(about_next[b"size"])
                about_next = {}
                yield name, size, kind
        raise ValueError(f"it has over {MOST_HEADERS} members")

    def _extension(self, size):
        if size > LARGEST_HEADER:
            raise ValueError(f"a header claims {size} bytes, over {LARGEST_HEADER}")
        content = self._exactly(size)
        self._skip(-size % BLOCK)
        return content

    def _exactly(self, size):
        content = self._read(size)
        if len(content) < size:
            raise ValueError("it is cut off")
        return content

    def _skip(self, size):
        self._check_room(size)
        while size > 0:
            size -= len(self._exactly(min(size, CHUNK)))

    def _read(self, size):
        self._check_room(size)
        content = self._stream.read(size)
        self._n_read += len(content)
        return content

    def _check_room(self, size):
        if self._n_read + size > LARGEST_ARCHIVE:
            raise ValueError(f"it unpacks to over {LARGEST_ARCHIVE} bytes")


def _check_header(header):
    # the checksum is that of a header with blanks in its place
    if len(header) < BLOCK or sum(header) - sum(header[148:156]) + 8 * 32 != _number(
        header[148:156]
    ):
        raise ValueError("a header is damaged")


def _name(header):
    """Return the name in a header, as bytes."""
    name = header[:100].partition(b"\0")[0]
    if header[257:263] == b"ustar\0" and (prefix := header[345:500].partition(b"\0")[0]):
        return prefix + b"/" + name
    return name


def _number(field):
    """Return a number: in octal digits, or in bytes behind one that says so."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    if field[0] == 0xFF:
        raise ValueError("a header claims a negative size")
    if match := _OCTAL.fullmatch(field.partition(b"\0")[0]):
        return int(match[1] or b"0", 8)
    raise ValueError("a header is damaged")


def _decimal(text):
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"a header claims the size {text!r:.80}")
    return int(text)


def _records(content):
    """Return what an extended header says, in records of "LENGTH KEY=VALUE" and a newline."""
    records, start = {}, 0
    while start < len(content):
        length = content[start : start + 20].partition(b" ")[0]
        end = start + _decimal(length)
        key, equals, value = content[start + len(length) + 1 : end].partition(b"=")
        if not equals or not value.endswith(b"\n") or end > len(content):
            raise ValueError("an extended header is damaged")
        records[key], start = value[:-1], end
    return records
