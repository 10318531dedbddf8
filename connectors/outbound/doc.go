// Package outbound is what sinks share that call a service for their rows: a
// webhook, a mail server. A service fails, is slow, asks to be left alone; each call
// is made until it has been taken, or given up as the table's options say.
//
//	calls --by key--> lanes --at most max-inflight at once--> pause, rate, breaker --> send --> taken
//	                                          ^                                        |
//	                                          +--- back-off with full jitter ----------+--> given up: fail, skip, dead-letter
//
// A call carries the ID of its row, which is the same in every repetition, also after
// a crash: that is what makes at least once as good as once for a service that looks
// at it.
package outbound
