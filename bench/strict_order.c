/* SPDX-License-Identifier: Apache-2.0 */
/* strict_order: see the header. Nodes are commands, then moments; a search that takes nodes without predecessors away leaves a cycle
 * or nothing. */
#include "bench/strict_order.h"

#include <stdlib.h>

#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

struct command {
    uint64_t asked, answered;
};

struct edge {
    uint32_t from, to;
};

/* The last accesses of a key: a write, and the reads behind it. */
struct key {
    bool written;
    uint32_t writer;
    uint32_t *readers;
    uint32_t reader_count, reader_capacity;
};

struct strict_order {
    struct command *commands;
    uint32_t command_count, command_capacity;
    struct edge *edges;
    uint32_t edge_count, edge_capacity;
    struct key *keys;
    uint32_t key_count;
};

#define GROW(array, count, capacity)                                                               \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            (capacity) = (capacity) == 0 ? 64 : 2 * (capacity);                                    \
            (array) = kv_realloc((array), (capacity) * sizeof((array)[0]));                        \
        }                                                                                          \
    } while (0)

struct strict_order *strict_order_new(void)
{
    return kv_alloc_zero(1, sizeof(struct strict_order));
}

void strict_order_close(struct strict_order **check)
{
    for (uint32_t i = 0; i < (*check)->key_count; i++) {
        kv_free((*check)->keys[i].readers);
    }
    kv_free((*check)->commands);
    kv_free((*check)->edges);
    kv_free((*check)->keys);
    kv_free(*check);
    *check = NULL;
}

uint32_t strict_order_add(struct strict_order *check, uint64_t asked, uint64_t answered)
{
    GROW(check->commands, check->command_count, check->command_capacity);
    check->commands[check->command_count] = (struct command){asked, answered};
    return check->command_count++;
}

static void add_edge(struct strict_order *check, uint32_t from, uint32_t to)
{
    if (from == to) {
        return;
    }
    GROW(check->edges, check->edge_count, check->edge_capacity);
    check->edges[check->edge_count++] = (struct edge){from, to};
}

void strict_order_access(struct strict_order *check, uint32_t command, uint32_t key, bool write)
{
    if (key >= check->key_count) {
        const uint32_t count = 2 * key + 16;
        check->keys = kv_realloc(check->keys, count * sizeof(*check->keys));
        for (uint32_t i = check->key_count; i < count; i++) {
            check->keys[i] = (struct key){.written = false};
        }
        check->key_count = count;
    }
    struct key *accessed = &check->keys[key];
    if (accessed->written) {
        add_edge(check, accessed->writer, command);
    }
    if (!write) {
        GROW(accessed->readers, accessed->reader_count, accessed->reader_capacity);
        accessed->readers[accessed->reader_count++] = command;
        return;
    }
    for (uint32_t i = 0; i < accessed->reader_count; i++) {
        add_edge(check, accessed->readers[i], command);
    }
    accessed->reader_count = 0;
    accessed->written = true;
    accessed->writer = command;
}

