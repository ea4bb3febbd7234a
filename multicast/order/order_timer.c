/* SPDX-License-Identifier: Apache-2.0 */
/* order_timer: what is said again until it is not needed any more. [rules 9, 11, 34, 37]
 *
 * A leader repeats SOFT for what it cannot resolve, RESOLVE for what it could not append, and DONE_REQUEST for what it has
 * resolved. A follower asks for DONE only long after its leader should have told it to forget. Pauses double. */
#include "multicast/order/order_internal.h"

/* Messages that one tick speaks about: a burst after a restart is spread over several ticks. */
#define TICK_MESSAGES_MAX 256

/* Doublings of a pause. */
#define BACKOFF_MAX 6

/* Longest pause between two questions of a follower: a leader's retries, counted before, may not make it last for minutes. */
#define FOLLOWER_DONE_US_MAX (UINT64_C(4) * ORDER_FOLLOWER_DONE_US)

void order_schedule(struct order *order, struct order_message *message, uint64_t after_us)
{
    message->retry_at = kv_instant_add(order->now, after_us);
    order->wake = kv_instant_min(order->wake, message->retry_at);
}

static void schedule_with_backoff(struct order *order, struct order_message *message)
{
    uint32_t doublings = message->retries < BACKOFF_MAX ? message->retries : BACKOFF_MAX;
    uint64_t first = order_leads(order) ? order->settings.retry_us : ORDER_FOLLOWER_DONE_US;
    uint64_t longest = order_leads(order) ? ORDER_RETRY_US_MAX : FOLLOWER_DONE_US_MAX;
    uint64_t pause = first << doublings;
    message->retries++;
    order_schedule(order, message, pause < longest ? pause : longest);
}

static void retry(struct order *order, struct order_message *message)
{
    bool leads = order_leads(order);
    message->retry_at = KV_INSTANT_NEVER;
    if (message->resolve_committed) {
        if (!order_message_all_done(message)) {
            order_send_done_requests(order, message);
            schedule_with_backoff(order, message);
        }
    } else if (leads && !message->has_final) {
        order_send_soft(order, message, true);
        schedule_with_backoff(order, message);
    } else if (leads) {
        order_maybe_resolve(order, message); /* schedules itself if it cannot */
    }
}

void order_on_tick(struct order *order)
{
    if (!kv_instant_reached(order->wake, order->now)) {
        return;
    }
    order->wake = KV_INSTANT_NEVER;
    uint32_t spoken = 0;
    for (struct order_message *message = order->messages.first; message != NULL;) {
        struct order_message *next = message->next;
        if (spoken == TICK_MESSAGES_MAX) {
            order->wake = order->now; /* the rest at the next tick, without looking at it now */
            break;
        }
        if (kv_instant_reached(message->retry_at, order->now)) {
            spoken++;
            retry(order, message);
        } else {
            order->wake = kv_instant_min(order->wake, message->retry_at);
        }
        message = next;
    }
}

/* [rule 7] A new leader serves at once; it says what it waits for to everyone, because leaders may have changed there too. */
void order_on_elected(struct order *order)
{
    for (struct order_message *message = order->messages.first; message != NULL;
         message = message->next) {
        message->retries = 0;
        if (!message->has_final) {
            order_send_soft(order, message, true);
            schedule_with_backoff(order, message);
        } else if (message->resolve_committed) {
            order_schedule(order, message, order->settings.retry_us);
        } else {
            order_maybe_resolve(order, message);
        }
    }
}
