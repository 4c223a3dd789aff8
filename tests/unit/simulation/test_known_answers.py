"""All of known-answers.json: closed forms, the algorithm of the autoscaler, and the event loop itself."""

import json
import math
from datetime import timedelta
from pathlib import Path

import pytest

from taskgen.plan import burns, queueing, replicas, scaling
from taskgen.simulation import durations, hpa
from taskgen.simulation.arrivals import Load, Piece
from taskgen.simulation.engine import simulate
from taskgen.simulation.model import Goal, Scaler, TierModel, Worker

DOCUMENT = json.loads((Path(__file__).parents[2] / "fixtures" / "known-answers.json").read_text("utf-8"))


def seconds(value):
    """A duration of a number."""
    return timedelta(seconds=value)


def rules(*, select="Max", policies, window=0.0):
    """Rules of one direction from a case."""
    return hpa.Rules(
        window_s=window,
        policies=tuple(hpa.Policy(one["type"], one["value"], one.get("periodSeconds", 60)) for one in policies),
        select=select,
    )


def behavior_of(text):
    """A behavior from a case: absent, the defaults, or the defaults with one direction replaced."""
    if text is None:
        return None
    if text == "default":
        return hpa.Behavior()
    up, down = text.get("scaleUp"), text.get("scaleDown")
    return hpa.Behavior(
        rules(policies=up["policies"]) if up else hpa.UP,
        rules(policies=down["policies"], window=down["stabilizationWindowSeconds"]) if down else hpa.DOWN,
    )


def erlang_c(arrival_rate, service_time, servers):
    """M/M/c."""
    load = arrival_rate * service_time
    wait = queueing.mean_wait(servers, arrival_rate, service_time)
    return {
        "offered_load": load,
        "utilisation": load / servers,
        "stable": load < servers,
        "p_wait": queueing.erlang_c(servers, load),
        "mean_wait": wait if math.isfinite(wait) else None,
        "mean_queue_length": arrival_rate * wait,
        "mean_in_system": arrival_rate * wait + load,
        "p_wait_longer_than": {
            t: queueing.wait_tail(servers, arrival_rate, service_time, float(t)) for t in ("10", "30")
        },
    }


def min_servers(arrival_rate, service_time, wait, probability):
    """Fewest slots for a goal."""
    servers = queueing.slots_needed(arrival_rate, service_time, 1.0, wait, probability)
    return {"servers": servers, "p_wait_longer": queueing.wait_tail(servers, arrival_rate, service_time, wait)}


def single_server(arrival_rate, service_time, service_cv2=1.0):
    """M/M/1 and M/G/1."""
    wait = queueing.mean_wait(1, arrival_rate, service_time, cv2=service_cv2)
    return {
        "utilisation": arrival_rate * service_time,
        "mean_wait": wait,
        "mean_queue_length": arrival_rate * wait,
        "mean_in_system": arrival_rate * (wait + service_time),
    }


def allen_cunneen(arrival_rate, service_time, servers, arrival_cv2, service_cv2):
    """G/G/c, approximately."""
    return {
        "mean_wait": queueing.mean_wait(servers, arrival_rate, service_time, arrival_cv2=arrival_cv2, cv2=service_cv2)
    }


def lognormal_fit(p50, p99):
    """Mean and variation from two quantiles."""
    mean, cv2 = queueing.lognormal(p50, p99)
    return {"sigma": math.sqrt(math.log(cv2 + 1)), "mean": mean, "cv2": cv2}


def average_value(status_replicas, total, target, tolerance):
    """External metric, AverageValue, before and since 1.33."""

    def propose(*, old):
        return hpa.average_value(
            replicas=status_replicas, total=total, target=target, up=tolerance, down=tolerance, until_1_32=old
        )

    new, old = propose(old=False), propose(old=True)
    return {"proposed": new, "proposed_since_1.33": new, "proposed_until_1.32": old}


def external_value(current_replicas, ready_replicas, total, target, tolerance):
    """External metric, Value."""
    proposed = hpa.value(
        replicas=current_replicas, ready=ready_replicas, total=total, target=target, up=tolerance, down=tolerance
    )
    return {"proposed": proposed}


def combine(current_replicas, proposals, failed_metrics):
    """Several metrics."""
    desired = hpa.combine(current_replicas, proposals, failed=failed_metrics)
    return {"desired": desired, "changed": desired not in (None, current_replicas)}


def bounds(current_replicas, min_replicas, max_replicas):
    """Outside of the bounds."""
    desired = hpa.bounds(current_replicas, least=min_replicas, most=max_replicas)
    return {"desired": desired, "scaling_active": current_replicas != 0, "metrics_read": desired is None}


def limit(function, current_replicas, policies, select_policy, added_in_period, deleted_in_period):
    """How far one step may go."""
    found = function(
        current_replicas,
        rules(select=select_policy, policies=policies),
        added=[hpa.Change(0.0, added_in_period)],
        deleted=[hpa.Change(0.0, deleted_in_period)],
        now=1.0,
    )
    return {"limit": found}


def stabilise(current_replicas, desired, earlier, up_window, down_window):
    """Both windows."""
    past = [hpa.Recommendation(-one["age_seconds"], one["desired"]) for one in earlier]
    return {"desired": hpa.stabilise(current_replicas, desired, past, now=0, up_s=up_window, down_s=down_window)}


