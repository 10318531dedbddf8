package differential

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// nexmarkColumns are of the one table of events; its views are below.
const nexmarkColumns = "event_type INT, " +
	"person ROW<id BIGINT, name STRING, emailAddress STRING, creditCard STRING, city STRING, state STRING, `dateTime` TIMESTAMP(3), extra STRING>, " +
	"auction ROW<id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT, `dateTime` TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, category BIGINT, extra STRING>, " +
	"bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` TIMESTAMP(3), extra STRING>, " +
	"ts AS CASE WHEN event_type = 0 THEN person.`dateTime` WHEN event_type = 1 THEN auction.`dateTime` ELSE bid.`dateTime` END"

// Views stand on the tables.
var Views = []string{
	view("person", 0, "id, name, emailAddress, creditCard, city, state"),
	view("auction", 1, "id, itemName, description, initialBid, reserve, expires, seller, category"),
	view("bid", 2, "auction, bidder, price, channel, url"),
}

func view(name string, kind int, fields string) string {
	var columns []string
	for f := range strings.SplitSeq(fields, ", ") {
		columns = append(columns, name+"."+f)
	}
	return fmt.Sprintf("CREATE VIEW %s AS SELECT %s, ts AS `dateTime`, %s.extra FROM nexmark WHERE event_type = %d", name, strings.Join(columns, ", "), name, kind)
}

//go:embed testdata/nexmark.sql
var nexmarkQueries string

// Nexmark are the queries of the benchmark.
func Nexmark() (list []Query) {
	for _, part := range strings.Split(nexmarkQueries, "\n-- q")[1:] {
		head, sql, _ := strings.Cut(part, "\n")
		number, _, _ := strings.Cut(head, ":")
		list = append(list, Query{"nexmark/q" + number, strings.TrimSuffix(strings.Join(strings.Fields(sql), " "), ";")})
	}
	return list
}

// nexmarkRows are n events: of fifty, one is a person, three are auctions and
// the others bids, as in the benchmark, in the order of their times.
func nexmarkRows(n int) []string {
	r := rand.New(rand.NewPCG(22, 1)) //nolint:gosec // data of a test, the same every time
	at := int64(base) * 1000
	people, auctions := 0, 0
	out := make([]string, n)
	for i := range out {
		at += int64(1 + r.IntN(400))
		event := map[string]any{"event_type": 2}
		switch {
		case i%25 == 0:
			people++
			event = map[string]any{"event_type": 0, "person": person(r, people, at)}
		case i%25 < 4:
			auctions++
			event = map[string]any{"event_type": 1, "auction": auction(r, auctions, people, at)}
		default:
			event["bid"] = bid(r, auctions, people, at)
		}
		text, err := json.Marshal(event)
		if err != nil {
			panic(err) // no such value is made
		}
		out[i] = string(text)
	}
	return out
}

func millisText(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05.000") }

func one(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }

func person(r *rand.Rand, id int, at int64) map[string]any {
	name := one(r, "Peter", "Paul", "Luke", "Vicky", "Kate") + " " + one(r, "Shultz", "Abrams", "Noris", "Smith")
	return map[string]any{
		"id": id, "name": name, "emailAddress": strings.ToLower(name[:3]) + "@example.com", "creditCard": fmt.Sprintf("%04d", r.IntN(10000)),
		"city": one(r, "Phoenix", "Portland", "Boise", "Seattle"), "state": one(r, "AZ", "CA", "ID", "OR", "WA"), "dateTime": millisText(at), "extra": "p",
	}
}

func auction(r *rand.Rand, id, people int, at int64) map[string]any {
	return map[string]any{
		"id": id, "itemName": fmt.Sprintf("item %d", r.IntN(20)), "description": one(r, "old", "new", ""), "initialBid": r.IntN(100), "reserve": r.IntN(1000),
		"dateTime": millisText(at), "expires": millisText(at + int64(1000+r.IntN(60_000))), "seller": 1 + r.IntN(people), "category": 10 + r.IntN(3), "extra": "a",
	}
}

func bid(r *rand.Rand, auctions, people int, at int64) map[string]any {
	channel := one(r, "Google", "Apple", "Facebook", "Baidu", "channel-7", "channel-9")
	url := fmt.Sprintf("https://www.nexmark.com/%s/%s/item.htm?query=1", one(r, "aa", "bb"), one(r, "cc", "dd"))
	if strings.HasPrefix(channel, "channel") && r.IntN(2) == 0 {
		url += "&channel_id=" + channel[8:]
	}
	return map[string]any{
		"auction": 1 + r.IntN(auctions), "bidder": 1 + r.IntN(people), "price": 1 + r.IntN(20_000), "channel": channel, "url": url,
		"dateTime": millisText(at), "extra": one(r, "abc", "ccc", "x"),
	}
}
