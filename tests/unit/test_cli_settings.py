"""docs/settings.md is what the settings classes say."""

from __future__ import annotations

from naomesh.cli import settings_table
from naomesh.settings import Settings


def test_the_documented_table_is_up_to_date(project_root):
    """The file equals what is made from the classes: python -m naomesh.cli.settings_table docs/settings.md"""
    assert (project_root / "docs/settings.md").read_text(encoding="utf-8") == settings_table.table()


def test_every_setting_is_in_it():
    """Each field of each class has a row, with a meaning."""
    rows = [line.split(" | ") for line in settings_table.table().splitlines() if line.startswith("| `NAOMESH")]
    fields = [field for owner in settings_table.classes() for field in owner.model_fields]
    assert len(rows) == len(fields)
    assert all(len(meaning) > 10 for _name, _default, meaning in rows)


def test_the_classes_are_those_that_are_read():
    """Every subsystem that `Settings` offers is in the table."""
    offered = {type(getattr(Settings(), name)) for name in vars(Settings) if not name.startswith("_")}
    assert set(settings_table.classes()) == offered


def test_the_names_of_2023_are_named():
    """A setting that had a name in 2023 still has it, and the table says so."""
    assert "`NAOMESH_ORCHESTRATOR_MINIMUM_PRODUCTION_SOLAR_PANELS`" in settings_table.table()