static int compare_moments(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* Moments of answers, ascending; node command_count + i is the i-th. Whoever was answered then comes before it, whoever was asked
 * later behind it. */
static uint32_t add_moments(struct strict_order *check)
{
    uint64_t *moments = kv_alloc_zero(check->command_count + 1, sizeof(*moments));
    uint32_t count = 0;
    for (uint32_t c = 0; c < check->command_count; c++) {
        if (check->commands[c].answered != UINT64_MAX) {
            moments[count++] = check->commands[c].answered;
        }
    }
    qsort(moments, count, sizeof(*moments), compare_moments);
    for (uint32_t i = 1; i < count; i++) {
        add_edge(check, check->command_count + i - 1, check->command_count + i);
    }
    for (uint32_t c = 0; c < check->command_count; c++) {
        uint32_t low = 0, high = count; /* moments[low - 1] < asked */
        while (low < high) {
            const uint32_t middle = low + (high - low) / 2;
            low = moments[middle] < check->commands[c].asked ? middle + 1 : low;
            high = moments[middle] < check->commands[c].asked ? high : middle;
        }
        if (low > 0) {
            add_edge(check, check->command_count + low - 1, c);
        }
        if (check->commands[c].answered != UINT64_MAX) {
            const uint64_t *own = bsearch(&check->commands[c].answered, moments, count,
                                          sizeof(*moments), compare_moments);
            add_edge(check, c, check->command_count + (uint32_t)(own - moments));
        }
    }
    kv_free(moments);
    return count;
}

static int compare_edges(const void *left, const void *right)
{
    const struct edge *a = left;
    const struct edge *b = right;
    return a->from != b->from ? (a->from < b->from ? -1 : 1) : (a->to > b->to) - (a->to < b->to);
}

/* Take away what has no predecessor left; returns how many nodes that is. */
static uint32_t take_away(const struct strict_order *check, uint32_t nodes, uint32_t *predecessors)
{
    uint32_t *queue = kv_alloc_zero(nodes + 1, sizeof(*queue));
    uint32_t *first = kv_alloc_zero(nodes + 1, sizeof(*first));
    uint32_t head = 0, tail = 0;
    for (uint32_t e = 0; e < check->edge_count; e++) {
        predecessors[check->edges[e].to]++;
        first[check->edges[e].from + 1] = e + 1;
    }
    for (uint32_t n = 1; n <= nodes; n++) {
        first[n] = first[n] < first[n - 1] ? first[n - 1] : first[n];
    }
    for (uint32_t n = 0; n < nodes; n++) {
        if (predecessors[n] == 0) {
            queue[tail++] = n;
        }
    }
    while (head < tail) {
        const uint32_t n = queue[head++];
        for (uint32_t e = first[n]; e < first[n + 1]; e++) {
            if (--predecessors[check->edges[e].to] == 0) {
                queue[tail++] = check->edges[e].to;
            }
        }
    }
    kv_free(queue);
    kv_free(first);
    return tail;
}

/* Whoever is left has a predecessor that is left: going back along them comes round. */
static void find_cycle(const struct strict_order *check, uint32_t nodes,
                       const uint32_t *predecessors, uint32_t ret[STRICT_ORDER_CYCLE_MAX],
                       uint32_t *ret_count)
{
    uint32_t *before = kv_alloc_zero(nodes + 1, sizeof(*before));
    uint32_t at = 0;
    for (uint32_t e = 0; e < check->edge_count; e++) {
        if (predecessors[check->edges[e].from] > 0 && predecessors[check->edges[e].to] > 0) {
            before[check->edges[e].to] = check->edges[e].from;
            at = check->edges[e].to;
        }
    }
    for (uint32_t i = 0; i < nodes; i++) {
        at = before[at]; /* on the cycle by now */
    }
    const uint32_t first = at;
    *ret_count = 0;
    do {
        if (at < check->command_count && *ret_count < STRICT_ORDER_CYCLE_MAX) {
            ret[(*ret_count)++] = at;
        }
        at = before[at];
    } while (at != first);
    for (uint32_t i = 0; i < *ret_count / 2; i++) {
        const uint32_t other = ret[i];
        ret[i] = ret[*ret_count - 1 - i];
        ret[*ret_count - 1 - i] = other;
    }
    kv_free(before);
}

bool strict_order_agrees(struct strict_order *check, uint32_t ret[STRICT_ORDER_CYCLE_MAX],
                         uint32_t *ret_count)
{
    const uint32_t nodes = check->command_count + add_moments(check);
    uint32_t *predecessors = kv_alloc_zero(nodes + 1, sizeof(*predecessors));
    if (check->edge_count > 0) {
        qsort(check->edges, check->edge_count, sizeof(*check->edges), compare_edges);
    }
    const bool agrees = take_away(check, nodes, predecessors) == nodes;
    if (!agrees) {
        find_cycle(check, nodes, predecessors, ret, ret_count);
    }
    kv_free(predecessors);
    return agrees;
}
