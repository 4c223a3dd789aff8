"""Each derivation by itself: the numbers of its formula."""

from datetime import timedelta as td

import pytest

from taskgen.plan import buckets, cost, recovery, redelivery, replicas, scaling, shutdown, sizing

MIB = 2**20


@pytest.mark.parametrize(
    ("base", "child", "concurrency", "task", "expected"),
    [
        pytest.param(51 * MIB, 44 * MIB, 1, 0, 128, id="one child of an empty application"),
        pytest.param(51 * MIB, 44 * MIB, 8, 20 * MIB, 688, id="each child brings its interpreter and a task"),
        pytest.param(84 * MIB, 0, 8, 20 * MIB, 304, id="threads share one interpreter"),
    ],
)
def test_memory_limit(base, child, concurrency, task, expected):
    """Base, children and tasks times 1.2, rounded up to 16 MiB."""
    limit = sizing.memory_limit(memory_base=base, memory_child=child, concurrency=concurrency, task_memory=task)

    assert limit == expected * MIB


@pytest.mark.parametrize(
    ("workload", "concurrency", "pool", "expected"),
    [
        pytest.param("cpu", 4, "prefork", 4000, id="a core for each process"),
        pytest.param("cpu", 4, "threads", 1000, id="one interpreter lock"),
        pytest.param("io", 1, "prefork", 100, id="at least a tenth of a core"),
    ],
)
def test_cpu_request(workload, concurrency, pool, expected):
    """CPU follows the workload and what the pool can use."""
    assert sizing.cpu_request(workload=workload, concurrency=concurrency, pool=pool) == expected


@pytest.mark.parametrize(
    ("environment", "kind", "expected"),
    [
        pytest.param("prod", "scaled", 4, id="one may be missing"),
        pytest.param("dev", "scaled", 1, id="development keeps one"),
        pytest.param("prod", "exactly_one", 1, id="never two"),
    ],
)
def test_min_replicas(environment, kind, expected):
    """ceil(slots / concurrency) + 1."""
    found = replicas.min_replicas(slots_for_goal=11, concurrency=4, environment=environment, replicas=kind)

    assert found == expected


def test_max_replicas_carry_the_peak_with_headroom():
    """Tier high of the reference: 10/s x 4.9 s x 1.25 on 20 slots are 4 replicas."""
    found = replicas.max_replicas(
        peak=10, mean_duration=td(seconds=4.9), concurrency=20, min_replicas=2, replicas="scaled", environment="prod"
    )

    assert found == 4


@pytest.mark.parametrize(("surge", "expected"), [("25%", 13), ("3", 13), ("0", 10)])
def test_rolling_replicas(surge, expected):
    """Surge in percent is rounded up; a number is itself."""
    assert replicas.rolling_replicas(max_replicas=10, surge=surge, replicas="scaled") == expected


@pytest.mark.parametrize(
    ("backend", "mode", "soft", "graceful", "expected"),
    [
        pytest.param("celery", "drain", None, None, 315, id="celery drains for the limit and 15 s"),
        pytest.param("celery", "cut", td(seconds=10), None, 25, id="celery cuts after the soft time"),
        pytest.param("temporal", "drain", None, td(seconds=300), 330, id="temporal after its graceful shutdown"),
        pytest.param("hatchet", "drain", None, None, 330, id="hatchet drains for the limit and 30 s"),
    ],
)
def test_grace(backend, mode, soft, graceful, expected):
    """The platform waits as long as the backend needs."""
    found = shutdown.grace(
        backend=backend, shutdown_mode=mode, time_limit=td(minutes=5), soft_shutdown=soft, graceful_shutdown=graceful
    )

    assert found == td(seconds=expected)


@pytest.mark.parametrize(("backend", "mode", "expected"), [("celery", "cut", "SIGQUIT"), ("celery", "drain", None)])
def test_remap_goes_with_cut(backend, mode, expected):
    """REMAP_SIGTERM and the soft timeout are rendered together or not at all."""
    assert shutdown.remap_sigterm(backend=backend, shutdown_mode=mode) == expected
    assert (shutdown.soft_shutdown(backend=backend, shutdown_mode=mode) is None) == (expected is None)


@pytest.mark.parametrize(
    ("attempts", "longest", "horizon"),
    [(1, 0, 0), (2, 2, 2), (4, 8, 14), (6, 10, 34)],
)
def test_retry_delays(attempts, longest, horizon):
    """2, 4, 8, 10, 10 seconds: doubled until the longest delay."""
    policy = {
        "max_attempts": attempts,
        "initial_delay": td(seconds=2),
        "backoff": 2.0,
        "max_delay": td(seconds=10),
    }

    assert redelivery.longest_retry_delay(**policy) == td(seconds=longest)
    assert redelivery.retry_horizon(**policy) == td(seconds=horizon)


def test_retry_delay_survives_absurd_policies():
    """A hundred attempts with backoff 100 do not overflow."""
    policy = {"max_attempts": 100, "initial_delay": td(days=1), "backoff": 100.0, "max_delay": td(days=30)}

    assert redelivery.longest_retry_delay(**policy) == td(days=30)


@pytest.mark.parametrize(
    ("backend", "limit", "expected"),
    [("temporal", 60, None), ("temporal", 300, 30), ("celery", 300, None)],
)
def test_heartbeat_timeout(backend, limit, expected):
    """Long activities on Temporal are noticed after half a minute."""
    found = redelivery.heartbeat_timeout(backend=backend, time_limit=td(seconds=limit))

    assert found == (None if expected is None else td(seconds=expected))


