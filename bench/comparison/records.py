# SPDX-License-Identifier: Apache-2.0
"""Whether two files hold the same records, whatever the order of lines and keys.

Files are read as a stream and only sums are kept, so that millions of records cost no memory: for
each field a sum (of numbers, or of hashes of other values), and a sum of hashes of whole records.
"""
import dataclasses
import json

from .measure import Failed

FIELDS = ("ts", "sa", "sp", "sc", "da", "dp", "dc", "byte", "pkt", "out", "pr", "flg")
COUNTRIES = ("sc", "dc")


def as_is(record):
    return record


def without_countries(record):
    return {key: value for key, value in record.items() if key not in COUNTRIES}


def without_ipv6_countries(record):
    return record | {country: "" for address, country in (("sa", "sc"), ("da", "dc"))
                     if ":" in record[address]}


def with_empty_countries(record):
    """For a peer that leaves an unknown country out."""
    return {"sc": "", "dc": ""} | record


def is_syn(record):
    return "S" in record["flg"] and not set(record["flg"]) & set("AFURP")


@dataclasses.dataclass
class Totals:
    fields: tuple = FIELDS
    rows: int = 0
    whole: int = 0
    sums: dict = dataclasses.field(default_factory=dict)
    right_files: set = dataclasses.field(default_factory=set)  # (form, lines_of())

    def add(self, record):
        values = []
        if len(record) != len(self.fields):
            raise Failed(f"record {self.rows + 1} has the keys {', '.join(record)}")
        for field in self.fields:
            value = record.get(field)
            if isinstance(value, list):
                value = tuple(value)
            values.append((value, type(value)))
            number = value if isinstance(value, int) else hash(value)
            self.sums[field] = self.sums.get(field, 0) + number
        self.rows += 1
        self.whole += hash(tuple(values))

    def copy(self):
        return dataclasses.replace(self, sums=dict(self.sums), right_files=set())

    def compare(self, wanted):
        if self.rows != wanted.rows:
            raise Failed(f"{self.rows} records, not {wanted.rows}")
        wrong = [field for field in self.fields if self.sums.get(field) != wanted.sums.get(field)]
        if wrong or self.whole != wanted.whole:
            raise Failed("other values in " + (", ".join(wrong) or "some records"))


def records_of(path):
    with open(path, "rb") as lines:
        for line in lines:
            yield json.loads(line)


def compare(path, form, wanted):
    """Raises Failed with what differs."""
    totals = Totals(wanted.fields)
    for record in records_of(path):
        totals.add(form(record))
    totals.compare(wanted)


def lines_of(path):
    """Count of lines and a sum of their hashes: equal for equal lines in any order."""
    count = total = 0
    with open(path, "rb") as lines:
        for line in lines:
            count += 1
            total += hash(line)
    return count, total
