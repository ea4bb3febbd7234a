/* SPDX-License-Identifier: Apache-2.0 */
/* options: the command line of kvbench as a checked struct.
 *
 * The table below is the only list of options: the parser and the help are made from it. */
#ifndef KV_BENCH_OPTIONS_H
#define KV_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "bench/faults.h"
#include "bench/option_table.h"
#include "bench/workload.h"

struct bench_driver;

/* X(NAME, "name", short or 0, "ARGUMENT" or NULL, "text") */
#define BENCH_OPTION_MAP(X)                                                                        \
    X(WORKLOAD, "workload", 'w', "NAME", "a b c d e f (YCSB), put or get; default: a")             \
    X(DRIVER, "driver", 'd', "NAME", "kv (default), redis or zookeeper: what is at --endpoints")   \
    X(RECORDS, "records", 'n', "N", "keys that are loaded; default: 10000")                        \
    X(SECONDS, "seconds", 's', "S", "length of the run; default: 10, or until --operations")       \
    X(OPERATIONS, "operations", 0, "N", "end the run after so many operations")                    \
    X(WARMUP, "warmup", 0, "S", "seconds before the run that are not measured; default: 0")        \
    X(CLIENTS, "clients", 'c', "N",                                                                \
      "virtual clients, each with one operation in flight; without --rate: a closed loop of them") \
    X(THREADS, "threads", 't', "N", "threads that they are spread over; default: 1")               \
    X(RATE, "rate", 'r', "N",                                                                      \
      "open loop: operations that are due each second; default: 75 % of what 64 clients get")      \
    X(CLOSED, "closed", 0, NULL, "closed loop: a client asks again when it is answered")           \
    X(FIND_MAX, "find-max", 0, "QUANTILE=TIME",                                                    \
      "find the highest rate that keeps a bound, as in p99=5ms; then run at 75 % of it")           \
    X(STEP_SECONDS, "step-seconds", 0, "S", "length of each trial of --find-max; default: 3")      \
    X(ARRIVALS, "arrivals", 0, "NAME",                                                             \
      "of the open loop: poisson (default), or constant: equal gaps")                              \
    X(FIELDS, "fields", 0, "N", "fields of a value; default: 10, put and get: 1")                  \
    X(FIELD_BYTES, "field-bytes", 0, "N", "bytes of a field; default: 100")                        \
    X(VALUE_BYTES, "value-bytes", 0, "N", "one field of so many bytes")                            \
    X(DISTRIBUTION, "distribution", 0, "NAME",                                                     \
      "of keys: zipfian latest uniform hotspot exponential; default: the workload's")              \
    X(KEYS, "keys-per-command", 'k', "N",                                                          \
      "keys of a read, an update and a read-modify-write, up to 64; default: 1, with --multi: 2")  \
    X(MULTI, "multi", 'm', "PERCENT",                                                              \
      "of these on several partitions, all others on one; default: as they are drawn")             \
    X(PINNED, "pinned", 0, NULL,                                                                   \
      "the (first) key of a client's commands is always in the same partition")                    \
    X(AT, "at", 0, "TIME WHAT NODE",                                                               \
      "kill, restart, pause or resume a node of the local cluster so long after the beginning, "   \
      "as in --at 10s kill 1; may be repeated")                                                    \
    X(SEED, "seed", 0, "N", "of all random choices; default: 1")                                   \
    X(TIMEOUT, "timeout", 0, "TIME",                                                               \
      "longest wait for one operation, as in 500ms or 5s; default: 5s")                            \
    X(NO_LOAD, "no-load", 0, NULL, "the records are there already")                                \
    X(LOAD_ONLY, "load-only", 0, NULL, "load the records, then end")                               \
    X(ENDPOINTS, "endpoints", 0, "HOST:PORT,...", "nodes of the cluster; default: $KV_ENDPOINTS")  \
    X(CLUSTER, "cluster", 0, "PATH", "cluster file or its directory; default: $KV_CLUSTER")        \
    X(OUTPUT, "output", 'o', "FORMAT", "plain (default; the lines of YCSB), json or html")         \
    X(TIMELINE, "timeline", 0, NULL,                                                               \
      "a plain line for each second of the run; JSON has it always")                               \
    X(PROGRESS, "progress", 0, NULL, "a line per second on stderr, even if it is no terminal")     \
    X(HELP, "help", 'h', NULL, "print this help")                                                  \
    X(VERSION, "version", 'V', NULL, "print the version")

