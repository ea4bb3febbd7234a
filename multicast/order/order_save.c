/* SPDX-License-Identifier: Apache-2.0 */
/* order_save: the ordering state beside a snapshot of the application. [rules 28-32]
 *
 *   u64 version, F, cursor clock, cursor group, delivered, record count; then for each record, in the order of the log:
 *   u64 flags, final clock, final group, bytes, and the entry; then the sessions. All little endian.
 *
 * Facts are volatile and left out; so are uncommitted messages, which are in the log, and the ids of the application's own messages: those
 * of before are asked about. */
#include "multicast/order/order_internal.h"
#include "multicast/order/order_bytes.h"
#include "multicast/wire/codec.h"

#define SAVE_VERSION   1

#define FLAG_FINAL     1u
#define FLAG_RESOLVED  2u
#define FLAG_DELIVERED 4u
#define FLAGS_ALL      7u

static void save_record(const struct order_message *message, struct kv_buffer *ret)
{
    uint64_t flags = (message->has_final ? FLAG_FINAL : 0) |
                     (message->resolve_committed ? FLAG_RESOLVED : 0) |
                     (message->delivered ? FLAG_DELIVERED : 0);
    struct kv_buffer entry = {0};
    wire_entry_encode(message->entry, &entry);
    order_put_u64(ret, flags);
    order_put_u64(ret, message->final.clock.value);
    order_put_u64(ret, message->final.group.value);
    order_put_u64(ret, entry.size);
    kv_buffer_append(ret, entry.data, entry.size);
    kv_buffer_close(&entry);
}

/* Undelivered commands are only among the candidates; PROPOSEs have a list of their own. Both are in the order of the log,
 * and records are written in one merged order, because candidates must come in that order. */
void order_save(const struct order *order, struct kv_buffer *ret)
{
    uint64_t count = 0;
    size_t count_at;
    order_put_u64(ret, SAVE_VERSION);
    order_put_u64(ret, order->scanned_reach.value);
    order_put_u64(ret, order->cursor.clock.value);
    order_put_u64(ret, order->cursor.group.value);
    order_put_u64(ret, order->delivered);
    count_at = ret->size;
    order_put_u64(ret, 0);
    const struct order_message *propose = order->messages.first,
                               *command = order->candidates.earliest;
    for (;;) {
        while (propose != NULL && !propose->committed) {
            propose = propose->next;
        }
        while (command != NULL && !order_message_is_command(command)) {
            command = command->later;
        }
        if (propose == NULL && command == NULL) {
            break;
        }
        bool take_propose = command == NULL || (propose != NULL && propose->entry->index.value <
                                                                       command->entry->index.value);
        save_record(take_propose ? propose : command, ret);
        count++;
        propose = take_propose ? propose->next : propose;
        command = take_propose ? command : command->later;
    }
    struct kv_buffer number = {0};
    order_put_u64(&number, count);
    for (size_t i = 0; i < number.size; i++) {
        ret->data[count_at + i] = number.data[i];
    }
    kv_buffer_close(&number);
    order_sessions_save(&order->sessions, ret);
}

void order_save_clean(kv_timestamp cut, struct kv_buffer *ret)
{
    const struct order_sessions none = {.dropped = {cut}};
    order_put_u64(ret, SAVE_VERSION);
    order_put_u64(ret, cut.clock.value);
    order_put_u64(ret, cut.clock.value);
    order_put_u64(ret, cut.group.value);
    order_put_u64(ret, 0); /* the delivered sequence begins anew */
    order_put_u64(ret, 0);
    order_sessions_save(&none, ret);
}

static bool load_record(struct order *order, kv_slice *bytes)
{
    uint64_t flags, clock, group, size;
    if (!order_take_u64(bytes, &flags) || !order_take_u64(bytes, &clock) ||
        !order_take_u64(bytes, &group) || !order_take_u64(bytes, &size) || flags > FLAGS_ALL ||
        group > UINT16_MAX || size > bytes->size) {
        return false;
    }
    struct wire_entry *entry = NULL;
    if (wire_entry_decode(kv_slice_of(bytes->data, (size_t)size), &entry) != STATUS_OK) {
        return false;
    }
    bytes->data += size;
    bytes->size -= (size_t)size;
    const struct order_message *latest = order->candidates.latest;
    bool good = (entry->kind == WIRE_ENTRY_CMD || entry->kind == WIRE_ENTRY_PROPOSE) &&
                kv_group_set_has(entry->destinations, order->group) &&
                order_messages_find(&order->messages, entry->id) == NULL &&
                entry->index.value <= raft_snapshot_index(order->raft).value &&
                (latest == NULL || latest->entry->index.value < entry->index.value);
    if (good) {
        struct order_message *message = order_messages_add(&order->messages, entry, order->group);
        message->committed = true;
        message->has_final = message->has_final || (flags & FLAG_FINAL) != 0;
        if (entry->kind == WIRE_ENTRY_PROPOSE) {
            message->final = (kv_timestamp){{clock}, {(uint16_t)group}};
        }
        message->resolve_committed = (flags & FLAG_RESOLVED) != 0;
        message->delivered = (flags & FLAG_DELIVERED) != 0;
        if (!message->delivered) {
            order_candidates_insert(&order->candidates, message,
                                    message->has_final ? message->final : entry->timestamp);
        }
        order_take_oracle(order, message);
        order_schedule(order, message, ORDER_FOLLOWER_DONE_US);
    }
    wire_entry_drop(&entry);
    return good;
}

static void forget_everything(struct order *order)
{
    while (order->candidates.earliest != NULL) {
        order_candidates_remove(&order->candidates, order->candidates.earliest);
    }
    order_messages_close(&order->messages);
    order_tail_close(&order->tail);
}

enum status order_load(struct order *order, kv_slice bytes)
{
    uint64_t version, reach, clock, group, delivered, count;
    if (!order_take_u64(&bytes, &version) || version != SAVE_VERSION ||
        !order_take_u64(&bytes, &reach) || !order_take_u64(&bytes, &clock) ||
        !order_take_u64(&bytes, &group) || group > UINT16_MAX ||
        !order_take_u64(&bytes, &delivered) || !order_take_u64(&bytes, &count)) {
        return STATUS_CORRUPT;
    }
    forget_everything(order);
    order_questions_drop(order); /* what was asked about may have come and gone in the snapshot */
    order->scanned = raft_snapshot_index(order->raft);
    order->scanned_reach.value = reach;
    order->cursor = (kv_timestamp){{clock}, {(uint16_t)group}};
    order->delivered = delivered;
    for (uint64_t i = 0; i < count; i++) {
        if (!load_record(order, &bytes)) {
            return STATUS_CORRUPT;
        }
    }
    if (order_sessions_load(&order->sessions, &bytes) != STATUS_OK || bytes.size != 0) {
        return STATUS_CORRUPT;
    }
    order_sessions_start(&order->own, (kv_session_id){order->cursor});
    /* What the log holds behind the snapshot. */
    for (uint64_t i = order->scanned.value + 1; i <= raft_last(order->raft).value; i++) {
        order_follow_entry(order, raft_entry(order->raft, (kv_index){i}));
    }
    return STATUS_OK;
}
