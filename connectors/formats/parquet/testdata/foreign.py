# Writes foreign.parquet with Apache Arrow: two row groups, LIST and MAP as Arrow
# lays them out, INT96 instants, data pages of version 2, zstd.
import datetime, decimal
import pyarrow as pa, pyarrow.parquet as pq

day = datetime.datetime(2026, 3, 2, 9, 0, 1, 500000)
table = pa.table({
    "n": pa.array([1, 2, 3], pa.int64()),
    "small": pa.array([1, None, 255], pa.uint8()),
    "s": pa.array(["north", None, "süd"]),
    "price": pa.array([decimal.Decimal("12.50"), None, decimal.Decimal("-0.01")], pa.decimal128(20, 2)),
    "at": pa.array([day, None, datetime.datetime(1969, 12, 31, 23, 59, 59)], pa.timestamp("ns")),
    "tags": pa.array([["a", None, "b"], [], None], pa.list_(pa.string())),
    "grid": pa.array([[[1], None, [2, 3]], [[]], None], pa.list_(pa.list_(pa.int32()))),
    "labels": pa.array([[("k", 1), ("l", None)], [], None], pa.map_(pa.string(), pa.int32())),
    "site": pa.array([{"name": "x", "zones": [1, 2]}, {"name": None, "zones": None}, None],
                     pa.struct([("name", pa.string()), ("zones", pa.list_(pa.int16()))])),
})
pq.write_table(table, "foreign.parquet", row_group_size=2, compression="zstd", data_page_version="2.0",
               use_deprecated_int96_timestamps=True, write_statistics=False, store_schema=False)
