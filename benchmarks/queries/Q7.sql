-- Hopping ten minutes per country, every minute: those with a high turnover.
SELECT country, window_start, COUNT(*) AS n, SUM(amount) AS total
FROM TABLE(HOP(TABLE tx, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '10' MINUTE))
GROUP BY country, window_start, window_end HAVING SUM(amount) > 9700000;
