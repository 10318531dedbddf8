-- Tumbling minute per card: count, sum, largest.
SELECT card, window_start, COUNT(*) AS n, SUM(amount) AS total, MAX(amount) AS largest
FROM TABLE(TUMBLE(TABLE tx, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY card, window_start, window_end;
