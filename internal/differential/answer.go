package differential

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
)

// Answer is what Flink SQL said to a query.
type Answer struct {
	Query

	Types []string    `json:"types,omitempty"` // of the columns
	Rows  [][]*string `json:"rows,omitempty"`  // what the changelog leaves, ascending; nil: NULL
	Error string      `json:"error,omitempty"`
}

// Answers reads recorded answers.
func Answers(path string) (list []Answer, err error) {
	f, err := os.Open(path) //nolint:gosec // a file of the repository
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var a Answer
		if err := json.Unmarshal(in.Bytes(), &a); err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, in.Err()
}
