# SPDX-License-Identifier: Apache-2.0
"""The job without countries in ClickHouse as a library, on two threads.

usage: chdb_job.py INPUT OUTPUT
"""
import sys

import chdb

from protocols import BY_TEXT

source, target = sys.argv[1:]
numbers, names = list(BY_TEXT), list(BY_TEXT.values())
chdb.query(f"""
SELECT substring(ts, 1, 19) AS ts, trimBoth(sa_) AS sa,
       toInt32(splitByChar('.', trimBoth(sp_))[1]) AS sp, trimBoth(da_) AS da,
       toInt32(splitByChar('.', trimBoth(dp_))[1]) AS dp, toInt64(trimBoth(byt)) AS byte,
       toInt64(trimBoth(pkt_)) AS pkt, toInt64(trimBoth(out_)) AS out,
       transform(trimBoth(pr_), {numbers}, {names}) AS pr,
       ngrams(replaceAll(trimBoth(flg_), '.', ''), 1) AS flg
FROM file('{source}', CSV, 'ts String, sa_ String, sp_ String, da_ String, dp_ String, byt String,
          pkt_ String, out_ String, pr_ String, flg_ String')
INTO OUTFILE '{target}' TRUNCATE FORMAT JSONEachRow
SETTINGS max_threads = 2, output_format_json_quote_64bit_integers = 0,
         output_format_parallel_formatting = 1, input_format_parallel_parsing = 1,
         format_csv_allow_double_quotes = 0
""")
