package stock

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"strconv"
)

// Trade is one row of the stream.
type Trade struct {
	Kind   string // BUY or SELL
	ID     int64
	Name   string
	Volume int64
	Price  float64
	Time   int64 // ms since midnight
}

// Load reads the first limit trades of a stock.csv.gz; 0: all.
func Load(path string, limit int) (trades []Trade, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(z)
	r.ReuseRecord = true
	if _, err := r.Read(); err != nil { // the names of the columns
		return nil, err
	}
	for limit == 0 || len(trades) < limit {
		record, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		t, err := parse(record)
		if err != nil {
			return nil, err
		}
		trades = append(trades, t)
	}
	return trades, nil
}

func parse(record []string) (t Trade, err error) {
	t.Kind, t.Name = record[0], record[2]
	var errs [4]error
	t.ID, errs[0] = strconv.ParseInt(record[1], 10, 64)
	t.Volume, errs[1] = strconv.ParseInt(record[3], 10, 64)
	t.Price, errs[2] = strconv.ParseFloat(record[4], 64)
	t.Time, errs[3] = strconv.ParseInt(record[5], 10, 64)
	return t, errors.Join(errs[:]...)
}
