"""Units in FOCUS's format: only the spelling changes."""

from __future__ import annotations

import pytest

from reports.focus_units import focus_unit


@pytest.mark.parametrize(
    ("written", "spelt"),
    [
        ("Hours", "Hours"),
        ("Hrs", "Hours"),
        ("hour", "Hours"),
        ("1 Hour", "Hours"),
        ("100 Hours", "100 Hours"),
        ("GB-Mo", "GB-Months"),
        ("GB/Month", "GB/Month"),
        ("1 GB/Month", "GB/Month"),
        ("1/Hour", "Units/Hour"),
        ("gibibyte hour", "GiB-Hours"),
        ("gibibyte month", "GiB-Months"),
        ("tebibyte", "TiB"),
        ("Terabytes", "TB"),
        ("byte-seconds", "B-Seconds"),
        ("GIGABYTE PER HOUR", "GB/Hour"),
        ("OCPU per Hour", "OCPU/Hour"),
        ("seconds", "Seconds"),
        ("1K tokens", "1000 Tokens"),
        ("1M Tokens", "1000000 Tokens"),
        ("10K", "10000 Units"),
        ("1 KB", "KB"),
        ("Lambda-GB-Second", "Lambda GB-Seconds"),
        ("vCPU-Hours", "vCPU-Hours"),
        ("API Requests", "API Requests"),
        ("requests", "Requests"),
        ("USD", "USD"),
    ],
)
def test_spelt_as_focus_has_it(written: str, spelt: str) -> None:
    assert focus_unit(written) == spelt


@pytest.mark.parametrize("unit", ["10K/Month", "10 GB/Month", "%", "1.5 Units", "Zeichen (Tausend)"])
def test_what_has_no_such_form_stays_as_written(unit: str) -> None:
    assert focus_unit(unit) == unit