def ladder(start, desired, behavior, sync_period, max_replicas=1000, min_replicas=1, steps=None):
    """Syncs until the desired size, or some syncs."""
    scaler = hpa.Autoscaler(least=min_replicas, most=max_replicas, behavior=behavior_of(behavior))
    sizes = [start]
    while (len(sizes) <= steps) if steps else sizes[-1] != desired:
        sizes.append(scaler.sync(len(sizes) * sync_period, sizes[-1], [desired]))
    return {"replicas": sizes}


def min_replicas(arrival_rate, service_time, wait, probability, concurrency):
    """Rmin."""
    slots = queueing.slots_needed(arrival_rate, service_time, 1.0, wait, probability)
    found = replicas.min_replicas(slots_for_goal=slots, concurrency=concurrency, environment="prod", replicas="scaled")
    return {"servers": slots, "Rmin": found}


def max_replicas(peak_rate, service_time, headroom, concurrency):
    """Rmax."""
    assert headroom == replicas.HEADROOM
    found = replicas.max_replicas(
        peak=peak_rate,
        mean_duration=seconds(service_time),
        concurrency=concurrency,
        min_replicas=1,
        replicas="scaled",
        environment="prod",
    )
    return {"Rmax": found}


def reaction_latency(metric_lag, hpa_sync, up_window, pod_start, polling_interval_from_zero):
    """The plan's latency, whose lag is that of the exporter."""
    assert seconds(hpa_sync) == scaling.HPA_SYNC
    planned = scaling.reaction_latency(up_window=seconds(up_window), pod_start=seconds(pod_start))
    other_lag = seconds(metric_lag) - scaling.EXPORTER_CACHE + seconds(polling_interval_from_zero)
    return {"L": (planned + other_lag).total_seconds()}


def target_waiting(concurrency, service_time, wait, latency):
    """T1."""
    target = scaling.backlog_target(
        concurrency=concurrency,
        wait_goal=seconds(wait),
        reaction_latency=seconds(latency),
        mean_duration=seconds(service_time),
    )
    return {"T1": target}


def target_in_flight(concurrency, utilisation):
    """T2, and what a scaler of whole numbers takes."""
    assert utilisation == scaling.IN_FLIGHT_SHARE
    target = scaling.in_flight_target(concurrency=concurrency)
    return {"T2": target, "T2_integer": max(1, math.floor(target))}


def burn_rate(period_days, window_hours, budget_share):
    """Factors of the burn alerts: share of the budget x period / window."""
    (factor,) = (burn.factor for burn in burns.BURNS if burn.hours == window_hours)
    assert factor == pytest.approx(budget_share * period_days * 24 / window_hours)
    return {"factor": factor}


def simulated(*, arrival_rate, service_time, pods, concurrency, seeds, **more):
    """The event loop with a fixed size."""
    assert (more["service"], more["autoscaler"]) == ("exponential", None)
    tier = TierModel(
        name="queue",
        table=durations.exponential(service_time),
        worker=Worker(slots=concurrency),
        scaler=Scaler(kind="fixed", least=pods, most=pods),
        goal=Goal(quantile=0.99, wait_s=30),
        warmup_s=more["warmup_seconds"],
    )
    load = Load((Piece(more["horizon_seconds"], arrival_rate),))
    means = []
    for seed in seeds:
        run = simulate(tier, load, seed=seed)
        means.append(sum(run.waits[run.first_wait :]) / run.measured / durations.SECOND)
    return {"mean_wait": sum(means) / len(means)}


KINDS = {
    "erlang_c": erlang_c,
    "min_servers": min_servers,
    "mm1": single_server,
    "mg1": single_server,
    "allen_cunneen": allen_cunneen,
    "little": lambda arrival_rate, mean_time_in_system: {"mean_in_system": arrival_rate * mean_time_in_system},
    "hpa_external_average_value": average_value,
    "hpa_external_value": external_value,
    "hpa_combine": combine,
    "hpa_bounds": bounds,
    "hpa_up_limit": lambda **inputs: limit(hpa.up_limit, **inputs),
    "hpa_down_limit": lambda **inputs: limit(hpa.down_limit, **inputs),
    "hpa_stabilise": stabilise,
    "hpa_ladder": ladder,
    "target_waiting": target_waiting,
    "target_in_flight": target_in_flight,
    "min_replicas": min_replicas,
    "max_replicas": max_replicas,
    "reaction_latency": reaction_latency,
    "lognormal_fit": lognormal_fit,
    "burn_rate": burn_rate,
    "burn_rate_floor": lambda factor: {"lowest_objective": 1 - 1 / factor},
    "simulate": simulated,
}


def same(found, expected, relative):
    """Whether a value is the expected one: numbers within the tolerance, whole numbers and the rest exactly."""
    if isinstance(expected, dict):
        return all(same(found[key], value, relative) for key, value in expected.items())
    if isinstance(expected, float) and relative is not None:
        return abs(found - expected) <= relative * abs(expected)
    return found == expected


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in DOCUMENT["cases"]])
def test_known_answer(case):
    """The answer is the known one, within the case's tolerance."""
    found = KINDS[case["kind"]](**case["inputs"])

    found = {key: found[key] for key in case["expected"]}
    assert same(found, case["expected"], case["tolerance"].get("relative")), (found, case["expected"])


def test_every_kind_of_case_is_known():
    """No kind is left out."""
    assert {case["kind"] for case in DOCUMENT["cases"]} == set(KINDS)
