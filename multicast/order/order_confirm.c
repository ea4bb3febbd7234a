/* SPDX-License-Identifier: Apache-2.0 */
/* order_confirm: answers that only a leader can give, and only while it knows that it leads.
 *
 * "I have no record of it" proves something only at a member whose log has everything that was committed when the question
 * came. So the question waits for a ReadIndex of raft: a majority confirms that nobody else had taken over. */
#include "multicast/order/order_internal.h"

/* Marks the reads of order among those of its caller. */
#define TOKEN_OWN (UINT64_C(1) << 63)

void order_confirm(struct order *order, const struct order_doubt *doubt)
{
    uint64_t token = TOKEN_OWN | ++order->doubt_next;
    struct raft_event read = {.kind = RAFT_EVENT_READ, .now = order->now, .token = token};
    if (!order_leads(order) || raft_step(order->raft, &read, &order->effects->raft) != STATUS_OK) {
        return; /* whoever asks has asked everyone, and will ask again */
    }
    struct order_doubt *slot = &order->doubts[order->doubt_next % ORDER_DOUBTS_MAX];
    *slot = *doubt;
    slot->token = token;
}

static void answer(struct order *order, const struct order_doubt *doubt)
{
    if (doubt->kind == WIRE_MESSAGE_ASK) {
        order_answer_ask(order, doubt);
    } else {
        order_answer_done_request(order, doubt);
    }
}

/* The own reads leave the effects; those of the caller keep their order. */
void order_take_confirmed(struct order *order, uint32_t from)
{
    struct raft_effects *effects = &order->effects->raft;
    uint32_t kept = from;
    for (uint32_t i = from; i < effects->read_count; i++) {
        const struct raft_read read = effects->reads[i];
        struct order_doubt *doubt = &order->doubts[read.token % ORDER_DOUBTS_MAX];
        if ((read.token & TOKEN_OWN) == 0) {
            effects->reads[kept++] = read;
        } else if (doubt->token == read.token) {
            doubt->token = 0;
            if (read.ready && order->scanned.value >= read.index.value) {
                answer(order, doubt);
            }
        }
    }
    effects->read_count = kept;
}
