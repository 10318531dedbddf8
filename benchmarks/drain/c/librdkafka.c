/* Reads a topic of four partitions to a number of records with librdkafka, a batch a call, and does nothing with them.
 *
 *   drain BOOTSTRAP TOPIC RECORDS RUNS
 *
 * It prints a result as JSON for each run. The library is the static one that confluent-kafka-go brings along; see Makefile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "rdkafka.h"

enum { PARTITIONS = 4, BATCH = 1000, WAIT_MS = 1000 };

static double seconds(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

static double cpu(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return seconds(r.ru_utime) + seconds(r.ru_stime);
}

/* The highest resident set; getrusage has that of the parent too, if it was higher. */
static long peak_kb(void) {
  char line[256];
  long kb = 0;
  FILE *f = fopen("/proc/self/status", "r");
  while (f && fgets(line, sizeof line, f))
    if (sscanf(line, "VmHWM: %ld", &kb) == 1) break;
  if (f) fclose(f);
  return kb;
}

static double wall(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what) {
  fprintf(stderr, "drain: %s\n", what);
  exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value) {
  char why[512];
  if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) die(why);
}

/* Reads n records and answers the bytes of their values. */
static size_t drain(const char *bootstrap, const char *name, long n) {
  char why[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", bootstrap);
  set(conf, "fetch.message.max.bytes", "4194304");
  rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
  if (!client) die(why);
  rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
  rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
  for (int p = 0; p < PARTITIONS; p++)
    if (rd_kafka_consume_start_queue(topic, p, RD_KAFKA_OFFSET_BEGINNING, queue)) die("consume_start_queue failed");

  size_t bytes = 0;
  rd_kafka_message_t *batch[BATCH];
  while (n > 0) {
    ssize_t got = rd_kafka_consume_batch_queue(queue, WAIT_MS, batch, BATCH);
    if (got < 0) die("consume_batch_queue failed");
    for (ssize_t i = 0; i < got; i++) {
      if (!batch[i]->err) {
        bytes += batch[i]->len;
        n--;
      } else if (batch[i]->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        die(rd_kafka_message_errstr(batch[i]));
      }
      rd_kafka_message_destroy(batch[i]);
    }
  }
  for (int p = 0; p < PARTITIONS; p++) rd_kafka_consume_stop(topic, p);
  rd_kafka_queue_destroy(queue);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(client);
  return bytes;
}

int main(int argc, char **argv) {
  if (argc != 5) die("usage: drain BOOTSTRAP TOPIC RECORDS RUNS");
  long n = atol(argv[3]);
  for (int runs = atoi(argv[4]); runs > 0; runs--) {
    double w = wall(), c = cpu();
    if (!drain(argv[1], argv[2], n)) die("no bytes");
    printf("{\"version\":\"%s\",\"events\":%ld,\"wall_seconds\":%.6f,\"cpu_seconds\":%.6f,\"matches\":0,\"rss_mb\":%ld}\n",
           rd_kafka_version_str(), n, wall() - w, cpu() - c, peak_kb() / 1024);
    fflush(stdout);
  }
  return 0;
}
