"""Payload encryption: keys, rotation, what is refused, and that no message shows a key."""

import sys

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from task_abstraction import PayloadUnreadable, UnsupportedFeature
from task_abstraction.capabilities import Capability
from task_abstraction.config import BackendConfig, redact
from task_abstraction.encryption import MARK, FernetCodec, Sealer, key_id_of, sealer_of
from task_abstraction.errors import ConfigurationError, DependencyNotInstalled
from task_abstraction.models import Feature, Support
from tests.unit.library.fake_backend import FakeBackend

REFUSED = Capability("elsewhere", Feature.ENCRYPTION, Support.REFUSED, "no place for it", "Use another backend")
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def of(**environ):
    """The sealer that an environment describes."""
    return sealer_of(BackendConfig("celery", {}), environ)


class TestSealing:
    """What leaves a process, and what comes in."""

    @given(data=st.binary(max_size=200))
    def test_what_is_sealed_opens_again(self, data):
        """Any bytes survive, and none of a useful length are readable on the way."""
        sealer = of(TASK_ENCRYPTION_KEYS=NEW)
        sealed = sealer.seal(data)

        assert sealer.open(sealed) == data
        assert sealed.startswith(MARK)
        assert len(data) < 12 or data not in sealed

    def test_values_and_texts_are_sealed_alike(self):
        """JSON values and error texts have a form that JSON can carry."""
        sealer = of(TASK_ENCRYPTION_KEYS=NEW)

        assert sealer.open_json(sealer.seal_json({"args": [1, "x"]})) == {"args": [1, "x"]}
        assert sealer.open_text(sealer.seal_text("ValueError: né")) == "ValueError: né"
        assert "args" not in str(sealer.seal_json({"args": [1]}))

    def test_without_a_key_everything_stays_what_it_is(self):
        """No setting, no change."""
        assert of().seal(b"x") == of().open(b"x") == b"x"
        assert of().seal_json({"a": 1}) == {"a": 1}
        assert not of().seals

    def test_a_new_key_writes_and_the_old_one_still_reads(self):
        """The first key writes; during a rotation both sides read what the other one wrote."""
        before, during, after = (of(TASK_ENCRYPTION_KEYS=keys) for keys in (OLD, f"{NEW},{OLD}", NEW))

        assert during.open(before.seal(b"x")) == b"x"
        assert after.open(during.seal(b"x")) == b"x"
        with pytest.raises(PayloadUnreadable) as error:
            after.open(before.seal(b"x"))
        assert str(error.value) == (
            f"the payload cannot be read: it is encrypted with key '{key_id_of(OLD)}', and this process reads only "
            f"{key_id_of(NEW)}. Add that key to TASK_ENCRYPTION_KEYS"
        )

    @pytest.mark.parametrize("position", [4, 13, 30, -1])
    def test_a_changed_byte_is_noticed(self, position):
        """The key's id, the token and its signature: a change anywhere is refused."""
        sealer = of(TASK_ENCRYPTION_KEYS=NEW)
        sealed = bytearray(sealer.seal(b"pay 10"))
        sealed[position] ^= 1

        with pytest.raises(PayloadUnreadable):
            sealer.open(bytes(sealed))

    @pytest.mark.parametrize("text", ["enc:", "enc:abc", "enc:***", "enc:" + "A" * 64], ids=repr)
    def test_what_only_looks_sealed_is_refused(self, text):
        """A text that was cut off is an error in our words, not one of base64."""
        with pytest.raises(PayloadUnreadable):
            of(TASK_ENCRYPTION_KEYS=NEW).open_text(text)

    def test_a_missing_key_and_a_plain_payload_say_what_to_do(self):
        """Neither direction passes silently; plain payloads may be let in while encryption is introduced."""
        keyed, sealed = of(TASK_ENCRYPTION_KEYS=NEW), of(TASK_ENCRYPTION_KEYS=NEW).seal(b"x")

        with pytest.raises(PayloadUnreadable, match=r"this process has no key\. Set TASK_ENCRYPTION_KEYS"):
            of().open(sealed)
        with pytest.raises(PayloadUnreadable, match="Give TASK_ENCRYPTION_KEYS to the process that sent it"):
            keyed.open_json({"args": []})
        lenient = of(TASK_ENCRYPTION_KEYS=NEW, TASK_ENCRYPTION_ACCEPT_PLAIN="1")
        assert lenient.open_json({"args": []}) == {"args": []}


