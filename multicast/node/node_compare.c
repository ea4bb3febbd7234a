/* SPDX-License-Identifier: Apache-2.0 */
/* node_compare: see the header. */
#include "multicast/node/node_compare.h"

#include "multicast/base/assert.h"

void node_compare_sample(struct node_compare *compare, uint64_t position, uint64_t digest)
{
    compare->own[compare->next] = (struct node_sample){position, digest};
    compare->next = (compare->next + 1) % NODE_COMPARE_KEPT;
}

static const struct node_sample *own_at(const struct node_compare *compare, uint64_t position)
{
    for (uint32_t i = 0; i < NODE_COMPARE_KEPT; i++) {
        if (compare->own[i].position == position) {
            return &compare->own[i];
        }
    }
    return NULL;
}

uint32_t node_compare_tell(const struct node_compare *compare,
                           struct node_sample ret[WIRE_COMPARE_SAMPLES_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 1; i <= NODE_COMPARE_KEPT && count < WIRE_COMPARE_SAMPLES_MAX; i++) {
        const struct node_sample *sample =
            &compare->own[(compare->next + NODE_COMPARE_KEPT - i) % NODE_COMPARE_KEPT];
        if (sample->position != 0) {
            ret[count++] = *sample;
        }
    }
    return count;
}

/* The place of a node among the others. */
static uint32_t place_of(const struct node_compare *compare, kv_node_id node)
{
    uint32_t i = 0;
    while (i < KV_MEMBERS_MAX && compare->others[i].node.value != 0 &&
           !kv_node_equal(compare->others[i].node, node)) {
        i++;
    }
    return i;
}

/* How many others have named this digest at this position, against the own one. */
static uint32_t agreeing(const struct node_compare *compare, struct node_sample sample)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < KV_MEMBERS_MAX; i++) {
        count += compare->others[i].last.position == sample.position &&
                 compare->others[i].last.digest == sample.digest;
    }
    return count;
}

enum node_opinion node_compare_hear(struct node_compare *compare, kv_node_id from, uint32_t voters,
                                    const struct wire_compare *message, uint64_t *ret_at)
{
    const uint32_t place = place_of(compare, from);
    enum node_opinion opinion = NODE_OPINION_NONE;
    if (place == KV_MEMBERS_MAX) {
        return NODE_OPINION_NONE;
    }
    for (uint32_t i = 0; i < message->count; i++) {
        const struct node_sample theirs = {message->samples[i].position,
                                           message->samples[i].digest};
        const struct node_sample *own = own_at(compare, theirs.position);
        if (theirs.position == 0 || own == NULL || own->digest == theirs.digest) {
            continue;
        }
        opinion = compare->others[place].last.position == 0 ? NODE_OPINION_OTHER : opinion;
        compare->others[place].node = from;
        compare->others[place].last = theirs;
        *ret_at = theirs.position;
        if (agreeing(compare, theirs) * 2 > voters) {
            return NODE_OPINION_SELF;
        }
    }
    return opinion;
}
