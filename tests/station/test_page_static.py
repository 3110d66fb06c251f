"""The page's own files: for browsers of 2020, under its own policy, and from no other host."""

import re
from pathlib import Path

STATIC = Path(__file__).parents[2] / "station" / "goodpart_station" / "page" / "static"


def test_browsers_of_2020_understand_the_script():
    script, style, page = ((STATIC / f"page.{ending}").read_text() for ending in ("js", "css", "html"))
    for young in (
        "?.",
        "??",
        "||=",
        "&&=",
        ".replaceAll(",
        ".at(",
        ".replaceChildren(",
        "structuredClone",
        "Object.hasOwn",
    ):
        assert young not in script, young
    for young in (":has(", ":focus-visible", "aspect-ratio", "inset:", "@layer", "@container", "color-mix", ":is("):
        assert young not in style
    assert "<dialog" not in page
    # the policy of the page forbids what stands in the HTML itself
    assert re.search(r"\son\w+=|\sstyle=|<style|<script>|javascript:", page) is None
    assert set(re.findall(r"https?://[^\"' ]+", script + style + page)) == {"http://www.w3.org/2000/svg"}
    assert "innerHTML" not in script and "eval(" not in script
