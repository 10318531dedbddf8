-- The queries of the Nexmark benchmark, as Flink SQL's users know them. Not here: q6, which Flink SQL cannot do either, and q12, whose
-- answer depends on when it is asked; q10 without its partitioned files, q13 without its look-up, q14 without its user function.
-- q0: pass through
SELECT auction, bidder, price, `dateTime`, extra FROM bid;
-- q1: currency conversion
SELECT auction, bidder, 0.908 * price AS euros, `dateTime`, extra FROM bid;
-- q2: some auctions
SELECT auction, price FROM bid WHERE MOD(auction, 12) = 0;
-- q3: who sells in particular states
SELECT p.name, p.city, p.state, a.id FROM auction AS a INNER JOIN person AS p ON a.seller = p.id
WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA');
-- q4: average final price by category
SELECT category, AVG(final) AS price FROM (
  SELECT MAX(CAST(b.price AS DECIMAL(20, 2))) AS final, a.category FROM auction a, bid b
  WHERE a.id = b.auction AND b.`dateTime` BETWEEN a.`dateTime` AND a.expires GROUP BY a.id, a.category
) AS q GROUP BY category;
-- q5: the auctions with the most bids
SELECT c.auction, c.num FROM (
  SELECT auction, COUNT(*) AS num, window_start, window_end
  FROM TABLE(HOP(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '2' SECOND, INTERVAL '10' SECOND)) GROUP BY auction, window_start, window_end
) AS c JOIN (
  SELECT MAX(n.num) AS maxn, n.window_start, n.window_end FROM (
    SELECT COUNT(*) AS num, window_start, window_end
    FROM TABLE(HOP(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '2' SECOND, INTERVAL '10' SECOND)) GROUP BY auction, window_start, window_end
  ) AS n GROUP BY n.window_start, n.window_end
) AS m ON c.window_start = m.window_start AND c.window_end = m.window_end AND c.num >= m.maxn;
-- q7: the highest bid
SELECT b.auction, b.price, b.bidder, b.`dateTime`, b.extra FROM bid b JOIN (
  SELECT MAX(price) AS maxprice, window_time AS `dateTime`
  FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, window_time
) m ON b.price = m.maxprice AND b.`dateTime` BETWEEN m.`dateTime` - INTERVAL '10' SECOND AND m.`dateTime`;
-- q8: new people who sell
SELECT p.id, p.name, p.starttime FROM (
  SELECT id, name, window_start AS starttime, window_end AS endtime
  FROM TABLE(TUMBLE(TABLE person, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND)) GROUP BY id, name, window_start, window_end
) p JOIN (
  SELECT seller, window_start AS starttime, window_end AS endtime
  FROM TABLE(TUMBLE(TABLE auction, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND)) GROUP BY seller, window_start, window_end
) a ON p.id = a.seller AND p.starttime = a.starttime AND p.endtime = a.endtime;
-- q9: winning bids
SELECT id, itemName, seller, auction, bidder, price FROM (
  SELECT a.id, a.itemName, a.seller, b.auction, b.bidder, b.price,
    ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.`dateTime` ASC) AS rownum
  FROM auction a, bid b WHERE a.id = b.auction AND b.`dateTime` BETWEEN a.`dateTime` AND a.expires
) WHERE rownum <= 1;
-- q10: for files by minute
SELECT auction, bidder, price, `dateTime`, extra, DATE_FORMAT(`dateTime`, 'yyyy-MM-dd') AS d, DATE_FORMAT(`dateTime`, 'HH:mm') AS m FROM bid;
-- q11: sessions of users
SELECT b.bidder, COUNT(*) AS bids, window_start, window_end
FROM TABLE(SESSION(TABLE bid PARTITION BY bidder, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND)) AS b GROUP BY b.bidder, window_start, window_end;
-- q14: calculation
SELECT auction, bidder, 0.908 * price AS price,
  CASE WHEN HOUR(`dateTime`) >= 8 AND HOUR(`dateTime`) <= 18 THEN 'dayTime' WHEN HOUR(`dateTime`) <= 6 OR HOUR(`dateTime`) >= 20 THEN 'nightTime' ELSE 'otherTime' END AS bidTimeType,
  `dateTime`, extra, CHAR_LENGTH(extra) - CHAR_LENGTH(REPLACE(extra, 'c', '')) AS c_counts
