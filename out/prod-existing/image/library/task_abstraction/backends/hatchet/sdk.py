"""The SDK's configuration, made of our connection alone: no `.env` file of the working directory is read."""

from hatchet_sdk import Hatchet
from hatchet_sdk.config import ClientConfig, ClientTLSConfig, HealthcheckConfig

from task_abstraction.backends.hatchet.connection import Connection

LOG_CAPTURE = "HATCHET_CLIENT_DISABLE_LOG_CAPTURE"


def client_config(connection: Connection, *, healthcheck: HealthcheckConfig | None = None) -> ClientConfig:
    """Settings of an SDK client; what is not given here comes from the SDK's own HATCHET_CLIENT_ variables."""
    tls = ClientTLSConfig(_env_file=None, strategy=connection.tls_strategy)
    if connection.ca_file is not None:
        tls.root_ca_file = connection.ca_file
    config = ClientConfig(
        _env_file=None,
        token=connection.token,
        tenant_id=connection.tenant_id,
        server_url=connection.server_url,
        host_port=connection.host_port,
        namespace=connection.namespace,
        tls_config=tls,
        healthcheck=healthcheck or HealthcheckConfig(_env_file=None),
    )
    if "disable_log_capture" not in config.model_fields_set:
        # Captured log lines go to the engine as they are: unredacted.
        config.disable_log_capture = True
    return config


def new_client(config: ClientConfig) -> Hatchet:
    """An SDK client; it connects at its first call."""
    return Hatchet(config=config)
