// Package torture breaks what cepd works with, for real, under load: it kills
// and stops the process and the brokers of a Kafka cluster of three, parts the
// network, fills the disk, damages files. What readers of committed records see
// is compared with what a run without faults gives.
//
//	make torture [MINUTES=n] [KILLS=n] [SEED=s] [FAULT=name]
//
// Where the system allows it (root, or user namespaces) the test runs itself
// again in namespaces of its own: processes, mounts and networks end with it.
//
//	       10.77.0.254  bridge: readings, readers, proxies
//	   +---------+---------+---------+
//	broker1   broker2   broker3    cepd        a network namespace each
//	  .1         .2        .3       .100
//
// Elsewhere all is on 127.0.0.1, and the faults that need namespaces are left
// out. docs/faults.md has the results.
package torture
