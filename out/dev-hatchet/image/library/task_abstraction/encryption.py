"""Payload encryption: arguments, results and error text are sealed before they leave a process.

Not sealed, because brokers, engines and operators work with them: task names, queues, ids, idempotency keys, headers,
times and counts.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from task_abstraction.config import BackendConfig, read_setting, remember_secret
from task_abstraction.config.settings import SETTINGS, split_names
from task_abstraction.errors import ConfigurationError, DependencyNotInstalled, PayloadUnreadable

MARK = b"enc:"
"""Begin of everything sealed; JSON never begins so."""
ENVELOPE = "encrypted"
"""Only key of the JSON object that stands for a sealed value."""
_KEY_ID_CHARS = 8
KEYS = "TASK_ENCRYPTION_KEYS"
ACCEPT_PLAIN = "TASK_ENCRYPTION_ACCEPT_PLAIN"


class Codec(Protocol):
    """What encrypts: one key writes, several may read. Safe from any thread."""

    @property
    def key_id(self) -> str:
        """Name of the key that writes; it is not secret."""
        ...

    def encode(self, data: bytes, /) -> bytes:
        """Encrypt; the outcome says by itself which key reads it."""
        ...

    def decode(self, data: bytes, /) -> bytes:
        """Decrypt what any of the reading keys wrote.

        Raises:
            PayloadUnreadable: there is no such key here, or the data was changed.
        """
        ...


def key_id_of(key: str) -> str:
    """Id of a key: the begin of its digest, so that nobody has to name keys, and it tells nothing about them."""
    return hashlib.sha256(key.encode()).hexdigest()[:_KEY_ID_CHARS]


class FernetCodec:
    """AES-128-CBC with HMAC-SHA256 (Fernet): the first key writes, all of them read."""

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            from cryptography.fernet import Fernet  # type: ignore[import-not-found, unused-ignore]
        except ImportError:
            raise DependencyNotInstalled("cryptography", "'cryptography>=44'") from None
        if not keys:
            raise ConfigurationError(f"{KEYS} holds no key. {_NEW_KEY}", source=KEYS)
        self._fernets: dict[bytes, Any] = {}
        for number, key in enumerate(keys, start=1):
            remember_secret(key)
            try:
                self._fernets[key_id_of(key).encode()] = Fernet(key)
            except (ValueError, binascii.Error):
                raise ConfigurationError(
                    f"{KEYS}: key {number} is no Fernet key (32 bytes in URL-safe base64). {_NEW_KEY}", source=KEYS
                ) from None
        self._writer = next(iter(self._fernets))

    @property
    def key_id(self) -> str:
        """Id of the key that writes."""
        return self._writer.decode()

    def encode(self, data: bytes, /) -> bytes:
        """Encrypt: id of the key, then the token."""
        token: bytes = self._fernets[self._writer].encrypt(data)
        return self._writer + base64.urlsafe_b64decode(token)

    def decode(self, data: bytes, /) -> bytes:
        """Decrypt with the key that the data names."""
        from cryptography.fernet import InvalidToken

        name, token = bytes(data[:_KEY_ID_CHARS]), data[_KEY_ID_CHARS:]
        fernet = self._fernets.get(name)
        if fernet is None:
            raise PayloadUnreadable(
                f"it is encrypted with key {name.decode(errors='replace')!r}, and this process reads only "
                f"{', '.join(known.decode() for known in self._fernets)}. Add that key to {KEYS}"
            )
        try:
            plain: bytes = fernet.decrypt(base64.urlsafe_b64encode(token))
        except InvalidToken:
            raise PayloadUnreadable(
                f"it says key {name.decode()}, and that key does not open it: it was changed on its way"
            ) from None
        return plain


_NEW_KEY = (
    "Make one: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"  # a command
)


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals what leaves a process and opens what comes in; without a codec everything stays plain."""

    codec: Codec | None = field(default=None, repr=False)
    accept_plain: bool = False

    @property
    def seals(self) -> bool:
        """Whether payloads are encrypted."""
        return self.codec is not None

    def seal(self, data: bytes) -> bytes:
        """Encrypt bytes, where there is a key."""
        return data if self.codec is None else MARK + self.codec.encode(data)

    def open(self, data: bytes) -> bytes:
        """Decrypt bytes.

        Raises:
            PayloadUnreadable: the key is not here; or they are plain, and this process takes nothing plain.
        """
        if not data.startswith(MARK):
            self.check_plain()
            return data
        if self.codec is None:
            raise PayloadUnreadable(f"it is encrypted, and this process has no key. Set {KEYS} to the keys in use")
        return self.codec.decode(data[len(MARK) :])

    def check_plain(self) -> None:
        """Refuse what is not encrypted where everything has to be.

        Raises:
            PayloadUnreadable: this process has a key, and takes nothing plain.
        """
        if self.codec is not None and not self.accept_plain:
            raise PayloadUnreadable(
                f"it is not encrypted, and this process takes nothing plain. Give {KEYS} to the process that sent it, "
                f"or set {ACCEPT_PLAIN}=1 here while encryption is introduced"
            )

    def seal_text(self, text: str) -> str:
        """Encrypt a text, where there is a key."""
        return text if self.codec is None else MARK.decode() + _to_base64(self.codec.encode(text.encode()))

    def open_text(self, text: str) -> str:
        """Decrypt a text; a plain one stays what it is (errors are also written by brokers and engines).

        Raises:
            PayloadUnreadable: the key is not here.
        """
        return self.open(from_text(text)).decode() if is_sealed(text) else text

    def seal_json(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """Replace a JSON object by one that holds it encrypted, where there is a key."""
        import json

        return value if self.codec is None else {ENVELOPE: self.seal_text(json.dumps(value, default=str))}

    def open_json(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """Undo `seal_json`.

        Raises:
            PayloadUnreadable: the key is not here; or it is plain, and this process takes nothing plain.
        """
        import json

        if isinstance(value, Mapping) and set(value) == {ENVELOPE} and is_sealed(value[ENVELOPE]):
            return json.loads(self.open(from_text(value[ENVELOPE])))
        self.check_plain()
        return value


def _to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def is_sealed(text: object) -> bool:
    """Whether a text is a sealed one."""
    return isinstance(text, str) and text.startswith(MARK.decode())


def from_text(text: str) -> bytes:
    """The sealed bytes of a sealed text.

    Raises:
        PayloadUnreadable: it was cut off or changed.
    """
    try:
        return MARK + base64.urlsafe_b64decode(text.removeprefix(MARK.decode()))
    except (ValueError, binascii.Error):
        raise PayloadUnreadable("its text was cut off or changed on its way") from None


def _keys(config: BackendConfig, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Keys by configuration, variable or file: separated by commas, blanks or lines, the writing one first."""
    params = config.connection_params
    text = params.get("encryption_keys") or read_setting("encryption_keys", environ)
    place = params.get("encryption_keys_file") or read_setting("encryption_keys_file", environ)
    if text and place:
        raise ConfigurationError(f"{KEYS} and {KEYS}_FILE are both set. Keep one of them", source=KEYS)
    if place:
        try:
            text = Path(str(place)).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{KEYS}_FILE: {place} cannot be read: {error}", source=f"{KEYS}_FILE") from None
    found = split_names(",".join(str(text or "").split()))
    if not found and (place or text):  # never in clear where somebody has asked for encryption
        source = f"{KEYS}_FILE: {place}" if place else KEYS
        raise ConfigurationError(f"{source} holds no key. {_NEW_KEY}", source=source.partition(":")[0])
    if not found:
        _refuse_empty(params, environ)
    return found


def _refuse_empty(params: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Refuse what is named and says nothing: `${KEYS}` of a shell or of Compose where KEYS is not set."""
    for name in ("encryption_keys", "encryption_keys_file", "encryption_codec"):
        variable = SETTINGS[name].names[0]
        if variable in environ or params.get(name) is not None:
            raise ConfigurationError(
                f"{variable} is set and empty: everything would be sent in clear. Give it its value; where nothing is "
                "to be encrypted, remove it",
                source=variable,
            )


def _named_codec(name: str) -> Codec:
    module, _, factory = name.partition(":")
    try:
        make: Callable[[], Codec] = getattr(import_module(module), factory)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"TASK_ENCRYPTION_CODEC: '{name}' cannot be imported: {error}. Write module:factory",
            source="TASK_ENCRYPTION_CODEC",
        ) from error
    return make()


def sealer_of(config: BackendConfig, environ: Mapping[str, str] | None = None) -> Sealer:
    """The sealer of a process: parameters of the configuration first, then the environment.

    Raises:
        ConfigurationError: a key is none, the file cannot be read, or a setting of encryption is there and empty; the
            message never shows a key.
        DependencyNotInstalled: the extra `encryption` is absent.
    """
    source = os.environ if environ is None else environ
    accept_plain = bool(read_setting("encryption_accept_plain", source))
    given = config.connection_params.get("codec")
    if given is not None:
        return Sealer(cast("Codec", given), accept_plain)
    named = read_setting("encryption_codec", source)
    if named:
        return Sealer(_named_codec(named), accept_plain)
    keys = _keys(config, source)
    return Sealer(FernetCodec(keys), accept_plain) if keys else Sealer()
