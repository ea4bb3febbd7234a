/* SPDX-License-Identifier: Apache-2.0 */
/* node_tuner: how many workers a node is to have, from what it measures. A pure core: the same samples, the same numbers.
 *
 * Load is time worked per time: 1000 permille are one core's. One more when jobs wait longer than they take although all workers are
 * busy; one less when one less would be half idle. The first comes when computing takes a good part of the node's own thread, and jobs
 * are long enough to be worth handing over; it goes when there is almost nothing to compute.
 *
 * Invariants. T1 At most as many workers as cores, and at most KV_WORKERS_MAX.
 *             T2 A load that does not change makes the number change in one direction only, and then no more.
 *             T3 Without jobs the number goes down to 0.
 *             T4 One step changes it by at most 1, and only after as many like samples as the constants below say.
 *             Tested in tests/unit/node/test_node_tuner.c. */
#ifndef KV_NODE_TUNER_H
#define KV_NODE_TUNER_H

#include <stdint.h>

/* Time between two samples. */
#define NODE_TUNER_PERIOD_US 100000

/* Samples that must agree: adding is quick, since somebody waits; taking away is slow, since the next burst may come. */
#define NODE_TUNER_MORE_SAMPLES  3
#define NODE_TUNER_FEWER_SAMPLES 30

/* Jobs that take less than this are done faster here than handed over, which takes 14 us; half of it sends the last worker away. */
#define NODE_TUNER_SERVICE_NS_MIN 20000

/* Permille of a core. T2: what brings a worker is far above what sends it away again. */
#define NODE_TUNER_FIRST_COMES 250
#define NODE_TUNER_FIRST_GOES  100
#define NODE_TUNER_NEXT_COMES  800 /* of each that is there */
#define NODE_TUNER_NEXT_GOES   500 /* of each that would stay */

/* X(NAME, number, "text") What the last sample meant. */
#define NODE_TUNER_STATE_MAP(X)                                                                    \
    X(IDLE, 0, "idle")                                                                             \
    X(STEADY, 1, "steady")                                                                         \
    X(MORE, 2, "wants more")                                                                       \
    X(FEWER, 3, "wants fewer")

enum node_tuner_state {
#define X(NAME, number, text) NODE_TUNER_##NAME = number,
    NODE_TUNER_STATE_MAP(X)
#undef X
};

/* What was measured since the last sample. */
struct node_tuner_sample {
    uint64_t period_ns;
    uint64_t jobs, wait_ns, service_ns; /* of results */
    uint32_t out;                       /* jobs under way now */
};

struct node_tuner {
    uint32_t workers_max;
    uint32_t workers; /* that there are to be */
    enum node_tuner_state state;
    uint32_t alike; /* samples in a row that meant `state` */
};

void node_tuner_init(struct node_tuner *tuner, uint32_t cores, uint32_t workers);

/* Returns how many there are to be from now on. */
uint32_t node_tuner_step(struct node_tuner *tuner, const struct node_tuner_sample *sample);

const char *node_tuner_state_text(enum node_tuner_state state);

#endif