enum bench_option {
#define X(NAME, name, letter, argument, text) BENCH_OPTION_##NAME,
    BENCH_OPTION_MAP(X)
#undef X
        BENCH_OPTIONS
};

/* Most records: their numbers and the sum over all of them for --distribution latest stay affordable. */
#define BENCH_RECORDS_MAX 1000000000

/* Most virtual clients of one thread: what one kv_client takes in flight. */
#define BENCH_CLIENTS_PER_THREAD_MAX 1024
#define BENCH_THREADS_MAX            64

/* More than any cluster does; beyond it someone has mistaken the unit. */
#define BENCH_RATE_MAX   100000000

#define BENCH_FIELDS_MAX 1000

/* Most keys of one command. */
#define BENCH_KEYS_MAX 64

/* Of several: what makes a field one that can be checked (value.h). */
#define BENCH_FIELD_BYTES_MIN 14

/* A day; beyond it someone has mistaken the unit. */
#define BENCH_SECONDS_MAX 86400

/* How operations come to begin (worker.h), and where the rate of an open loop comes from. */
enum bench_loop {
    BENCH_LOOP_AUTO,   /* open, at 75 % of what a short closed loop gets */
    BENCH_LOOP_RATE,   /* open, at the rate that was given */
    BENCH_LOOP_SEARCH, /* open, at 75 % of the highest rate that keeps the bound */
    BENCH_LOOP_CLOSED,
};

/* "open", or "closed". */
const char *bench_loop_name(enum bench_loop loop);

/* Where an open loop runs unless it is told, as a share of the maximum: as the papers of the field do. */
#define BENCH_RATE_SHARE 0.75

/* Clients of the closed loop that the maximum is looked for with, first. */
#define BENCH_CALIBRATION_CLIENTS 64

struct bench_settings {
    const struct bench_workload *workload;
    enum bench_distribution distribution;
    uint64_t records;
    uint64_t seconds;    /* 0: until `operations` */
    uint64_t operations; /* 0: until `seconds` */
    uint64_t warmup_seconds;
    uint32_t clients;
    uint32_t threads;
    enum bench_loop loop;
    uint64_t rate;             /* per second, of BENCH_LOOP_RATE */
    uint32_t bound_per_myriad; /* of BENCH_LOOP_SEARCH: of operations ... */
    uint64_t bound_us;         /* ... that may take no longer than that */
    uint64_t step_seconds;
    bool poisson; /* arrivals of the open loop */
    uint32_t fields;
    size_t field_bytes;
    uint32_t keys_per_command;
    bool has_multi;       /* else the keys of a command are wherever they are drawn */
    bool pinned;          /* clients to partitions */
    double multi_percent; /* of commands with keys on several partitions */
    uint64_t seed;
    uint64_t timeout_ms;
    struct bench_fault faults[BENCH_FAULTS_MAX]; /* by time */
    uint32_t fault_count;
    const char *kvctl;     /* that carries them out; set by main */
    const char *directory; /* of the local cluster, for it; set by main; NULL: it finds it */
    bool no_load;
    bool load_only;
    bool json, html; /* neither: plain */
    bool progress;
    bool timeline;
    const char *driver_name;
    const struct bench_driver *driver; /* what is measured; set by main */
    const char *endpoints;             /* borrowed from argv; NULL: not given */
    const char *cluster;
};

enum bench_command {
    BENCH_COMMAND_RUN,
    BENCH_COMMAND_HELP,
    BENCH_COMMAND_VERSION,
    BENCH_COMMAND_INVALID /* error says why */
};

/* Parse a command line. *ret is set for BENCH_COMMAND_RUN only. */
enum bench_command bench_options_parse(int argc, char *const *argv, struct bench_settings *ret,
                                       char error[BENCH_ERROR_BYTES]);

void bench_options_help(FILE *out);

#endif
