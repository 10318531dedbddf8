package suppress

// queue is the open windows in the order in which they end.
type queue struct {
	list []*window
	head int
}

func (q *queue) open() []*window { return q.list[q.head:] }

func (q *queue) first() *window {
	if q.head == len(q.list) {
		return nil
	}
	return q.list[q.head]
}

func (q *queue) push(w *window) { q.list = append(q.list, w) }

func (q *queue) pop() *window {
	w := q.list[q.head]
	q.list[q.head] = nil
	q.head++
	if q.head > len(q.list)/2 { // most of it is free at its front
		n := copy(q.list, q.list[q.head:])
		clear(q.list[n:])
		q.list, q.head = q.list[:n], 0
	}
	return w
}
