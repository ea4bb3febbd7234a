/* SPDX-License-Identifier: Apache-2.0 */
/* check_order: see the header for the list of what is checked. */
#include "tests/sim/check_order.h"

#include <inttypes.h>
#include <string.h>

#include "tests/reference/reference.h"

#define FAIL(...) sim_report_fail(report, "order", __VA_ARGS__)

void check_order_close(struct check_order *check)
{
    for (uint64_t i = 0; i < check->count; i++) {
        wire_entry_drop(&check->deliveries[i].entry);
        kv_buffer_close(&check->deliveries[i].answer);
    }
    kv_free(check->deliveries);
    memset(check, 0, sizeof(*check));
}

static void extend(struct check_order *check, struct sim_report *report,
                   const struct order_delivery *delivery)
{
    if (check->count > 0 && kv_timestamp_compare(check->deliveries[check->count - 1].timestamp,
                                                 delivery->timestamp) >= 0) {
        FAIL("group %u: position %" PRIu64 " has timestamp %" PRIu64 ", not above the one before",
             check->group.value, delivery->position, delivery->timestamp.clock.value);
        return;
    }
    if (check->count == check->capacity) {
        check->capacity = check->capacity == 0 ? 128 : 2 * check->capacity;
        check->deliveries =
            kv_realloc(check->deliveries, check->capacity * sizeof(*check->deliveries));
    }
    check->deliveries[check->count++] = (struct check_order_delivery){
        .entry = wire_entry_keep(delivery->entry), .timestamp = delivery->timestamp};
}

void check_order_delivered(struct check_order *check, struct sim_report *report, kv_node_id node,
                           const struct order_delivery *delivery)
{
    uint64_t *last = &check->positions[node.value];
    if (delivery->position != *last + 1 || delivery->position > check->count + 1) {
        FAIL("group %u: node %u delivers position %" PRIu64 " behind %" PRIu64
             ", the longest has %" PRIu64,
             check->group.value, node.value, delivery->position, *last, check->count);
        return;
    }
    *last = delivery->position;
    if (delivery->position == check->count + 1) {
        extend(check, report, delivery);
        return;
    }
    const struct check_order_delivery *kept = &check->deliveries[delivery->position - 1];
    if (kv_timestamp_compare(kept->timestamp, delivery->timestamp) != 0 ||
        !kv_message_id_equal(kept->entry->id, delivery->entry->id) ||
        kept->entry->index.value != delivery->entry->index.value) {
        FAIL("group %u: node %u delivers index %" PRIu64 " at position %" PRIu64
             ", another member index %" PRIu64,
             check->group.value, node.value, delivery->entry->index.value, delivery->position,
             kept->entry->index.value);
    }
}

struct check_order_delivery *check_order_find(const struct check_order *check,
                                              kv_timestamp timestamp)
{
    uint64_t low = 0, high = check->count;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        const int order = kv_timestamp_compare(check->deliveries[middle].timestamp, timestamp);
        if (order == 0) {
            return &check->deliveries[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

static bool is_same_answer(kv_slice first, kv_slice second)
{
    static struct wire_answer a, b;
    return wire_answer_decode(first, &a) == STATUS_OK &&
           wire_answer_decode(second, &b) == STATUS_OK && reference_same(&a, &b);
}

void check_order_answered(struct check_order *check, struct sim_report *report, kv_node_id node,
                          const struct engine_reply *reply)
{
    struct check_order_delivery *kept = check_order_find(check, reply->timestamp);
    if (kept == NULL) {
        FAIL("group %u: node %u answers sequence %" PRIu64 ", which was never delivered",
             check->group.value, node.value, reply->id.sequence);
    } else if (!kept->answered) {
        kept->answered = true;
        kept->complete = reply->complete;
        kv_buffer_append(&kept->answer, reply->answer.data, reply->answer.size);
    } else if (kept->complete != reply->complete ||
               !is_same_answer(kv_buffer_slice(&kept->answer), reply->answer)) {
        FAIL("group %u: node %u answers sequence %" PRIu64 " in another way than another member",
             check->group.value, node.value, reply->id.sequence);
    }
}

void check_order_goes_on(struct check_order *check, struct sim_report *report, kv_node_id node,
                         uint64_t position, kv_timestamp cursor)
{
    if (position > check->count) {
        FAIL("group %u: node %u claims %" PRIu64 " deliveries, only %" PRIu64 " were ever made",
             check->group.value, node.value, position, check->count);
    } else if (position > 0 &&
               kv_timestamp_compare(check->deliveries[position - 1].timestamp, cursor) != 0) {
        FAIL("group %u: node %u goes on at position %" PRIu64 " with another cursor",
             check->group.value, node.value, position);
    }
    check->positions[node.value] = position;
}
