#!/bin/sh
# A broker from environment variables, by the naming rule of the official image: KAFKA_NODE_ID is node.id.
set -eu
properties=/tmp/server.properties
env | grep '^KAFKA_' | grep -v '^KAFKA_HEAP_OPTS=' | while IFS='=' read -r name value; do
  name=$(echo "${name#KAFKA_}" | tr 'A-Z_' 'a-z.')
  echo "$name=$value"
done > "$properties"
echo 'log.dirs=/var/lib/kafka/log' >> "$properties"
log="-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
export CLASSPATH='/opt/kafka/libs/*'
run="java ${KAFKA_HEAP_OPTS:--Xmx512m} -XX:+UseSerialGC $log"
[ -e /var/lib/kafka/log ] || $run kafka.tools.StorageTool format -t "$CLUSTER_ID" -c "$properties"
exec $run kafka.Kafka "$properties"
