"""Tasks of the document pipeline; importing this module registers them."""

import asyncio
import json
import os
import time
import urllib.request
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import gettempdir

from docflow.analysis import Statistics, keywords_of, statistics_of, summary_of
from docflow.extraction import UnreadableDocument, extract
from task_abstraction import RetryPolicy, current_task, task

NOTIFY = RetryPolicy(max_attempts=5, initial_delay=timedelta(seconds=2), max_delay=timedelta(minutes=2))
READ = RetryPolicy(max_attempts=3, non_retryable=(UnreadableDocument,))


@dataclass(frozen=True, slots=True)
class Document:
    """A document on its way in: its bytes, or a path that every worker can read."""

    name: str
    content: bytes | None = None
    path: str | None = None

    def read(self) -> bytes:
        """The bytes."""
        if self.content is not None:
            return self.content
        if self.path is None:
            raise UnreadableDocument(f"{self.name}: neither content nor path")
        return Path(self.path).read_bytes()


@dataclass(frozen=True, slots=True)
class Analysis:
    """What api processing found out."""

    name: str
    statistics: Statistics
    keywords: list[str]
    summary: str


def results_folder() -> Path:
    """Where outcomes are written: DOCFLOW_RESULTS, else a folder in the temporary directory."""
    folder = Path(os.environ.get("DOCFLOW_RESULTS") or Path(gettempdir()) / "docflow")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# File processing.


@task(queue="file_processing", retry=READ)
def extract_text(document: Document) -> dict[str, str]:
    """Text of a document, or of each member of an archive, by name."""
    return {found.name: found.text for found in extract(document.name, document.read())}


# API processing.


@task(queue="api_processing")
def analyse_text(name: str, text: str, *, keywords: int = 10, sentences: int = 3) -> Analysis:
    """Statistics, keywords and summary of a text."""
    return Analysis(name, statistics_of(text), keywords_of(text, keywords), summary_of(text, sentences))


@task(queue="api_processing")
async def fetch_page(url: str, *, timeout_s: float = 10.0) -> dict[str, str]:
    """Fetch a page and return its text; an async task, so that many wait at once in one worker."""

    def fetch() -> bytes:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:  # noqa: S310 - any scheme the caller may use
            body: bytes = answer.read()
        return body

    content = await asyncio.to_thread(fetch)
    return {found.name: found.text for found in extract("page.html", content)}


@task(queue="api_processing", retry=READ)
def process_document(document: Document) -> list[Analysis]:
    """Extract and analyse in one task: the whole pipeline for a small document."""
    return [analyse_text(found.name, found.text) for found in extract(document.name, document.read())]


# Callback processing.


@task(queue="callback_processing", retry=NOTIFY)
def write_result(name: str, analysis: Analysis) -> str:
    """Write an outcome as JSON; writing it twice leaves the same file."""
    place = results_folder() / f"{Path(name).name}.json"
    staged = place.with_suffix(".tmp")
    staged.write_text(json.dumps(asdict(analysis), indent=2, sort_keys=True), encoding="utf-8")
    staged.replace(place)
    return str(place)


@task(queue="callback_processing", retry=NOTIFY, timeout=timedelta(seconds=60))
def notify_callback(url: str, analysis: Analysis) -> int:
    """Post an outcome to the customer's URL and return the status; the task id lets them drop duplicates."""
    request = urllib.request.Request(  # noqa: S310 - the customer's URL
        url,
        data=json.dumps(asdict(analysis)).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": current_task().id},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - see above
        return int(answer.status)


# High, medium and low priority.


@task(queue="high_priority")
def answer_question(text: str, question: str) -> str:
    """The sentence of a text that shares the most words with a question; a user waits for it."""
    wanted = set(keywords_of(question, 10))
    best = max(text.split(". "), key=lambda sentence: len(wanted & set(keywords_of(sentence, 50))))
    return best.strip()


@task(queue="medium_priority")
def index_document(name: str, text: str) -> dict[str, list[int]]:
    """Positions of each keyword of a text, for a search index."""
    words = text.lower().split()
    found = {keyword: [i for i, word in enumerate(words) if keyword in word] for keyword in keywords_of(text, 20)}
    return {f"{name}:{keyword}": positions for keyword, positions in found.items()}


@task(queue="low_priority")
def cleanup_documents(older_than_s: float = 86400.0) -> int:
    """Delete outcomes that nobody fetched for so many seconds; the nightly schedule sends it."""
    limit = time.time() - older_than_s
    stale = [place for place in results_folder().glob("*.json") if place.stat().st_mtime < limit]
    for place in stale:
        place.unlink(missing_ok=True)
    return len(stale)


@task(queue="low_priority")
def export_report(pages: int = 1, seconds_per_page: float = 0.0) -> dict[str, float]:
    """Write a report page by page; long on purpose, and the task to watch during a shutdown."""
    began = time.monotonic()
    lines = []
    for page in range(pages):
        time.sleep(seconds_per_page)
        lines.append(f"page {page + 1} of {pages}")
        current_task().progress({"page": page + 1, "pages": pages})
    place = results_folder() / f"report-{current_task().id}.txt"
    place.write_text("\n".join(lines), encoding="utf-8")
    return {"pages": pages, "seconds": round(time.monotonic() - began, 3)}
