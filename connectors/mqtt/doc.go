// Package mqtt is the connector 'mqtt': topics of an MQTT 5 or 3.1.1 broker, read
// and written.
//
//	broker ── subscription ──▶ inbox ──▶ log ──▶ reader
//	   ◀── PUBACK, PUBREC when the log has it
//
//	row ──▶ lane of its topic ── PUBLISH, acknowledged ──▶ Flush
//
// A broker does not keep what it has delivered, so what comes goes through a log
// of cepd's own (connectors/pushed) before it is acknowledged. While cepd is away
// the broker keeps messages of QoS 1 and 2 in the session of the table's client id.
package mqtt
