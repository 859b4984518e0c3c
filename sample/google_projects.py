"""The company's projects in Google Cloud: ids, which people write, and numbers, which the bill and the services use."""

from __future__ import annotations

GCP_VISION, GCP_GENAI, GCP_DATA = "lk-vision-prod", "lk-genai-apps", "lk-analytics"
PROJECTS = {GCP_VISION: "Vision production", GCP_GENAI: "Generative apps", GCP_DATA: "Analytics"}
"""Their names by id."""
NUMBERS = {GCP_VISION: "604417092283", GCP_GENAI: "604417092284", GCP_DATA: "604417092285"}
"""Their numbers by id."""
