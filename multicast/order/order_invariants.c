/* SPDX-License-Identifier: Apache-2.0 */
/* order_invariants: what must hold at one member behind every step; each clause costs O(1). */
#include "multicast/order/order_internal.h"

void order_check(const struct order *order)
{
    const struct order_message *first = order_candidates_first(&order->candidates);
    KV_ASSERT(order->scanned.value == raft_commit(order->raft).value);
    KV_ASSERT(order->scanned_reach.value <= order_tail_reach(order).value); /* O1 */
    KV_ASSERT(order->candidates.count <= order->messages.count);
    /* O4: what could be delivered has been */
    KV_ASSERT(first == NULL || !first->has_final ||
              first->key.clock.value > order->scanned_reach.value);
}
