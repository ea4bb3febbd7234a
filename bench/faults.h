/* SPDX-License-Identifier: Apache-2.0 */
/* faults: what happens to the nodes of a local cluster while it is measured: a schedule of kvctl's commands.
 *
 * "10s kill 1" is `kvctl cluster kill 1` ten seconds after measuring has begun. Events are carried out one after the other, in the order of
 * their times: one that takes long (restart waits until the node serves) delays those behind it, and the report says when each began and
 * ended.
 *
 * Threads. One of its own, between start and stop. */
#ifndef KV_BENCH_FAULTS_H
#define KV_BENCH_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/* X(NAME, name) Commands of kvctl cluster that take a node. */
#define BENCH_FAULT_MAP(X)                                                                         \
    X(KILL, kill)                                                                                  \
    X(RESTART, restart)                                                                            \
    X(PAUSE, pause)                                                                                \
    X(RESUME, resume)

enum bench_fault_verb {
#define X(NAME, name) BENCH_FAULT_##NAME,
    BENCH_FAULT_MAP(X)
#undef X
        BENCH_FAULT_VERBS
};

const char *bench_fault_name(enum bench_fault_verb verb);

struct bench_fault {
    uint64_t at_ms; /* since measuring began */
    enum bench_fault_verb verb;
    uint32_t node;
};

/* Events of one run; a schedule that is written by hand has a few. */
#define BENCH_FAULTS_MAX 64

/* What became of one. */
struct bench_fault_result {
    bool done;         /* its time came */
    uint64_t began_us; /* since measuring began */
    uint64_t ended_us;
    int status; /* exit status of kvctl; -1: it could not be started, or did not end by itself */
};

/* "10s kill 1": a time with its unit, a verb, a number. */
bool bench_fault_parse(const char *text, struct bench_fault *ret);

/* Put events in the order of their times; those of one time stay as they were given. */
void bench_faults_sort(struct bench_fault *faults, uint32_t count);

struct bench_faults;

/* Begin. program: path of kvctl, or its name; directory: of the cluster, or NULL: kvctl finds it. All are borrowed until stop, also
 * `results`, which has place for `count`. from_us: when measuring begins, of kv_now_us. */
struct bench_faults *bench_faults_start(const struct bench_fault *faults, uint32_t count,
                                        const char *program, const char *directory,
                                        uint64_t from_us, struct bench_fault_result *results);

/* Begin no more, and wait for the one that is under way. Sets it to NULL; takes NULL. */
void bench_faults_stop(struct bench_faults **faults);

#endif
