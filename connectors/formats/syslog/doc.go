// Package syslog decodes syslog messages, of RFC 5424 and RFC 3164, into columns of
// fixed names:
//
//	<165>1 2026-01-01T10:00:00.5Z fw1 sshd 71 ID47 [auth@1 user="ann"] failed
//	 │   │ timestamp              │   │    │  │    structured_data       message
//	 │   version           hostname appname procid msgid
//	 facility (20), severity (5)
//
// A timestamp of RFC 3164 has no year: it gets the one that brings it next to the
// time at which the message came.
package syslog
