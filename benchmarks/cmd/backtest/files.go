package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"github.com/cepd/cepd/benchmarks/workload"
	"github.com/cepd/cepd/internal/murmur2"
)

// row is an event in a Parquet file.
type row struct {
	TS      int64   `parquet:"ts,delta"`
	Card    int64   `parquet:"card"`
	Amount  float64 `parquet:"amount"`
	Country string  `parquet:"country,dict"`
	Kind    string  `parquet:"kind,dict"`
}

const rowGroup = 100_000

// partition is the files of a partition.
type partition struct {
	json    *os.File
	text    *bufio.Writer
	parquet *os.File
	rows    *parquet.GenericWriter[row]
}

// writeFiles writes the first n events to a JSON file and a Parquet file for each
// partition of the topic, with the same events.
func writeFiles(dir string, n int) (err error) {
	parts := make([]partition, partitions)
	for i := range parts {
		p := &parts[i]
		if err := p.create(dir, i); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.close()) }()
	}
	var t workload.Transaction
	var key, line []byte
	for stream := workload.NewTransactions(); stream.N() < int64(n); {
		stream.Next(&t)
		key = t.AppendKey(key[:0])
		p := &parts[murmur2.Partition(key, partitions)]
		line = append(t.AppendKafka(line[:0]), '\n')
		if _, err := p.text.Write(line); err != nil {
			return err
		}
		r := row{t.TS, t.Card, t.Amount(), workload.Countries[t.Country], workload.Kinds[t.Kind]}
		if _, err := p.rows.Write([]row{r}); err != nil {
			return err
		}
	}
	return nil
}

func (p *partition) create(dir string, i int) (err error) {
	if p.json, err = os.Create(filepath.Join(dir, fmt.Sprintf("%d.json", i))); err != nil {
		return err
	}
	p.text = bufio.NewWriterSize(p.json, 1<<20)
	if p.parquet, err = os.Create(filepath.Join(dir, fmt.Sprintf("%d.parquet", i))); err != nil {
		return err
	}
	p.rows = parquet.NewGenericWriter[row](p.parquet, parquet.MaxRowsPerRowGroup(rowGroup), parquet.Compression(&parquet.Snappy))
	return nil
}

func (p *partition) close() error {
	return errors.Join(p.text.Flush(), p.json.Close(), p.rows.Close(), p.parquet.Close())
}
