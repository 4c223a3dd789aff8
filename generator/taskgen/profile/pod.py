"""What a profile states about the pods of a tier, or of all tiers."""

from taskgen.profile.base import EnvName, Free, Model, Name, Text
from taskgen.profile.scalars import Cpu, Size


class PodResources(Model):
    """Resources set by hand instead of derived; rules check them against the facts."""

    cpu: Cpu | None = None
    """request"""
    cpu_limit: Cpu | None = None
    """limit; by default none is rendered"""
    memory: Size | None = None
    """request and limit"""
    ephemeral_storage: Size | None = None
    """request and limit"""


Toleration = dict[str, Text]
NamedObjects = dict[Name, dict[str, Free] | None]


class Pod(Model):
    """The rest of the pod; mappings are keyed by name."""

    resources: PodResources = PodResources()
    """resources set by hand"""
    node_selector: dict[str, Text | None] = {}
    """labels of the nodes that may run it"""
    tolerations: dict[Name, Toleration | None] = {}
    """taints that it bears"""
    annotations: dict[str, Text | None] = {}
    """annotations of the pod"""
    labels: dict[str, Text | None] = {}
    """further labels of the pod"""
    service_account_annotations: dict[str, Text | None] = {}
    """annotations of the service account, such as a cloud role"""
    security: dict[str, Free] = {}
    """deviations of the security context"""
    volumes: NamedObjects = {}
    """Kubernetes volumes by name, with mount_path beside the source"""
    init_containers: NamedObjects = {}
    """containers that run before the worker"""
    sidecars: NamedObjects = {}
    """containers that run beside the worker and outlive its drain"""
    env_from_node: dict[EnvName, Text | None] = {}
    """environment from fields of the pod, such as spec.nodeName"""
