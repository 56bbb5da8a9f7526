"""Lines of text from a stream, as they arrive."""

BLOCK_SIZE = 1 << 20


def read_lines(stream):
    """Yield lists of complete lines, each with all lines that have arrived so far.

    Predicting one line takes as long as predicting a few hundred together, so lines that arrive
    quickly are predicted together, and lines that arrive slowly one by one.
    """
    incomplete = []
    while block := stream.read1(BLOCK_SIZE):
        *lines, rest = block.split(b"\n")
        if lines:
            lines[0] = b"".join([*incomplete, lines[0]])
            incomplete.clear()
            yield lines
        incomplete.append(rest)
    if last := b"".join(incomplete):
        yield [last]


def decode_lines(blocks, name):
    """Yield lists of lines as text; ``name`` is that of the stream, for messages."""
    number = 0
    for block in blocks:
        texts = []
        for line in block:
            number += 1
            encoding = "utf-8-sig" if number == 1 else "utf-8"
            try:
                texts.append(line.removesuffix(b"\r").decode(encoding))
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{name}, line {number}: expected text in UTF-8, "
                    f"got the byte {line[error.start]:#04x}."
                ) from error
        yield texts
