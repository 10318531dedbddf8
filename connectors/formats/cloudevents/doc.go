// Package cloudevents has rows leave as events of the CloudEvents specification,
// version 1.0 (cloudevents.io). It stands around the encoder of any format:
//
//	binary      the value is the row as its format writes it; the attributes go beside it
//	structured  the value is a JSON object: {"specversion":"1.0","id":…,"type":…,"data":{the row}}
//
// Where attributes go is a matter of the protocol, and so of the sink:
//
//	Kafka   headers ce_NAME, content-type
//	HTTP    headers ce-NAME, Content-Type      percent-encoded
//	NATS    headers ce-NAME                    percent-encoded
//	MQTT 5  user properties NAME, Content Type
//
// The id is that of the row, which replay computes again: an event that is sent
// twice has the same id and source, by which receivers tell it.
package cloudevents
