package torture

import (
	"context"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// controller is the broker whose controller is the active one.
func (r *round) controller() int {
	r.t.Helper()
	partition := kmsg.NewDescribeQuorumRequestTopicPartition()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic, topic.Partitions = "__cluster_metadata", append(topic.Partitions, partition)
	req := kmsg.NewPtrDescribeQuorumRequest()
	req.Topics = append(req.Topics, topic)
	m := r.ask(req).(*kmsg.DescribeQuorumResponse)
	if len(m.Topics) != 1 || len(m.Topics[0].Partitions) != 1 || m.Topics[0].Partitions[0].LeaderID < 1 {
		r.t.Fatalf("no active controller: %+v", m)
	}
	return int(m.Topics[0].Partitions[0].LeaderID)
}

// coordinator is the broker that keeps the transactions of the query.
func (r *round) coordinator() int {
	r.t.Helper()
	list := kmsg.NewPtrListTransactionsRequest()
	for _, b := range r.askAll(list) {
		for _, s := range b.response.(*kmsg.ListTransactionsResponse).TransactionStates {
			if strings.HasPrefix(s.TransactionalID, r.prefix()+"-") {
				return b.id
			}
		}
	}
	r.t.Fatal("no broker knows of a transaction of the query")
	return 0
}

type answer struct {
	id       int
	response kmsg.Response
}

func (r *round) connect() (client *kgo.Client, ctx context.Context, end func()) {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(r.cluster.Bootstrap, ",")...))
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	return client, ctx, func() { cancel(); client.Close() }
}

func (r *round) ask(req kmsg.Request) kmsg.Response {
	r.t.Helper()
	client, ctx, end := r.connect()
	defer end()
	m, err := client.Request(ctx, req)
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// askAll asks every broker.
func (r *round) askAll(req kmsg.Request) (list []answer) {
	r.t.Helper()
	client, ctx, end := r.connect()
	defer end()
	for id := range r.proxies {
		m, err := client.Broker(id+1).RetriableRequest(ctx, req)
		if err != nil {
			r.t.Fatal(err)
		}
		list = append(list, answer{id + 1, m})
	}
	return list
}
