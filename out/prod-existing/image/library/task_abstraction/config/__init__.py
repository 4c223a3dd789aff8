"""What the process is told: connection settings, worker settings, the rendered plan."""

from task_abstraction.config.backend import (
    BackendConfig,
    get_default_config,
    load_config_from_env,
    load_config_from_file,
    split_address,
)
from task_abstraction.config.plan import (
    QueuePlan,
    SchedulePlan,
    TierSettings,
    WorkerPlan,
    load_plan,
    load_settings_module,
    parse_plan,
    settings_dir,
)
from task_abstraction.config.redaction import redact, redact_value, remember_secret
from task_abstraction.config.settings import is_production, read_setting, resolve_queues

__all__ = [
    "BackendConfig",
    "QueuePlan",
    "SchedulePlan",
    "TierSettings",
    "WorkerPlan",
    "get_default_config",
    "is_production",
    "load_config_from_env",
    "load_config_from_file",
    "load_plan",
    "load_settings_module",
    "parse_plan",
    "read_setting",
    "redact",
    "redact_value",
    "remember_secret",
    "resolve_queues",
    "settings_dir",
    "split_address",
]
