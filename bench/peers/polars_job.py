# SPDX-License-Identifier: Apache-2.0
"""The job without countries in Polars, on all cores.   usage: polars_job.py INPUT OUTPUT"""
import sys

import polars

from protocols import BY_TEXT

COLUMNS = ["ts", "sa", "sp", "da", "dp", "byte", "pkt", "out", "pr", "flg"]
source, target = sys.argv[1:]


def text(column):
    return polars.col(column).str.strip_chars(" ")


def port(column):
    whole = text(column).str.split_exact(".", 1).struct.field("field_0")
    return whole.cast(polars.Int32).alias(column)


def number(column):
    return text(column).cast(polars.Int64)


letters = text("flg").str.replace_all(".", "", literal=True).str.split("")
rows = polars.scan_csv(source, has_header=False, infer_schema=False, quote_char=None,
                       new_columns=COLUMNS)
rows.select(
    polars.col("ts").str.slice(0, 19), text("sa"), port("sp"), text("da"), port("dp"),
    number("byte"), number("pkt"), number("out"), text("pr").replace(BY_TEXT),
    letters.list.eval(polars.element().filter(polars.element() != "")),
).sink_ndjson(target, maintain_order=False)
