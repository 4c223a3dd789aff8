"""The example application: real work on real documents, and on bad ones."""

import io
import sys
import zipfile

import pytest

from tests.support.workers import DOCFLOW


@pytest.fixture(autouse=True)
def docflow(monkeypatch):
    """The application on the path, as its image has it."""
    monkeypatch.syspath_prepend(str(DOCFLOW))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "docflow"]:
        del sys.modules[name]


def archive(**members):
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name.replace("_", "."), content)
    return buffer.getvalue()


def test_an_archive_gives_the_text_of_each_readable_member():
    """Text and HTML are read, pictures are left out, scripts are not shown."""
    from docflow.extraction import extract

    content = archive(
        a_txt="Plain.", b_html="<body><script>x()</script><p>Shown &amp; read.</p></body>", c_png=b"\x89PNG"
    )
    assert [(found.name, found.text) for found in extract("x.zip", content)] == [
        ("a.txt", "Plain."),
        ("b.html", "Shown & read."),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.exe", b"MZ", "no reader for '.exe'"),
        ("a.txt", b"a\x00b", "binary content"),
        ("a.zip", b"PK\x03\x04broken", "a.zip: "),
        ("bomb.zip", archive(a_txt=b"0" * (17 * 1024**2)), "17825792 bytes unpacked"),
    ],
    ids=["a program", "binary text", "a broken archive", "an archive that unpacks to too much"],
)
def test_a_bad_document_is_refused_for_good(name, content, message):
    """The error is one that is declared as not retryable."""
    from docflow.extraction import UnreadableDocument, extract

    with pytest.raises(UnreadableDocument, match=message):
        extract(name, content)


def test_an_analysis_counts_and_ranks():
    """Figures, keywords without stop words, and the sentence that carries most."""
    from docflow.analysis import keywords_of, statistics_of, summary_of

    text = "Queues smooth load. It is so. Queues hide load until memory ends."
    figures = statistics_of(text)
    assert (figures.words, figures.sentences, figures.distinct_words) == (12, 3, 10)
    assert keywords_of(text, 2) == ["queues", "load"]
    assert summary_of(text, 1) == "Queues hide load until memory ends."


def test_outcomes_are_written_whole_and_cleaned_up(monkeypatch, tmp_path):
    """A result is replaced in one step; cleanup removes what is old."""
    monkeypatch.setenv("DOCFLOW_RESULTS", str(tmp_path))
    from docflow.tasks import analyse_text, cleanup_documents, write_result

    place = write_result("note.txt", analyse_text("note.txt", "Good words."))
    assert [found.name for found in tmp_path.iterdir()] == ["note.txt.json"]
    assert place == str(tmp_path / "note.txt.json")
    assert cleanup_documents(older_than_s=60) == 0
    assert cleanup_documents(older_than_s=-1) == 1


def test_every_task_name_suits_every_backend():
    """Lower case and no dots: Hatchet lower-cases names, and a scaler reads them as paths."""
    from docflow import tasks

    names = [value.name for value in vars(tasks).values() if type(value).__name__ == "Task"]
    assert len(names) >= 10
    assert all(name == name.lower() and "." not in name for name in names)
