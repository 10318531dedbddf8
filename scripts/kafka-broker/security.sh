# Sourced by kafka.sh: what a broker with -s has beside passwords. OAUTHBEARER at
# the SASL listener, and with KAFKA_BAD_CERTS two TLS listeners whose
# certificates, expired.pem and misnamed.pem of that folder, are no good.

add_security() { # node's dir, port of the expired, of the misnamed listener
  sed -i 's|^sasl.enabled.mechanisms=|&OAUTHBEARER,|' "$1/server.properties"
  # Kafka's own handler for tests takes tokens that nobody has signed.
  echo 'listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";' >>"$1/server.properties"
  # PEM files and the password of a key store that all listeners share exclude each other.
  sed -i 's|^ssl\.\(.*\)|listener.name.sasl_ssl.ssl.\1\nlistener.name.ssl.ssl.\1|' "$1/server.properties"
  [ -z "$2" ] || bad_listener "$1" expired "$2"
  [ -z "$3" ] || bad_listener "$1" misnamed "$3"
}

bad_listener() { # node's dir, name, port
  local upper=${2^^}
  sed -i -e "s#^listeners=#&$upper://127.0.0.1:$3,#" -e "s#^advertised.listeners=#&$upper://127.0.0.1:$3,#" \
    -e "s#^listener.security.protocol.map=#&$upper:SSL,#" "$1/server.properties"
  cat >>"$1/server.properties" <<CONF
listener.name.$2.ssl.keystore.type=PEM
listener.name.$2.ssl.keystore.location=$KAFKA_BAD_CERTS/$2.pem
listener.name.$2.ssl.client.auth=none
CONF
}