class TestKeys:
    """Where keys come from."""

    def test_keys_come_from_a_mounted_file(self, tmp_path):
        """One key in each line, the writing one first; commas and blanks separate as well."""
        place = tmp_path / "keys"
        place.write_text(f"{NEW}\n{OLD}\n")

        sealer = of(TASK_ENCRYPTION_KEYS_FILE=str(place))
        assert sealer.codec.key_id == key_id_of(NEW)
        assert sealer.open(of(TASK_ENCRYPTION_KEYS=OLD).seal(b"x")) == b"x"

    def test_a_file_from_another_system_holds_the_same_keys(self, tmp_path):
        """Line ends of Windows and a key that is named twice change nothing."""
        place = tmp_path / "keys"
        place.write_bytes(f"{NEW}\r\n{OLD}\r\n{NEW}\r\n".encode())

        sealer = of(TASK_ENCRYPTION_KEYS_FILE=str(place))
        assert sealer.codec.key_id == key_id_of(NEW)
        assert sealer.open(of(TASK_ENCRYPTION_KEYS=OLD).seal(b"x")) == b"x"

    @pytest.mark.parametrize("text", ["", "\n", ",\n", " , "], ids=repr)
    def test_a_file_without_a_key_is_refused(self, tmp_path, text):
        """Whoever names a file wants encryption: nothing goes out in clear because it is empty."""
        place = tmp_path / "keys"
        place.write_text(text)

        with pytest.raises(ConfigurationError, match=rf"^TASK_ENCRYPTION_KEYS_FILE: {place} holds no key"):
            of(TASK_ENCRYPTION_KEYS_FILE=str(place))
        with pytest.raises(ConfigurationError, match="holds no key"):
            sealer_of(BackendConfig("celery", {"encryption_keys": ","}), {})

    @pytest.mark.parametrize("name", ["TASK_ENCRYPTION_KEYS", "TASK_ENCRYPTION_KEYS_FILE", "TASK_ENCRYPTION_CODEC"])
    def test_an_empty_variable_is_refused(self, name):
        """A shell makes `${KEYS}` empty where nobody set KEYS: encryption was wanted, and nothing goes out in clear."""
        with pytest.raises(ConfigurationError, match=rf"^{name} is set and empty: .* in clear\. Give it its value"):
            of(**{name: ""})
        with pytest.raises(ConfigurationError, match="is set and empty"):
            sealer_of(BackendConfig("celery", {"encryption_keys": ""}), {})

    def test_an_empty_variable_beside_a_key_changes_nothing(self, tmp_path):
        """Whoever fills one of the variables and leaves the others empty is encrypted."""
        (tmp_path / "keys").write_text(NEW)
        beside = dict.fromkeys(("TASK_ENCRYPTION_KEYS_FILE", "TASK_ENCRYPTION_CODEC"), "")

        assert of(TASK_ENCRYPTION_KEYS=NEW, **beside).codec.key_id == key_id_of(NEW)
        assert of(TASK_ENCRYPTION_KEYS="", TASK_ENCRYPTION_KEYS_FILE=str(tmp_path / "keys")).seals

    @pytest.mark.parametrize(
        ("environ", "message"),
        [
            ({"TASK_ENCRYPTION_KEYS": f"{NEW},nonsense-nonsense"}, "key 2 is no Fernet key"),
            ({"TASK_ENCRYPTION_KEYS": ","}, "TASK_ENCRYPTION_KEYS holds no key. Make one: python -c"),
            ({"TASK_ENCRYPTION_KEYS_FILE": "/nowhere/keys"}, "TASK_ENCRYPTION_KEYS_FILE: /nowhere/keys cannot be read"),
            ({"TASK_ENCRYPTION_KEYS": NEW, "TASK_ENCRYPTION_KEYS_FILE": "/x"}, "are both set. Keep one of them"),
            ({"TASK_ENCRYPTION_CODEC": "nowhere:codec"}, "TASK_ENCRYPTION_CODEC: 'nowhere:codec' cannot be imported"),
        ],
        ids=["second key", "no key", "no file", "both", "codec"],
    )
    def test_what_is_no_key_is_refused_at_the_start(self, environ, message):
        """The message names the variable and the remedy, and shows no key."""
        with pytest.raises(ConfigurationError) as error:
            of(**environ)

        assert message in str(error.value)
        assert "nonsense-nonsense" not in str(error.value)
        assert NEW not in str(error.value)

    def test_a_codec_of_ones_own_is_named(self, monkeypatch):
        """A key management service takes the place of Fernet."""

        class Reversing:
            key_id = "r1"
            encode = decode = staticmethod(lambda data: data[::-1])

        monkeypatch.setattr(sys.modules[__name__], "reversing", Reversing, raising=False)
        assert of(TASK_ENCRYPTION_CODEC=f"{__name__}:reversing").seal(b"abc") == MARK + b"cba"
        assert sealer_of(BackendConfig("celery", {"codec": Reversing()}), {}).seal(b"abc") == MARK + b"cba"

    def test_the_missing_extra_is_named(self, monkeypatch):
        """Without the package the message says how to install it."""
        monkeypatch.setitem(sys.modules, "cryptography.fernet", None)
        with pytest.raises(DependencyNotInstalled, match="pip install 'cryptography>=44'"):
            FernetCodec([NEW])

    @pytest.mark.parametrize("unsupported", ["", "warn"])
    @pytest.mark.parametrize("table", [(), (REFUSED,)], ids=["undeclared", "refused"])
    def test_a_backend_that_cannot_encrypt_refuses_the_keys(self, monkeypatch, table, unsupported):
        """Nothing is ever sent in clear while keys are set, whatever else may pass with a warning."""
        monkeypatch.setenv("TASK_ENCRYPTION_KEYS", NEW)
        monkeypatch.setenv("TASK_UNSUPPORTED", unsupported)

        class Elsewhere(FakeBackend):
            backend_type = "elsewhere"
            capabilities = table

        backend = Elsewhere(BackendConfig("elsewhere", {}))
        backend.declare("x")
        with pytest.raises(UnsupportedFeature, match="cannot honour 'encryption'"):
            backend.submit("x")
        assert backend.sent == []

    def test_keys_are_in_no_output(self):
        """Neither the repr of settings, sealer and codec nor any log line shows a key."""
        config = BackendConfig("celery", {"encryption_keys": NEW})
        sealer = sealer_of(config, {})

        assert NEW not in f"{config!r} {config} {sealer!r} {sealer.codec!r} {Sealer(sealer.codec)}"
        assert NEW not in redact(f"starting with {NEW}")
