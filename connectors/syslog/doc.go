// Package syslog is the connector 'syslog': messages that devices send by UDP, TCP
// or TLS (RFC 5426, 6587, 5425), of RFC 5424 or RFC 3164.
//
//	datagram ──────────────▶ ┐
//	TCP: 37 <165>1 …         ├──▶ inbox ──▶ log ──▶ reader, decoder (formats/syslog)
//	TCP: <13>Jan … \n        ┘
//
// The protocol has no acknowledgement. Over TCP senders wait while the log takes
// nothing; by UDP what finds no room is lost, and counted.
package syslog
