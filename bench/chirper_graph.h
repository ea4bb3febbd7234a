/* SPDX-License-Identifier: Apache-2.0 */
/* chirper_graph: who follows whom: a synthetic graph with a few very popular users, and a dial for how much of it stays inside of
 * a community.
 *
 * Communities are equal parts of the users: user u belongs to u % communities. Whom one follows is drawn by Zipf, from the own
 * community with the probability `locality`, else from the others, so popularity follows a power law and the best cut of the graph is known.
 *
 * Invariants hold by construction: nobody follows himself or anyone twice, and nobody has more than CHIRPER_FOLLOWERS_MAX. */
#ifndef KV_BENCH_CHIRPER_GRAPH_H
#define KV_BENCH_CHIRPER_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/generator.h"

/* A post is one command on the timelines of all followers. */
#define CHIRPER_FOLLOWERS_MAX 1000

struct chirper_list {
    uint32_t *users;
    uint32_t count, capacity;
};

struct chirper_graph {
    uint32_t users, communities;
    double locality;                /* 0 .. 1 */
    struct bench_zipfian own;       /* ranks of popularity inside of a community */
    struct chirper_list *followers; /* by user */
    struct chirper_list *following; /* by user */
};

/* users >= 2, communities >= 1. Each user follows `follows` others, or as many as there are. */
void chirper_graph_init(struct chirper_graph *graph, uint32_t users, uint32_t communities,
                        double locality, uint32_t follows, struct kv_prng *prng);
void chirper_graph_close(struct chirper_graph *graph);

/* Someone whom the user might follow next. False: nobody was found. */
bool chirper_graph_draw(struct chirper_graph *graph, uint32_t user, struct kv_prng *prng,
                        uint32_t *ret);

bool chirper_graph_follows(const struct chirper_graph *graph, uint32_t user, uint32_t other);

/* Does not follow him yet; does. */
void chirper_graph_follow(struct chirper_graph *graph, uint32_t user, uint32_t other);
void chirper_graph_unfollow(struct chirper_graph *graph, uint32_t user, uint32_t other);

#endif
