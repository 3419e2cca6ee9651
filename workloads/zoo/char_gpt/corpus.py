"""Jane Austen's six novels as characters, read from a Debian package.

Source: package r-cran-janeaustenr 1.0.0-1 (Debian 12, MIT licence; the novels, 1811
to 1817, are in the public domain), file data/Rdata.rdb: for each novel an R character
vector of text lines. The package is only unpacked, R is not needed.
"""

import re
import struct
import zlib
from pathlib import Path

import numpy as np

PACKAGE = "r-cran-janeaustenr"
DATA = "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"
ALPHABET = "\n !\"'(),-.0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
SEPARATOR = "\n\n"  # between chapters; one newline ends a paragraph
CHAPTER = re.compile(r"chapter [ivxl0-9]+", re.IGNORECASE)
FURNITURE = re.compile(r"volume [ivx]+|finis|the end", re.IGNORECASE)
APPENDIX = "A NOTE ON THE TEXT"  # words of a later edition, left out to the end of the novel
FOLDED = str.maketrans({"[": "(", "]": ")", "\xa3": "L", "&": "and", "*": "", "\t": " "})
HELD_OUT = 10  # one chapter in so many, the last ones of each novel, rounded up, is validation


class RString:
    """Reads the one thing needed of R's XDR serialisation: vectors of text.

    Source: "R Internals", section "Serialization Formats". Anything else is refused.
    """

    TEXT, STRINGS = 9, 16

    def __init__(self, data):
        self._data, self._at = data, 0
        if self._take(2) != b"X\n":
            raise ValueError("R data: not in XDR form")
        version = self._int()
        self._at += 8
        if version == 3:
            encoding = self._int()
            self._at += encoding
        elif version != 2:
            raise ValueError(f"R data: serialisation version {version}, allowed: 2 and 3")

    def lines(self):
        """The vector as a list of str."""
        flags = self._int()
        if flags & 0xFF != self.STRINGS:
            raise ValueError(f"R data: type {flags & 0xFF}, wanted a character vector (16)")
        return [self._text() for _ in range(self._int())]

    def _text(self):
        flags, size = self._int(), self._int()
        if flags & 0xFF != self.TEXT:
            raise ValueError(f"R data: type {flags & 0xFF} within a character vector")
        return "" if size < 0 else self._take(size).decode("utf-8")

    def _int(self):
        return struct.unpack(">i", self._take(4))[0]

    def _take(self, size):
        self._at += size
        return self._data[self._at - size:self._at]


def records(root):
    """Every object of the package's data base, unpacked.

    Args: root: where the package is installed ("/") or unpacked.
    """
    path = Path(root) / DATA
    if not path.exists():
        raise SystemExit(f"{path} is missing: install {PACKAGE}, or unpack it (apt-get download {PACKAGE}; "
                         f"dpkg -x {PACKAGE}_*.deb DIR) and give --text-root DIR")
    data, at = path.read_bytes(), 0
    while at < len(data):
        size = struct.unpack(">I", data[at:at + 4])[0]
        stream = zlib.decompressobj()
        unpacked = stream.decompress(data[at + 4:]) + stream.flush()
        if len(unpacked) != size:
            raise ValueError(f"{path}: record at byte {at} has {len(unpacked)} bytes, wanted {size}")
        yield unpacked
        at = len(data) - len(stream.unused_data)


def chapters_of(lines):
    """The chapters of one novel as text over ALPHABET, paragraphs on one line each.

    Headings, title pages and the words after the end are left out.
    """
    chapters = []
    for line in lines:
        line = line.translate(FOLDED).strip()
        if line == APPENDIX:
            break
        if CHAPTER.fullmatch(line):
            chapters.append([])
        elif chapters and not FURNITURE.fullmatch(line):
            chapters[-1].append(line)
    return [unwrapped(chapter) for chapter in chapters]


def unwrapped(lines):
    """Lines joined by blanks, an empty line ends a paragraph, runs of blanks become one."""
    paragraphs = re.split(r"\n\n+", "\n".join(lines).strip())
    text = "\n".join(re.sub(r"\s+", " ", paragraph) for paragraph in paragraphs)
    unknown = sorted(set(text) - set(ALPHABET))
    if unknown:
        raise ValueError(f"characters outside the alphabet: {unknown}")
    return text


def tokens_of(text):
    """int32 [n], positions in ALPHABET."""
    table = np.full(128, -1, np.int32)
    table[np.frombuffer(ALPHABET.encode("ascii"), np.uint8)] = np.arange(len(ALPHABET), dtype=np.int32)
    return table[np.frombuffer(text.encode("ascii"), np.uint8)]


def load(root):
    """(training tokens, validation tokens), int32, always the same.

    The last tenth of the chapters of every novel, rounded up, is validation.
    """
    train, validation = [], []
    for record in records(root):
        chapters = chapters_of(RString(record).lines())
        cut = len(chapters) - -(-len(chapters) // HELD_OUT)
        train += chapters[:cut]
        validation += chapters[cut:]
    return tuple(tokens_of(SEPARATOR.join(part)) for part in (train, validation))
