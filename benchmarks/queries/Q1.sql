-- Filter: a large transaction abroad.
SELECT ts, card, amount, country FROM tx WHERE amount > 1000 AND country <> 'US';
