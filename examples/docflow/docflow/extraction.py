"""Text of documents: plain text, Markdown, HTML, and archives of them."""

import io
import zipfile
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import PurePosixPath

MAX_MEMBER_BYTES = 16 * 1024**2
"""Largest unpacked member: an archive that unpacks to more is refused instead of filling the worker's memory."""
TEXT_SUFFIXES = frozenset({".txt", ".md", ".csv", ".json", ".log", ""})
HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})


class UnreadableDocument(ValueError):  # noqa: N818 - reads as what happened
    """The bytes are no document of a kind that is known here; trying again does not help."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of one document."""

    name: str
    text: str


class _TextOfHtml(HTMLParser):
    """Collects what a reader sees."""

    hidden = frozenset({"script", "style", "head", "template"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter a hidden element."""
        del attrs
        self._depth += tag in self.hidden

    def handle_endtag(self, tag: str) -> None:
        """Leave a hidden element."""
        if tag in self.hidden and self._depth:
            self._depth -= 1

    def handle_data(self, data: str) -> None:
        """Keep visible text."""
        if not self._depth and data.strip():
            self.parts.append(data.strip())


def text_of_html(markup: str) -> str:
    """Visible text of a page, one line for each piece."""
    parser = _TextOfHtml()
    parser.feed(markup)
    parser.close()
    return "\n".join(parser.parts)


def _decode(content: bytes, name: str) -> str:
    if b"\x00" in content:
        raise UnreadableDocument(f"{name}: binary content, expected text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def extract(name: str, content: bytes) -> list[Extracted]:
    """Texts of a document, or of every readable member of a zip archive.

    Raises:
        UnreadableDocument: the kind is unknown, the archive is broken, or a member is too large.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".zip" or content[:4] == b"PK\x03\x04":
        return _extract_archive(name, content)
    if suffix in HTML_SUFFIXES:
        return [Extracted(name, text_of_html(_decode(content, name)))]
    if suffix in TEXT_SUFFIXES:
        return [Extracted(name, _decode(content, name))]
    raise UnreadableDocument(f"{name}: no reader for '{suffix}'")


def _extract_archive(name: str, content: bytes) -> list[Extracted]:
    found: list[Extracted] = []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                suffix = PurePosixPath(member.filename).suffix.lower()
                if member.is_dir() or suffix not in TEXT_SUFFIXES | HTML_SUFFIXES:
                    continue
                if member.file_size > MAX_MEMBER_BYTES:
                    raise UnreadableDocument(f"{name}/{member.filename}: {member.file_size} bytes unpacked")
                found += extract(member.filename, archive.read(member))
    except zipfile.BadZipFile as error:
        raise UnreadableDocument(f"{name}: {error}") from error
    return found
