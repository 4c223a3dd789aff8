"""The price table."""

import pytest

from taskgen.simulation.cost import PriceError, Prices, read_prices


def test_cost_is_time_times_request():
    """Replica-hours x (cores x price + GiB x price)."""
    assert Prices("EUR", 0.04, 0.005).cost(pod_seconds=7200, vcpu=0.5, memory_gib=2) == pytest.approx(0.06)


def test_own_table(tmp_path):
    """A user's table replaces the prices of the profile."""
    path = tmp_path / "prices.toml"
    path.write_text('currency = "EUR"\nvcpu_hour = 0.02\ngib_hour = 0\n')

    assert read_prices(path) == Prices("EUR", 0.02, 0.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("vcpu_hour = 0.02\n", ": gib_hour must be a price for an hour from 0 on, such as 0.04", id="one"),
        pytest.param("vcpu_hour = -1\ngib_hour = 0\n", ": vcpu_hour must be a price", id="negative"),
        pytest.param("vcpu_hour = true\ngib_hour = 0\n", ": vcpu_hour must be a price", id="no number"),
        pytest.param("vcpu = 1\n", ": unknown vcpu: the keys are currency, vcpu_hour, gib_hour", id="unknown"),
        pytest.param("vcpu_hour: 1\n", ": no TOML: ", id="no TOML"),
        pytest.param("currency = 1\nvcpu_hour = 1\ngib_hour = 1\n", ": currency must be text", id="currency"),
    ],
)
def test_errors_name_the_file(tmp_path, text, message):
    """A wrong table is named with what is wrong."""
    path = tmp_path / "prices.toml"
    path.write_text(text)

    with pytest.raises(PriceError) as error:
        read_prices(path)

    assert str(error.value).startswith(f"--prices {path}{message}")


def test_missing_table(tmp_path):
    """A table that is not there is named."""
    with pytest.raises(PriceError, match=r"--prices .*nothing\.toml: no such file or directory"):
        read_prices(tmp_path / "nothing.toml")
