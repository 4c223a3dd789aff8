"""Figures, keywords and a summary of a text, without a model: counting is enough for a pipeline that must be cheap."""

import math
import re
from collections import Counter
from dataclasses import dataclass

_WORD = re.compile(r"[^\W\d_]{2,}", re.UNICODE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n{2,}")
STOP_WORDS = frozenset(
    words
    for line in (
        "a an and are as at be but by for from has have he her his i if in into is it its not of on or our she so than",
        "that the their them then there these they this to was we were what when which who will with would you your",
    )
    for words in line.split()
)
# Silent reading speed of adults, words per minute (Brysbaert 2019).
WORDS_PER_MINUTE = 238


@dataclass(frozen=True, slots=True)
class Statistics:
    """Figures of one text."""

    characters: int
    words: int
    sentences: int
    distinct_words: int
    reading_minutes: float


def words_of(text: str) -> list[str]:
    """Words in lower case."""
    return [word.lower() for word in _WORD.findall(text)]


def sentences_of(text: str) -> list[str]:
    """Sentences without surrounding space."""
    return [part.strip() for part in _SENTENCE_END.split(text) if _WORD.search(part)]


def statistics_of(text: str) -> Statistics:
    """Count a text."""
    words = words_of(text)
    return Statistics(
        characters=len(text),
        words=len(words),
        sentences=len(sentences_of(text)),
        distinct_words=len(set(words)),
        reading_minutes=round(len(words) / WORDS_PER_MINUTE, 2),
    )


def keywords_of(text: str, limit: int) -> list[str]:
    """Words that carry the text: frequency times length, so that long rare terms beat short common ones."""
    counts = Counter(word for word in words_of(text) if word not in STOP_WORDS)
    ranked = sorted(counts, key=lambda word: (-counts[word] * math.log(1 + len(word)), word))
    return ranked[:limit]


def summary_of(text: str, sentences: int) -> str:
    """The sentences with the most keywords per word, in the order of the text."""
    keywords = set(keywords_of(text, 20))
    parts = sentences_of(text)

    def weight(index: int) -> float:
        words = words_of(parts[index])
        return sum(word in keywords for word in words) / math.sqrt(len(words) or 1)

    best = sorted(sorted(range(len(parts)), key=weight, reverse=True)[:sentences])
    return " ".join(parts[index] for index in best)
