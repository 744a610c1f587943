# SPDX-License-Identifier: Apache-2.0
"""pyarrow reads what we export, and we read what pyarrow makes: a second opinion on the layout."""

import ctypes
import datetime
import json
import os
import unittest

import pyarrow as pa

PROBE = ctypes.CDLL(os.path.join(os.environ["NEK_BUILD_DIR"], "nek_arrow_probe.so"))
for function in (PROBE.probe_export, PROBE.probe_import, PROBE.probe_filter):
    function.restype = ctypes.c_char_p

TYPES = {
    "b": "bool", "i": "int64", "u": "uint64", "d": "double", "t": "time", "s": "text",
    "j": "json", "l": "list", "dt": "dict_text", "dl": "dict_list",
}
ROWS = [
    {"b": True, "i": -(2**63), "u": 2**64 - 1, "d": 0.1, "t": "2026-01-02T03:04:05.678Z",
     "s": "grüße, länger als zwölf", "j": {"a": [1, None]}, "l": ["S", "", "longer than twelve"],
     "dt": "TCP", "dl": ["S", "A"]},
    {},
    {"b": False, "i": 0, "u": 0, "d": -1.5, "t": "1969-12-31T23:59:59.999Z", "s": "",
     "j": "x", "l": [], "dt": "a protocol with a long name", "dl": []},
    {"b": True, "i": 1, "u": 1, "d": 5e-324, "t": "2026-01-02T03:04:05.000Z",
     "s": "twelve bytes", "j": [], "l": ["x"], "dt": "TCP", "dl": ["S", "A"]},
]


def utc(*parts):
    return datetime.datetime(*parts, tzinfo=datetime.timezone.utc)


COLUMNS = {
    "b": pa.array([True, None, False, True], pa.bool_()),
    "i": pa.array([-(2**63), None, 0, 1], pa.int64()),
    "u": pa.array([2**64 - 1, None, 0, 1], pa.uint64()),
    "d": pa.array([0.1, None, -1.5, 5e-324], pa.float64()),
    "t": pa.array([utc(2026, 1, 2, 3, 4, 5, 678000), None,
                   utc(1969, 12, 31, 23, 59, 59, 999000), utc(2026, 1, 2, 3, 4, 5)],
                  pa.timestamp("ms", tz="UTC")),
    "s": pa.array(["grüße, länger als zwölf", None, "", "twelve bytes"], pa.string_view()),
    "l": pa.array([["S", "", "longer than twelve"], None, [], ["x"]], pa.list_(pa.string_view())),
    "dt": pa.DictionaryArray.from_arrays(
        pa.array([0, None, 1, 0], pa.int32()),
        pa.array(["TCP", "a protocol with a long name"], pa.string_view())),
    "dl": pa.DictionaryArray.from_arrays(
        pa.array([0, None, 1, 0], pa.int32()),
        pa.array([["S", "A"], []], pa.list_(pa.string_view()))),
}


def table_text(types, rows):
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [types, *rows])


class ArrowSchema(ctypes.Structure):
    pass


class ArrowArray(ctypes.Structure):
    pass


def release_type(struct):
    return ctypes.CFUNCTYPE(None, ctypes.POINTER(struct))


ArrowSchema._fields_ = [
    ("format", ctypes.c_char_p), ("name", ctypes.c_char_p), ("metadata", ctypes.c_void_p),
    ("flags", ctypes.c_int64), ("n_children", ctypes.c_int64), ("children", ctypes.c_void_p),
    ("dictionary", ctypes.c_void_p), ("release", release_type(ArrowSchema)),
    ("private_data", ctypes.c_void_p),
]
ArrowArray._fields_ = [
    ("length", ctypes.c_int64), ("null_count", ctypes.c_int64), ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64), ("n_children", ctypes.c_int64), ("buffers", ctypes.c_void_p),
    ("children", ctypes.c_void_p), ("dictionary", ctypes.c_void_p),
    ("release", release_type(ArrowArray)), ("private_data", ctypes.c_void_p),
]


class Structs:
    """The two C structs, for ctypes and by their addresses for pyarrow."""

    def __init__(self):
        self.schema = ArrowSchema()
        self.array = ArrowArray()

    def pointers(self):
        return [ctypes.byref(self.schema), ctypes.byref(self.array)]

    def addresses(self):
        return [ctypes.addressof(self.array), ctypes.addressof(self.schema)]

    def to_pyarrow(self):
        return pa.RecordBatch._import_from_c(*self.addresses())

    @classmethod
    def of(cls, batch):
        structs = cls()
        batch._export_to_c(*structs.addresses())
        return structs

    def release(self):
        for struct in (self.schema, self.array):
            if struct.release:
                struct.release(ctypes.byref(struct))


def check(error):
    if error is not None:
        raise RuntimeError(error.decode())


