#!/bin/sh
# Puts the jars of a real Apache Kafka into .cache/kafka (or the directory given). Does nothing when they are there.
# Needs mvn; downloads about 90 files once.
set -eu

version=4.1.1
root=$(cd "$(dirname "$0")/../../.." && pwd)
target=${1:-$root/.cache/kafka}
complete=$target/.complete-$version

[ -e "$complete" ] && exit 0
command -v mvn >/dev/null || { echo "jars.sh: mvn is missing" >&2; exit 1; }

mkdir -p "$target"
work=$(mktemp -d "$target/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

cat > "$work/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sluicegate</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
mvn --batch-mode --quiet --file "$work/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$work/jars" >&2

# Moved only when all are there; a second run at the same time moves the same files over ours.
mv -f "$work"/jars/*.jar "$target/"
: > "$complete"
