from __future__ import annotations

import pytest
from traitlets import TraitError

from jupyter_mcp.config import Settings, SettingsTraits


def test_the_traits_defaults_are_the_settings_defaults() -> None:
    assert SettingsTraits().to_settings() == Settings()


def test_every_setting_is_a_documented_trait() -> None:
    traits = SettingsTraits.class_traits(config=True)
    assert set(traits) == set(Settings.__slots__)
    assert all(trait.help for trait in traits.values())


def test_lists_become_tuples() -> None:
    assert SettingsTraits(toolsets=["jobs"]).to_settings().toolsets == ("jobs",)


def test_a_value_out_of_range_is_refused_where_it_is_set() -> None:
    with pytest.raises(TraitError):
        SettingsTraits(threads=0)


def test_a_rate_that_is_none_is_refused_where_it_is_set() -> None:
    with pytest.raises(TraitError, match=r"workflow_rate cannot be 'fast'.*60/minute"):
        SettingsTraits(workflow_rate="fast")
    assert SettingsTraits(workflow_rate="60/minute").to_settings().workflow_rate == "60/minute"
