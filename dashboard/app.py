"""The dashboard: navigation and the sidebar. Pages only lay out what the views return."""

from __future__ import annotations

import streamlit as st
from sqlalchemy.exc import OperationalError

from aispend.errors import AispendError
from dashboard import changes, data, economics, layout, models, outlook, overview, recommendations, savings

SIDEBAR_PIXELS = 220


def main() -> None:
    """Serve one run of the app."""
    st.set_page_config(
        page_title="aispend", page_icon=str(data.ICON), layout="wide", initial_sidebar_state=SIDEBAR_PIXELS
    )
    st.logo(str(data.LOGO), size="large")
    st.html(data.STYLE)
    pages = [
        st.Page(overview.page, title="Overview", url_path="overview", default=True),
        st.Page(models.page, title="Models", url_path="models"),
        st.Page(changes.page, title="Changes", url_path="changes"),
        st.Page(outlook.page, title="Outlook", url_path="outlook"),
        st.Page(economics.page, title="Economics", url_path="economics"),
        st.Page(recommendations.page, title="Recommendations", url_path="recommendations"),
        st.Page(savings.page, title="Savings", url_path="savings"),
    ]
    chosen = st.navigation(pages)
    try:
        data.sidebar()
        chosen.run()
    except AispendError as error:
        st.error(layout.markdown_safe(error.what))
        st.caption(layout.markdown_safe(" ".join(part for part in (error.where, error.next_step) if part)))
    except OperationalError as error:
        st.error("The database does not answer.")
        st.caption(layout.markdown_safe(f"{error.orig} Start it again with: aispend dashboard"))


main()
