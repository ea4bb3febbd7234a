/* SPDX-License-Identifier: Apache-2.0 */
/* node_crew: the workers of a node: what its members' applications compute goes there and comes back, and their number follows
 * what is measured, or what an operator says.
 *
 * Threads belong to the process, as cores do: all members of the node share them. What they compute is the same wherever and whenever
 * it is computed, so each node has as many as it likes, and nobody has to agree. */
#ifndef KV_NODE_CREW_H
#define KV_NODE_CREW_H

#include "multicast/base/ids.h"
#include "multicast/net/net.h"
#include "multicast/node/node_tuner.h"
#include "multicast/node/node_workers.h"
#include "multicast/wire/message_operator.h"

struct node;

struct node_crew {
    struct node_workers *workers;
    bool automatic;
    struct node_tuner tuner; /* automatic */
    kv_instant sampled_at;
    struct node_workers_measure sampled;
    int wake_fd; /* readable when a result has come, or the node is told to stop */
};

void node_crew_open(struct node *node);
void node_crew_close(struct node *node);

/* Once in a turn: give results to the applications; without workers, compute for a moment. Returns whether there was any. */
bool node_crew_collect(struct node *node);

/* Behind whatever may have made jobs: hand them out. */
void node_crew_flush(struct node *node);

/* Sleep until something has arrived, a result included, or the time is over. True: perhaps because the node is told to stop. */
bool node_crew_sleep(struct node *node, bool stopping, uint64_t time_us);

struct wire_workers_reply node_crew_status(const struct node *node);

void node_crew_on_request(struct node *node, const struct net_route *route,
                          const struct wire_workers_request *request);

#endif
