package sim

import (
	"iter"
	"math/rand/v2"
	"slices"
)

// scheduler runs tasks, one at a time. Time passes only when all of them wait.
type scheduler struct {
	rng     *rand.Rand
	now     int64 // simulated, µs
	turn    int
	tasks   []*task
	running *task
	ready   []*task // scratch
	trace   *trace
}

// task is one of a process's threads, as a coroutine.
type task struct {
	name  string
	proc  *process
	at    int64 // it waits until then
	op    string
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
}

// spawn adds a task; it begins when its turn comes.
func (s *scheduler) spawn(p *process, name string, body func()) {
	t := &task{name: name, proc: p, at: s.now, op: "begin"}
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		body()
	})
	s.tasks = append(s.tasks, t)
}

// pause gives the turn of the running task away for at least d µs. It is false
// when the process has died meanwhile.
func (s *scheduler) pause(op string, d int64) bool {
	t := s.running
	if t.proc.dead {
		return false
	}
	t.at, t.op = s.now+d, op
	return t.yield(struct{}{}) && !t.proc.dead
}

// step gives a turn to one of the tasks that can go on; false when there is no
// task.
func (s *scheduler) step() bool {
	if len(s.tasks) == 0 {
		return false
	}
	s.turn++
	t := s.choose()
	s.trace.turn(s, t)
	s.running = t
	_, more := t.next()
	s.running = nil
	if !more {
		s.remove(t)
	}
	return true
}

func (s *scheduler) choose() *task {
	for {
		s.ready = s.ready[:0]
		first := s.tasks[0]
		for _, t := range s.tasks {
			if t.wakes() < first.wakes() {
				first = t
			}
			if t.wakes() <= s.now {
				s.ready = append(s.ready, t)
			}
		}
		if len(s.ready) > 0 {
			return s.ready[s.rng.IntN(len(s.ready))]
		}
		s.now = first.wakes()
	}
}

// wakes is when the task can go on.
func (t *task) wakes() int64 { return max(t.at, t.proc.stopped) }

func (s *scheduler) remove(t *task) {
	s.tasks = slices.DeleteFunc(s.tasks, func(o *task) bool { return o == t })
}

// kill ends the tasks of a process: what they are about to do fails.
func (s *scheduler) kill(p *process) {
	p.dead = true
	for _, t := range slices.Clone(s.tasks) {
		if t.proc == p {
			s.running = t
			t.stop()
			s.running = nil
			s.remove(t)
		}
	}
}
