"""The dashboard: navigation and the sidebar. Pages only lay out what the views return."""

from __future__ import annotations

import streamlit as st

from aispend.errors import AispendError
from dashboard import data, models, overview, recommendations


def main() -> None:
    """Serve one run of the app."""
    st.set_page_config(page_title="aispend", page_icon=str(data.ICON), layout="wide")
    st.logo(str(data.LOGO), size="large")
    pages = [
        st.Page(overview.page, title="Overview", url_path="overview", default=True),
        st.Page(models.page, title="Models", url_path="models"),
        st.Page(recommendations.page, title="Recommendations", url_path="recommendations"),
    ]
    chosen = st.navigation(pages)
    try:
        data.sidebar()
        chosen.run()
    except AispendError as error:
        st.error(error.what)
        if error.where or error.next_step:
            st.caption(f"{error.where}  {error.next_step}".strip())


main()
