/* SPDX-License-Identifier: Apache-2.0 */
/* Two lists per user; the lists are short but for the popular ones. */
#include "bench/chirper_graph.h"

#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

/* Draws for one user to follow: popular ones are drawn again and again. */
#define DRAWS_MAX 100

static bool list_has(const struct chirper_list *list, uint32_t user)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->users[i] == user) {
            return true;
        }
    }
    return false;
}

static void list_add(struct chirper_list *list, uint32_t user)
{
    if (list->count == list->capacity) {
        const uint32_t capacity = 2 * list->capacity + 8;
        uint32_t *grown = kv_alloc_zero(capacity, sizeof *grown);

        if (list->count > 0) {
            memcpy(grown, list->users, list->count * sizeof *grown);
        }
        kv_free(list->users);
        list->users = grown;
        list->capacity = capacity;
    }
    list->users[list->count++] = user;
}

static void list_remove(struct chirper_list *list, uint32_t user)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->users[i] == user) {
            list->users[i] = list->users[--list->count];
            return;
        }
    }
    KV_UNREACHABLE();
}

static uint32_t community_size(const struct chirper_graph *graph, uint32_t community)
{
    return (graph->users - community + graph->communities - 1) / graph->communities;
}

/* The user with this rank of popularity in a community: the hash keeps the popular ones from being the first ones. */
static uint32_t ranked(const struct chirper_graph *graph, uint32_t community, uint64_t rank)
{
    const uint32_t size = community_size(graph, community);

    return community + graph->communities * (uint32_t)((rank + bench_hash(community)) % size);
}

bool chirper_graph_draw(struct chirper_graph *graph, uint32_t user, struct kv_prng *prng,
                        uint32_t *ret)
{
    const uint32_t community = user % graph->communities;

    for (uint32_t i = 0; i < DRAWS_MAX; i++) {
        const bool local = graph->communities == 1 || kv_prng_unit(prng) < graph->locality;
        const double uniform = kv_prng_unit(prng);
        uint32_t where = community, other;

        if (!local) {
            where = (community + 1 + (uint32_t)kv_prng_below(prng, graph->communities - 1)) %
                    graph->communities;
        }
        other = ranked(graph, where, bench_zipfian_at(&graph->own, graph->own.items, uniform));
        if (other != user && graph->followers[other].count < CHIRPER_FOLLOWERS_MAX &&
            !list_has(&graph->following[user], other)) {
            *ret = other;
            return true;
        }
    }
    return false;
}

void chirper_graph_init(struct chirper_graph *graph, uint32_t users, uint32_t communities,
                        double locality, uint32_t follows, struct kv_prng *prng)
{
    KV_ASSERT(users >= 2 && communities >= 1);
    *graph = (struct chirper_graph){.users = users,
                                    .communities = communities < users ? communities : users,
                                    .locality = locality};
    bench_zipfian_init(&graph->own, community_size(graph, graph->communities - 1));
    graph->followers = kv_alloc_zero(users, sizeof *graph->followers);
    graph->following = kv_alloc_zero(users, sizeof *graph->following);
    for (uint32_t user = 0; user < users; user++) {
        for (uint32_t i = 0; i < follows; i++) {
            uint32_t other;

            if (chirper_graph_draw(graph, user, prng, &other)) {
                chirper_graph_follow(graph, user, other);
            }
        }
    }
}

void chirper_graph_close(struct chirper_graph *graph)
{
    for (uint32_t user = 0; user < graph->users; user++) {
        kv_free(graph->followers[user].users);
        kv_free(graph->following[user].users);
    }
    kv_free(graph->followers);
    kv_free(graph->following);
    *graph = (struct chirper_graph){0};
}

bool chirper_graph_follows(const struct chirper_graph *graph, uint32_t user, uint32_t other)
{
    return list_has(&graph->following[user], other);
}

void chirper_graph_follow(struct chirper_graph *graph, uint32_t user, uint32_t other)
{
    KV_ASSERT(user != other && !chirper_graph_follows(graph, user, other));
    list_add(&graph->following[user], other);
    list_add(&graph->followers[other], user);
}

void chirper_graph_unfollow(struct chirper_graph *graph, uint32_t user, uint32_t other)
{
    list_remove(&graph->following[user], other);
    list_remove(&graph->followers[other], user);
}
