"""The loop of a process, asked for by several threads."""

import threading

from task_abstraction.runtime.loop import LoopThread


def test_threads_that_come_first_together_share_one_loop(monkeypatch):
    """Clients belong to a loop: a second one would connect a second time."""
    begun, second, loops = threading.Event(), threading.Event(), []
    start = LoopThread._start  # noqa: SLF001 - held in the middle

    def slowly(self):
        if begun.is_set():
            second.set()
        begun.set()
        second.wait(0.5)
        start(self)

    monkeypatch.setattr(LoopThread, "_start", slowly)
    made = LoopThread()
    first = threading.Thread(target=lambda: loops.append(made.loop()))
    first.start()
    assert begun.wait(30)
    loops.append(made.loop())
    first.join(30)

    assert not second.is_set()
    assert len(set(map(id, loops))) == 1
    made.close()
