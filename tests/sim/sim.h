/* SPDX-License-Identifier: Apache-2.0 */
/* sim: a whole cluster and its clients in one process, in virtual time, driven by one seed.
 *
 * 1. sim_run pops events in the order of virtual time and hands each to the node, the client or the
 *    fault injector that it is for. Everything random comes from generators that are seeded from
 *    the run's seed.
 * 2. A node (sim_node.c) is what a real node's driver is: a loop that takes what has arrived, steps
 *    the cores, and carries their effects out in order (sim_member.c): records to the disk double,
 *    sends to the network double, held back until durable.
 * 3. Safety phase: faults of every kind. Liveness phase: everything is healed, every operation must
 *    be answered and every member must come to the same state within a bound. Then the checkers
 *    look at the whole.
 *
 * We check: check_raft.h, check_order.h, check_digest.h, check_replay.h, check_linear.h, check_once.h. We break:
 * sim_faults.h, sim_parameters.h. We break on purpose, to test the checkers: sim_mutants.h. */
#ifndef KV_SIM_SIM_H
#define KV_SIM_SIM_H

#include <stdio.h>

#include "tests/sim/check_cut.h"
#include "tests/sim/check_leases.h"
#include "tests/sim/check_digest.h"
#include "tests/sim/check_linear.h"
#include "tests/sim/check_replay.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_mutants.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_parameters.h"

#define SIM_NODES_MAX   5u /* ids from 1 */
#define SIM_CLIENTS_MAX 8u

/* X(name) What a run did, added up over seeds for the summary. */
#define SIM_COUNTER_MAP(X)                                                                         \
    X(operations)                                                                                  \
    X(answered)                                                                                    \
    X(unknown)                                                                                     \
    X(deliveries)                                                                                  \
    X(shared)                                                                                      \
    X(scans)                                                                                       \
    X(stale)                                                                                       \
    X(pinned)                                                                                      \
    X(marks)                                                                                       \
    X(executions)                                                                                  \
    X(jobs)                                                                                        \
    X(dispatches)                                                                                  \
    X(elections)                                                                                   \
    X(crashes)                                                                                     \
    X(emptied)                                                                                     \
    X(lost_records)                                                                                \
    X(pauses)                                                                                      \
    X(cuts)                                                                                        \
    X(transfers)                                                                                   \
    X(changes)                                                                                     \
    X(snapshots)                                                                                   \
    X(installs)                                                                                    \
    X(packets)                                                                                     \
    X(lost)                                                                                        \
    X(brief_keys)                                                                                  \
    X(brief_keys_gone)                                                                             \
    X(locks)                                                                                       \
    X(locks_lost)                                                                                  \
    X(locks_refused)                                                                               \
    X(events)                                                                                      \
    X(wgl_gave_up)

struct sim_counters {
#define X(name) uint64_t name;
    SIM_COUNTER_MAP(X)
#undef X
};

/* Names of the checkers, as in sim_report.checker and --without. */
enum sim_checker {
    SIM_CHECK_RAFT = 1,
    SIM_CHECK_ORDER = 2,
    SIM_CHECK_DIGEST = 4,
    SIM_CHECK_REPLAY = 8,
    SIM_CHECK_WGL = 16,
    SIM_CHECK_ONCE = 32,
    SIM_CHECK_ALL = 63
};

struct sim_options {
    uint64_t seed;
    enum sim_profile profile;
    enum sim_mutant mutant;
    unsigned checkers; /* bits of enum sim_checker */
    FILE *trace;       /* NULL: none */
    bool print;        /* the parameters, before anything else */
};

struct sim_result {
    struct sim_report report;
    struct sim_counters counters;
    uint64_t digest; /* of all events: equal for equal seeds and builds */
    uint64_t virtual_us;
};

struct sim {
    struct sim_options options;
    struct sim_parameters parameters;
    struct sim_report report;
    struct sim_counters counters;
    uint64_t now; /* virtual microseconds */
    uint64_t digest;
    struct sim_queue queue;
    struct sim_net net;
    struct wire_frame_reader reader;
    struct wire_message message; /* scratch for the packet being handled: several kilobytes */
    struct wire_message reply;   /* scratch for an answer to a client */
    struct wire_node welcome_nodes[SIM_NODES_MAX];
    struct wire_group welcome_groups[SIM_GROUPS_MAX];
    struct kv_prng faults;
    struct kv_prng workload;
    struct kv_prng timing;
    struct kv_prng layers;
    struct kv_prng jobs;
    struct sim_node nodes[SIM_NODES_MAX + 1]; /* by id */
    struct sim_client clients[SIM_CLIENTS_MAX];
    struct sim_workload work;
    struct history history;
    struct check_raft raft[SIM_GROUPS_MAX];
    struct check_order order[SIM_GROUPS_MAX];
    struct check_digest states[SIM_GROUPS_MAX];
    struct check_cut cuts;
    struct check_leases leases;
    struct wire_config bootstrap[SIM_GROUPS_MAX];
    struct wire_config
        addressees[SIM_GROUPS_MAX]; /* whom other groups talk to: all nodes if members change */
    bool healed;                    /* the liveness phase has begun */
    bool finished;
    uint64_t healed_at;
    kv_node_id emptied;                  /* whose disk was emptied last; none: nobody's */
    uint64_t emptied_at[SIM_GROUPS_MAX]; /* entries of each group that had been committed then */
    uint64_t cut_number;                 /* of the last cut: a flap mends only its own */
};

/* Run one seed from beginning to end. */
void sim_run(const struct sim_options *options, struct sim_result *ret);

/* How long a healed cluster may take to come to itself. */
uint64_t sim_liveness_us(const struct sim *sim);

/* Mix a fact into the run's digest. */
void sim_note(struct sim *sim, uint32_t what, uint64_t a, uint64_t b);

/* One line of the trace: "time who: text". */
#define SIM_TRACE(sim_, ...)                                                                       \
    do {                                                                                           \
        if ((sim_)->options.trace != NULL) {                                                       \
            sim_trace((sim_), __VA_ARGS__);                                                        \
        }                                                                                          \
    } while (0)
void sim_trace(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline bool sim_checks(const struct sim *sim, enum sim_checker checker)
{
    return (sim->options.checkers & checker) != 0;
}

#endif
