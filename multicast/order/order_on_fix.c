/* SPDX-License-Identifier: Apache-2.0 */
/* FIX: the committed proposal of another group. [rules 15, 19] */
#include "multicast/order/order_internal.h"

void order_on_fix(struct order *order, const struct wire_message *message)
{
    const struct wire_fix *fix = &message->as.fix;
    struct order_message *known = order_messages_find(&order->messages, fix->id);
    struct order_fact *fact = known == NULL ? NULL : order_message_fact(known, fix->speaker.group);
    if (fact == NULL || known->has_final) {
        return; /* not ours, or not needed any more */
    }
    if (!kv_group_equal(fix->lts.group, fix->speaker.group) ||
        fix->lts.clock.value >= ORDER_CLOCK_MAX ||
        (fact->fixed && kv_timestamp_compare(fact->lts, fix->lts) != 0)) {
        ORDER_TRACE(order, TRACE_DECISION, "a FIX of group %u contradicts what is known -> ignore",
                    (unsigned)fix->speaker.group.value);
        return;
    }
    order_fact_fixed(order, known, fact, fix->lts);
}
