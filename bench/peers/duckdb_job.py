# SPDX-License-Identifier: Apache-2.0
"""The job without countries in DuckDB, on two threads.   usage: duckdb_job.py INPUT OUTPUT"""
import sys

import duckdb

from protocols import BY_TEXT

COLUMNS = ["ts", "sa", "sp", "da", "dp", "byt", "pkt", "out", "pr", "flg"]
source, target = sys.argv[1:]
names = " ".join(f"WHEN '{number}' THEN '{name}'" for number, name in BY_TEXT.items())
types = ", ".join(f"'{column}': 'VARCHAR'" for column in COLUMNS)
db = duckdb.connect(config={"threads": 2, "preserve_insertion_order": False})
db.execute(f"""
COPY (
  SELECT left(ts, 19) AS ts, trim(sa) AS sa, floor(trim(sp)::DOUBLE)::INT AS sp, trim(da) AS da,
         floor(trim(dp)::DOUBLE)::INT AS dp, trim(byt)::BIGINT AS byte, trim(pkt)::BIGINT AS pkt,
         trim(out)::BIGINT AS out, CASE trim(pr) {names} ELSE trim(pr) END AS pr,
         string_split(replace(trim(flg), '.', ''), '') AS flg
  FROM read_csv('{source}', header = false, auto_detect = false, quote = '', escape = '',
                delim = ',', columns = {{{types}}})
) TO '{target}' (FORMAT json)
""")
