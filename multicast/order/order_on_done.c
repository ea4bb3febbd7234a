/* SPDX-License-Identifier: Apache-2.0 */
/* DONE_REQUEST, DONE, FORGET: who still needs what about a message. [rules 34, 35] */
#include "multicast/order/order_internal.h"

void order_on_done_request(struct order *order, const struct wire_message *message)
{
    const struct wire_done_request *request = &message->as.done_request;
    const struct order_message *known = order_messages_find(&order->messages, request->id);
    bool done = known != NULL && known->resolve_committed;
    if (known == NULL) {
        switch (order_sessions_look(order_sessions_of(order, request->id), request->id)) {
        case ORDER_ID_NEW:
            break; /* we are behind: whoever asks has resolved it */
        case ORDER_ID_FORGOTTEN:
            done = true;
            break;
        case ORDER_ID_BELOW_FLOOR:
            order_confirm(order, &(struct order_doubt){.kind = WIRE_MESSAGE_DONE_REQUEST,
                                                       .id = request->id,
                                                       .group = request->speaker.group,
                                                       .from = message->from});
            break;
        }
    }
    if (done) {
        order_send_done(order, request->id, request->speaker.group, message->from);
    }
}

/* Whoever asks has resolved the message, so our PROPOSE was committed before: a log that holds everything committed and
 * has no record of it has forgotten it. */
void order_answer_done_request(struct order *order, const struct order_doubt *doubt)
{
    const struct order_message *known = order_messages_find(&order->messages, doubt->id);
    if (known == NULL || known->resolve_committed) {
        order_send_done(order, doubt->id, doubt->group, doubt->from);
    }
}

void order_on_done(struct order *order, const struct wire_message *message)
{
    const struct wire_done *done = &message->as.done;
    struct order_message *known = order_messages_find(&order->messages, done->id);
    struct order_fact *fact = known == NULL ? NULL : order_message_fact(known, done->speaker.group);
    if (fact == NULL) {
        return;
    }
    fact->done = true; /* stable: a committed RESOLVE stays committed */
    order_maybe_forget(order, known);
}

void order_on_forget(struct order *order, const struct wire_message *message)
{
    if (!kv_group_equal(message->as.forget.speaker.group, order->group)) {
        return;
    }
    struct order_message *known = order_messages_find(&order->messages, message->as.forget.id);
    if (known == NULL) {
        return;
    }
    for (uint32_t i = 0; i < known->fact_count; i++) {
        known->facts[i].done = true; /* the sender had a DONE of each */
    }
    order_maybe_forget(order, known);
}
