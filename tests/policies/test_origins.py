"""Where each value of a policy comes from."""

from __future__ import annotations

from policies.keys import KEYS
from policies.load import load_policy
from policies.origins import Origin, settings_of


def origins(organisation: str | None = None, repository: str | None = None) -> dict[str, tuple[object, Origin]]:
    effective = load_policy(organisation=organisation, repository=repository)
    rows = settings_of(load_policy(), load_policy(organisation=organisation), effective)
    return {row.key: (row.value, row.origin) for row in rows}


def test_every_key_has_a_value_and_without_files_all_are_shipped() -> None:
    found = origins()
    assert set(found) == set(KEYS)
    assert {origin for _value, origin in found.values()} == {Origin.SHIPPED}


def test_a_value_names_the_last_layer_that_set_it() -> None:
    found = origins("[caps]\nmax_units = 50\nconcurrency = 8\n", "[caps]\nmax_units = 20\n")
    assert found["caps.max_units"] == (20, Origin.REPOSITORY)
    assert found["caps.concurrency"] == (8, Origin.ORGANISATION)
    assert found["caps.max_seconds"][1] is Origin.SHIPPED


def test_what_the_organisation_states_is_its_own_also_where_it_equals_the_default() -> None:
    shipped = load_policy().max_units
    assert origins(f"[caps]\nmax_units = {shipped}\n")["caps.max_units"] == (shipped, Origin.ORGANISATION)


def test_what_a_repository_asks_for_in_vain_is_not_its_own() -> None:
    found = origins("[caps]\nmax_units = 10\n", "[caps]\nmax_units = 100\n")
    assert found["caps.max_units"] == (10, Origin.ORGANISATION)