@pytest.mark.parametrize(
    ("backend", "late", "broker", "expected"),
    [
        pytest.param("celery", False, "redis", None, id="early acknowledgement loses it"),
        pytest.param("celery", True, "redis", 610, id="redis after visibility timeout and sweep"),
        pytest.param("celery", True, "rabbitmq", 62, id="rabbitmq after three heartbeats"),
        pytest.param("temporal", False, None, 51, id="temporal after the heartbeat timeout and the retry delay"),
        pytest.param("hatchet", False, None, 60, id="hatchet after lost heartbeats"),
    ],
)
def test_recovery_time(backend, late, broker, expected):
    """A task of a killed worker runs again when the backend notices."""
    found = recovery.recovery_time(
        backend=backend,
        acks_late=late,
        broker=broker,
        visibility_timeout=td(minutes=10),
        broker_heartbeat=td(seconds=20),
        heartbeat_timeout=td(seconds=30),
        time_limit=td(minutes=5),
        max_attempts=3,
        longest_retry_delay=td(seconds=20),
    )

    assert found == (None if expected is None else td(seconds=expected))


@pytest.mark.parametrize(
    ("backend", "broker", "longest", "expected"),
    [
        pytest.param("celery", "redis", 610, 605, id="redis in the middle of a sweep"),
        pytest.param("celery", "rabbitmq", 62, 50, id="rabbitmq between its second and third look"),
        pytest.param("temporal", None, 51, 50, id="temporal without the delay of its timers"),
        pytest.param("hatchet", None, 60, 30, id="hatchet at once after the lost heartbeats"),
        pytest.param("celery", "redis", None, None, id="never"),
    ],
)
def test_expected_recovery(backend, broker, longest, expected):
    """In the middle of what can happen, never beyond the longest."""
    found = recovery.expected_recovery(
        backend=backend,
        broker=broker,
        broker_heartbeat=td(seconds=20),
        recovery_time=None if longest is None else td(seconds=longest),
    )

    assert found == (None if expected is None else td(seconds=expected))


@pytest.mark.parametrize(("attempts", "expected"), [(1, None), (2, 21)])
def test_recovery_time_without_heartbeat(attempts, expected):
    """Temporal notices a short task at its limit, and repeats it only where an attempt is left."""
    found = recovery.recovery_time(
        backend="temporal",
        acks_late=False,
        broker=None,
        visibility_timeout=None,
        broker_heartbeat=None,
        heartbeat_timeout=None,
        time_limit=td(seconds=10),
        max_attempts=attempts,
        longest_retry_delay=td(seconds=10),
    )

    assert found == (None if expected is None else td(seconds=expected))


@pytest.mark.parametrize(
    ("goal", "expected"),
    [pytest.param(30, 4, id="a goal below the reaction: one duration"), pytest.param(120, 113, id="a loose goal")],
)
def test_backlog_target(goal, expected):
    """T1 of autoscaling.md with S 3 s, c 4 and L 35 s."""
    found = scaling.backlog_target(
        concurrency=4, wait_goal=td(seconds=goal), reaction_latency=td(seconds=35), mean_duration=td(seconds=3)
    )

    assert found == expected


def test_wait_buckets_hold_the_goal():
    """The goal itself is a bucket bound, so that the share above it can be counted."""
    assert 45.0 in buckets.wait_buckets(wait_goal=td(seconds=45))


def test_duration_buckets_are_few_and_hold_the_limits():
    """At most twelve bounds, ascending, with both limits exactly."""
    found = buckets.duration_buckets(
        duration_p50=td(milliseconds=1234),
        duration_p99=td(seconds=77),
        soft_time_limit=td(seconds=111),
        time_limit=td(seconds=123),
    )

    assert list(found) == sorted(found)
    assert len(found) <= 12
    assert {111.0, 123.0} <= set(found)


def test_monthly_cost_is_that_of_the_requests():
    """Two replicas of half a core and 2 GiB: 730 h x (0.5 x 0.04 + 2 x 0.005) each."""
    size = {"cpu_request": 500, "memory_limit": 2 * 2**30, "vcpu_hour": 0.04, "gib_hour": 0.005}

    assert cost.least_monthly_cost(min_replicas=2, **size) == 43.8
    assert cost.largest_monthly_cost(max_replicas=10, **size) == 219.0


def test_most_replicas_are_never_below_the_fewest():
    """A peak that needs less than the wait goal does not shrink the tier below its floor."""
    found = replicas.max_replicas(
        peak=1, mean_duration=td(seconds=1), concurrency=8, min_replicas=5, replicas="scaled", environment="prod"
    )

    assert found == 5


def test_mean_stays_within_the_longest_tasks():
    """A fit of extreme quantiles never gives a mean beyond the 99th percentile, and never fails."""
    assert replicas.mean_duration(duration_p50=td(milliseconds=1), duration_p99=td(days=10)) == td(days=10)


def test_down_window_is_one_that_kubernetes_takes():
    """The stabilisation window follows the longer tasks, up to an hour."""
    window = scaling.scale_down_window

    assert window(shutdown_mode="drain", duration_p99=td(minutes=20)) == td(minutes=20)
    assert window(shutdown_mode="drain", duration_p99=td(hours=9)) == td(hours=1)
    assert window(shutdown_mode="cut", duration_p99=td(hours=9)) == td(minutes=5)


def test_cooldown_outlasts_the_longer_tasks():
    """A tier that may go to none waits for its tasks first."""
    assert scaling.cooldown(min_replicas=0, duration_p99=td(minutes=20)) == td(minutes=20, seconds=10)
    assert scaling.cooldown(min_replicas=1, duration_p99=td(minutes=20)) is None


def test_heartbeat_is_at_most_half_the_limit():
    """A limit just above a minute gives half of it, were that shorter than 30 s."""
    assert redelivery.heartbeat_timeout(backend="temporal", time_limit=td(seconds=61)) == td(seconds=30)