def exported(types, rows):
    structs = Structs()
    check(PROBE.probe_export(table_text(types, rows).encode(), *structs.pointers()))
    return structs.to_pyarrow()


def imported(batch):
    """The rows that nek sees, the first its types."""
    structs = Structs.of(batch)
    table = ctypes.c_char_p()
    error = PROBE.probe_import(*structs.pointers(), ctypes.byref(table))
    if error is not None:
        structs.release()
        raise RuntimeError(error.decode())
    return [json.loads(line) for line in table.value.decode().splitlines()]


class Export(unittest.TestCase):
    def test_pyarrow_reads_every_type_with_nulls(self):
        batch = exported(TYPES, ROWS)
        batch.validate(full=True)
        for name, expected in COLUMNS.items():
            with self.subTest(column=name):
                self.assertEqual(batch.column(name).type, expected.type)
                self.assertTrue(batch.column(name).equals(expected), batch.column(name))
                self.assertEqual(batch.column(name).null_count, 1)

    def test_json_is_the_extension_type_of_arrow(self):
        column = exported(TYPES, ROWS).column("j")
        self.assertEqual(column.type.extension_name, "arrow.json")
        self.assertEqual(column.storage.to_pylist(), ['{"a": [1, null]}', None, '"x"', "[]"])

    def test_batches_without_rows_or_without_columns(self):
        self.assertEqual(exported(TYPES, []).num_rows, 0)
        self.assertEqual(exported({}, [{}, {}]).num_rows, 2)


class Import(unittest.TestCase):
    def literal_rows(self, names):
        return [{name: row.get(name) for name in names} for row in ROWS]

    def batch(self):
        return pa.RecordBatch.from_arrays(list(COLUMNS.values()), list(COLUMNS))

    def test_every_type_of_pyarrow_with_nulls(self):
        types, *rows = imported(self.batch())
        self.assertEqual(types, {name: TYPES[name] for name in COLUMNS})
        self.assertEqual(rows, self.literal_rows(COLUMNS))

    def test_slices(self):
        for begin in range(4):
            for size in range(5 - begin):
                with self.subTest(begin=begin, size=size):
                    _, *rows = imported(self.batch().slice(begin, size))
                    self.assertEqual(rows, self.literal_rows(COLUMNS)[begin:begin + size])

    def test_many_rows_in_several_text_buffers(self):
        texts = [f"text number {i} that is long" for i in range(100_000)]
        chunks = pa.chunked_array([pa.array(texts[i::7], pa.string_view()) for i in range(7)])
        joined = pa.concat_arrays(chunks.chunks)
        _, *rows = imported(pa.RecordBatch.from_arrays([joined], ["s"]))
        self.assertEqual([row["s"] for row in rows], [t for i in range(7) for t in texts[i::7]])

    def test_json(self):
        storage = pa.array(['{"a": 1}', None], pa.string_view())
        column = pa.ExtensionArray.from_storage(pa.json_(pa.string_view()), storage)
        types, *rows = imported(pa.RecordBatch.from_arrays([column], ["j"]))
        self.assertEqual(types, {"j": "json"})
        self.assertEqual(rows, [{"j": {"a": 1}}, {"j": None}])

    def test_other_types_are_refused_by_name(self):
        for column, error in [
            (pa.array(["x"], pa.string()), "column 'c': type 'u' is not one of"),
            (pa.array([1], pa.int32()), "column 'c': type 'i' is not one of"),
            (pa.array([utc(2026, 1, 1)], pa.timestamp("us", tz="UTC")), "column 'c': type 'tsu:UTC'"),
            (pa.array([1], pa.timestamp("ms")), "column 'c': type 'tsm:' is not one of"),
            (pa.array([[1]], pa.list_(pa.int64())), "column 'c': lists are of text"),
            (pa.array(["x"], pa.string_view()).dictionary_encode().cast(
                pa.dictionary(pa.int8(), pa.string_view())), "column 'c': dictionary codes are int32"),
        ]:
            with self.subTest(error=error), self.assertRaisesRegex(RuntimeError, error):
                imported(pa.RecordBatch.from_arrays([column], ["c"]))


class Filter(unittest.TestCase):
    def test_a_batch_of_pyarrow_passes_a_filter_and_comes_back(self):
        columns = {**COLUMNS,
                   "of": pa.array([10, None, 7, 3], pa.uint64()),
                   "by": pa.array([4, 1, 0, 3], pa.uint64())}
        before = Structs.of(pa.RecordBatch.from_arrays(list(columns.values()), list(columns)))
        after = Structs()
        check(PROBE.probe_filter(b"{of: of, by: by}", *before.pointers(), *after.pointers()))
        batch = after.to_pyarrow()
        batch.validate(full=True)
        for name, expected in columns.items():
            self.assertTrue(batch.column(name).equals(expected), name)
        self.assertTrue(batch.column("ratio").equals(pa.array([2.5, None, None, 1.0])))


if __name__ == "__main__":
    unittest.main()
