"""The health of a worker: what probes see of its consumer, its loop, and the files of beat."""

import os
import shelve
import time

import pytest

from task_abstraction import health
from task_abstraction.errors import ConfigurationError
from task_abstraction.runtime.health_server import HttpService, health_routes
from task_abstraction.runtime.health_state import HealthState
from tests.support.workers import http_get


class TestHealth:
    """The three answers."""

    def test_a_worker_becomes_ready_and_drains(self):
        """Not ready before the consumer is registered, nor while it shuts down; live all the time."""
        state = HealthState(limit_s=30)
        assert not state.started
        assert state.status().live
        assert not state.status().ready
        state.consumer_ready()
        assert state.started
        assert state.status().ready
        state.drain()
        assert state.status().live
        assert not state.status().ready

    def test_a_loop_that_stands_still_is_not_live(self):
        """Registered and not moving is the fault that liveness is for."""
        state = HealthState(limit_s=0.05)
        state.consumer_ready()
        time.sleep(0.06)
        assert not state.status().live
        assert "has not moved" in state.status().checks["loop"]
        state.beat()
        assert state.status().live

    def test_an_outage_restarts_nobody(self):
        """Without a connection the loop may stand still: not ready, and live."""
        state = HealthState(limit_s=0.05)
        state.consumer_ready()
        state.consumer_lost("no broker")
        time.sleep(0.06)
        assert state.status().live
        assert state.status().checks["consumer"] == "no broker"

    def test_a_consumer_that_is_stuck_is_not_excused(self):
        """Also after an outage: what does not come back by itself is restarted."""
        state = HealthState(limit_s=0.05)
        state.consumer_ready()
        state.consumer_lost("no engine")
        state.consumer_stuck("no answer")
        time.sleep(0.06)
        assert not state.status().live
        assert state.status().checks["consumer"] == "no answer"

    def test_the_server_answers_probes_and_scrapes(self, metrics, monkeypatch, capsys):
        """Status codes follow the state; the command for exec probes asks the same server."""
        state = HealthState(limit_s=30)
        server = HttpService(health_routes(state, metrics.registry), port=0, host="127.0.0.1").start()
        try:
            monkeypatch.setenv("TASK_HEALTH_PORT", str(server.port))
            assert [http_get(server.port, path)[0] for path in ("/livez", "/readyz", "/startupz")] == [200, 503, 503]
            assert health.main(["--ready"]) == 1
            state.consumer_ready()
            assert [http_get(server.port, path)[0] for path in ("/livez", "/readyz?x=1", "/startupz")] == [
                200,
                200,
                200,
            ]
            assert health.main(["--live"]) == 0
            assert http_get(server.port, "/metrics")[1].startswith("# HELP")
            assert http_get(server.port, "/nope")[0] == 404
        finally:
            server.close()
        assert health.main(["--live"]) == 1
        assert "no answer from http://127.0.0.1:" in capsys.readouterr().out

    def test_a_taken_port_is_named(self, metrics):
        """The message says which port and what to do."""
        routes = health_routes(HealthState(limit_s=1), metrics.registry)
        first = HttpService(routes, port=0, host="127.0.0.1")
        try:
            with pytest.raises(ConfigurationError, match=f"port {first.port} cannot be opened"):
                HttpService(routes, port=first.port, host="127.0.0.1")
        finally:
            first.close()

    def test_the_heartbeat_file_shows_the_age(self, tmp_path, capsys):
        """A plain container checks a file."""
        place = tmp_path / "beat"
        assert health.main(["--beat", str(place)]) == 1
        HealthState(limit_s=1, beat_file=place).beat()
        assert health.main(["--beat", str(place)]) == 0
        os.utime(place, (time.time() - 1000, time.time() - 1000))
        assert health.main(["--beat", str(place)]) == 1
        assert "touched 1000 s ago" in capsys.readouterr().out

    @pytest.mark.parametrize("suffix", ["", ".db", ".dat", "-wal"])
    def test_the_file_of_beat_is_seen_whatever_python_writes_it_with(self, tmp_path, suffix):
        """`shelve` writes beside the name that it is given; sqlite3 of Python 3.13 leaves the named file as it is."""
        place = tmp_path / "celerybeat-schedule"
        place.touch()
        os.utime(place, (1, 1))
        assert health.main(["--beat", str(place)]) == 1
        (tmp_path / f"celerybeat-schedule{suffix}").write_text("")
        os.utime(tmp_path / f"celerybeat-schedule{suffix}")
        assert health.main(["--beat", str(place)]) == 0

    def test_the_schedule_of_a_running_beat_is_fresh(self, tmp_path):
        """What beat's own scheduler has just written with this Python is found under the name that beat was given."""
        place = tmp_path / "celerybeat-schedule"
        with shelve.open(str(place), writeback=True) as store:  # noqa: S301  # as celery.beat opens it
            store["entries"] = {}
            store.sync()
            assert health.main(["--beat", str(place)]) == 0
