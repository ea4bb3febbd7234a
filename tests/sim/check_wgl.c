/* SPDX-License-Identifier: Apache-2.0 */
/* check_wgl: see the header. */
#include "tests/sim/check_wgl.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "multicast/base/assert.h"

/* A call or a return in the order of moments; those not yet linearized are linked. Node 0 is the
 * head. */
struct node {
    uint64_t moment;
    uint32_t operation;
    bool is_call;
    uint32_t match; /* the return of a call */
    uint32_t previous, next;
};

/* What was linearized, to be taken back when it led nowhere. */
struct choice {
    uint32_t call;
    uint32_t state; /* before it */
};

struct search {
    struct model *model;
    const struct wgl_operation *operations;
    uint32_t count;
    struct node *nodes;
    struct choice *choices;
    uint32_t depth;
    uint64_t *chosen; /* set of linearized operations; one word more for the state */
    uint32_t chosen_words;
    XXH128_hash_t *cache; /* open addressing; {0, 0} is free */
    uint32_t cache_count, cache_slots, cache_max;
};

static int compare_nodes(const void *left, const void *right)
{
    const struct node *a = left;
    const struct node *b = right;
    if (a->moment != b->moment) {
        return a->moment < b->moment ? -1 : 1;
    }
    if (a->is_call != b->is_call) {
        return a->is_call ? -1 : 1; /* equal moments count as concurrent */
    }
    return a->operation < b->operation ? -1 : a->operation > b->operation;
}

static void link_nodes(struct search *search)
{
    uint32_t total = 2 * search->count;
    search->nodes = kv_alloc_zero(total + 1, sizeof(*search->nodes));
    for (uint32_t i = 0; i < search->count; i++) {
        search->nodes[1 + 2 * i] =
            (struct node){.moment = search->operations[i].asked, .operation = i, .is_call = true};
        search->nodes[2 + 2 * i] =
            (struct node){.moment = search->operations[i].answered, .operation = i};
    }
    qsort(search->nodes + 1, total, sizeof(*search->nodes), compare_nodes);
    uint32_t *call_of = kv_alloc_zero(search->count + 1, sizeof(*call_of));
    for (uint32_t n = 0; n <= total; n++) {
        search->nodes[n].previous = n == 0 ? 0 : n - 1;
        search->nodes[n].next = n == total ? 0 : n + 1;
        if (n > 0 && search->nodes[n].is_call) {
            call_of[search->nodes[n].operation] = n;
        } else if (n > 0) {
            search->nodes[call_of[search->nodes[n].operation]].match = n;
        }
    }
    kv_free(call_of);
}

static void unlink_node(struct search *search, uint32_t n)
{
    struct node *node = &search->nodes[n];
    search->nodes[node->previous].next = node->next;
    if (node->next != 0) {
        search->nodes[node->next].previous = node->previous;
    }
}

static void relink_node(struct search *search, uint32_t n)
{
    struct node *node = &search->nodes[n];
    search->nodes[node->previous].next = n;
    if (node->next != 0) {
        search->nodes[node->next].previous = n;
    }
}

static void cache_put(struct search *search, XXH128_hash_t key)
{
    uint64_t at = key.low64;
    while (search->cache[at & (search->cache_slots - 1)].low64 != 0) {
        at++;
    }
    search->cache[at & (search->cache_slots - 1)] = key;
    search->cache_count++;
}

static void cache_grow(struct search *search)
{
    XXH128_hash_t *old = search->cache;
    uint32_t old_slots = search->cache_slots;
    search->cache_slots = old_slots == 0 ? 1024 : 2 * old_slots;
    search->cache = kv_alloc_zero(search->cache_slots, sizeof(*search->cache));
    search->cache_count = 0;
    for (uint32_t i = 0; i < old_slots; i++) {
        if (old[i].low64 != 0) {
            cache_put(search, old[i]);
        }
    }
    kv_free(old);
}

/* True when (chosen, state) is new. Keeps 128 bits of hash instead of the set: a collision by
 * chance would need 10^16 states. The state is hashed as data: as a seed it is only added to short
 * inputs, and neighbouring sets and states would collide. */
static bool cache_add(struct search *search, uint32_t state)
{
    if (2 * search->cache_count >= search->cache_slots) {
        cache_grow(search);
    }
    search->chosen[search->chosen_words] = state;
    XXH128_hash_t key = XXH3_128bits(search->chosen, (search->chosen_words + 1) * sizeof(uint64_t));
    key.low64 |= key.low64 == 0;
    uint64_t at = key.low64;
    XXH128_hash_t *slot;
    while ((slot = &search->cache[at & (search->cache_slots - 1)])->low64 != 0) {
        if (slot->low64 == key.low64 && slot->high64 == key.high64) {
            return false;
        }
        at++;
    }
    *slot = key;
    search->cache_count++;
    return true;
}

/* Linearize the call if the model agrees and this was not tried before. */
static bool try_call(struct search *search, uint32_t n, uint32_t *state)
{
    uint32_t i = search->nodes[n].operation;
    const struct wgl_operation *operation = &search->operations[i];
    struct model_result result;
    uint32_t next = model_apply(search->model, &operation->step, *state, &result);
    if (operation->answered != UINT64_MAX && !model_result_equal(&result, &operation->result)) {
        return false;
    }
    search->chosen[i / 64] |= UINT64_C(1) << (i % 64);
    if (!cache_add(search, next)) {
        search->chosen[i / 64] &= ~(UINT64_C(1) << (i % 64));
        return false;
    }
    search->choices[search->depth++] = (struct choice){n, *state};
    *state = next;
    unlink_node(search, n);
    unlink_node(search, search->nodes[n].match);
    return true;
}

static uint32_t take_back(struct search *search, uint32_t *state)
{
    struct choice choice = search->choices[--search->depth];
    uint32_t i = search->nodes[choice.call].operation;
    search->chosen[i / 64] &= ~(UINT64_C(1) << (i % 64));
    relink_node(search, search->nodes[choice.call].match);
    relink_node(search, choice.call);
    *state = choice.state;
    return search->nodes[choice.call].next;
}

static enum wgl_verdict run(struct search *search)
{
    uint32_t state = MODEL_ABSENT;
    uint32_t at = search->nodes[0].next;
    while (at != 0) {
        if (search->nodes[at].is_call) {
            at = try_call(search, at, &state) ? search->nodes[0].next : search->nodes[at].next;
        } else if (search->nodes[at].moment == UINT64_MAX) {
            return WGL_LINEARIZABLE; /* only unknown outcomes are left: they may never happen */
        } else if (search->depth == 0) {
            return WGL_VIOLATION;
        } else {
            at = take_back(search, &state);
        }
        if (search->cache_count > search->cache_max) {
            return WGL_GAVE_UP;
        }
    }
    return WGL_LINEARIZABLE;
}

enum wgl_verdict wgl_check(struct model *model, const struct wgl_operation *operations,
                           uint32_t count, uint32_t states_max)
{
    struct search search = {
        .model = model, .operations = operations, .count = count, .cache_max = states_max};
    search.chosen_words = count / 64 + 1;
    search.chosen = kv_alloc_zero(search.chosen_words + 1, sizeof(*search.chosen));
    search.choices = kv_alloc_zero(count + 1, sizeof(*search.choices));
    link_nodes(&search);
    enum wgl_verdict verdict = run(&search);
    kv_free(search.cache);
    kv_free(search.choices);
    kv_free(search.chosen);
    kv_free(search.nodes);
    return verdict;
}