FROM bid WHERE 0.908 * price > 100 AND 0.908 * price < 50000;
-- q15: bidding statistics
SELECT DATE_FORMAT(`dateTime`, 'yyyy-MM-dd') AS d, COUNT(*) AS total_bids, COUNT(*) FILTER (WHERE price < 1000) AS rank1_bids,
  COUNT(*) FILTER (WHERE price >= 1000 AND price < 10000) AS rank2_bids, COUNT(DISTINCT bidder) AS total_bidders,
  COUNT(DISTINCT bidder) FILTER (WHERE price < 1000) AS rank1_bidders, COUNT(DISTINCT auction) AS total_auctions
FROM bid GROUP BY DATE_FORMAT(`dateTime`, 'yyyy-MM-dd');
-- q16: channel statistics
SELECT channel, DATE_FORMAT(`dateTime`, 'yyyy-MM-dd') AS d, MAX(DATE_FORMAT(`dateTime`, 'HH:mm')) AS m, COUNT(*) AS total_bids,
  COUNT(*) FILTER (WHERE price < 1000) AS rank1_bids, COUNT(DISTINCT bidder) AS total_bidders,
  COUNT(DISTINCT auction) FILTER (WHERE price >= 1000) AS rank3_auctions
FROM bid GROUP BY channel, DATE_FORMAT(`dateTime`, 'yyyy-MM-dd');
-- q17: auction statistics
SELECT auction, DATE_FORMAT(`dateTime`, 'yyyy-MM-dd') AS d, COUNT(*) AS total_bids, COUNT(*) FILTER (WHERE price < 1000) AS rank1_bids,
  MIN(price) AS min_price, MAX(price) AS max_price, AVG(CAST(price AS DECIMAL(20, 2))) AS avg_price, SUM(price) AS sum_price
FROM bid GROUP BY auction, DATE_FORMAT(`dateTime`, 'yyyy-MM-dd');
-- q18: the last bid of each bidder
SELECT auction, bidder, price, channel, url, `dateTime`, extra FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY `dateTime` DESC) AS rank_number FROM bid
) WHERE rank_number <= 1;
-- q19: the ten highest bids of each auction
SELECT auction, bidder, price, channel, url, `dateTime`, extra, rank_number FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS rank_number FROM bid
) WHERE rank_number <= 10;
-- q20: bids with their auction
SELECT auction, bidder, price, channel, url, b.`dateTime` AS bid_time, b.extra AS bextra, itemName, description, initialBid, reserve, a.`dateTime` AS auction_time, expires,
  seller, category, a.extra AS aextra
FROM bid AS b INNER JOIN auction AS a ON b.auction = a.id WHERE a.category = 10;
-- q21: channel ids
SELECT auction, bidder, price, channel,
  CASE WHEN LOWER(channel) = 'apple' THEN '0' WHEN LOWER(channel) = 'google' THEN '1' WHEN LOWER(channel) = 'facebook' THEN '2' WHEN LOWER(channel) = 'baidu' THEN '3'
    ELSE REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2) END AS channel_id
FROM bid WHERE REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2) IS NOT NULL OR LOWER(channel) IN ('apple', 'google', 'facebook', 'baidu');
-- q22: directories of a URL
SELECT auction, bidder, price, channel, SPLIT_INDEX(url, '/', 3) AS dir1, SPLIT_INDEX(url, '/', 4) AS dir2, SPLIT_INDEX(url, '/', 5) AS dir3 FROM bid;
