/* SPDX-License-Identifier: Apache-2.0 */
/* check_replay: see the header for the list of what is checked. */
#include "tests/sim/check_replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/wire/footprint.h"
#include "bench/strict_order.h"

#define FAIL(...) sim_report_fail(report, "replay", __VA_ARGS__)

#define KEYS_MAX  256 /* of a run */

/* A message in the order of timestamps, and what the reference says of it. */
struct message {
    const struct wire_entry *entry;
    kv_timestamp timestamp;
    struct kv_buffer expected; /* encoded; empty: nothing to say */
    uint32_t operation;        /* of the history; UINT32_MAX: of a client that died */
};

struct replay {
    struct check_replay *check;
    struct sim_report *report;
    struct message *messages;
    uint32_t count, capacity;
    struct message **by_id;                 /* by session, sequence, then timestamp */
    const struct history_operation **reads; /* by timestamp */
    uint32_t read_count;
    struct strict_order *time;
    struct accessor {
        uint32_t operation;
        kv_timestamp timestamp;
        kv_slice body;
    } * accessors; /* commands of `time` */
    uint32_t accessor_count, accessor_capacity;
    kv_slice keys[KEYS_MAX];
    uint32_t key_count;
    bool present[KV_COMMAND_KEYS_MAX]; /* keys of a command, before it ran */
    struct wire_command command;
    struct wire_answer expected, given;
};

/* ---- Messages ---- */

static int compare_sequences(kv_message_id a, kv_message_id b)
{
    const int session = kv_session_compare(a.session, b.session);
    return session != 0 ? session : (a.sequence > b.sequence) - (a.sequence < b.sequence);
}

static int by_id(const void *left, const void *right)
{
    const struct message *a = *(struct message *const *)left;
    const struct message *b = *(struct message *const *)right;
    const int order = compare_sequences(a->entry->id, b->entry->id);
    return order != 0 ? order : kv_timestamp_compare(a->timestamp, b->timestamp);
}

/* The deliveries of all groups that are next, and have the smallest timestamp: one message. */
static bool next_message(struct replay *replay, uint64_t *positions, kv_timestamp *ret)
{
    bool any = false;
    for (uint32_t g = 0; g < replay->check->groups; g++) {
        const struct check_order *chronicle = &replay->check->chronicles[g];
        if (positions[g] < chronicle->count) {
            const kv_timestamp timestamp = chronicle->deliveries[positions[g]].timestamp;
            if (!any || kv_timestamp_compare(timestamp, *ret) < 0) {
                *ret = timestamp;
                any = true;
            }
        }
    }
    return any;
}

static bool is_same_message(const struct wire_entry *a, const struct wire_entry *b)
{
    return kv_message_id_equal(a->id, b->id) && a->destinations.bits == b->destinations.bits &&
           kv_slice_equal(wire_entry_body(a), wire_entry_body(b));
}

/* 1: every destination has it, and nobody else. */
static void check_destinations(struct replay *replay, const struct message *message)
{
    struct sim_report *report = replay->report;
    for (uint32_t g = 0; g < replay->check->groups; g++) {
        const struct check_order_delivery *delivery =
            check_order_find(&replay->check->chronicles[g], message->timestamp);
        const bool meant =
            kv_group_set_has(message->entry->destinations, (kv_group_id){(uint16_t)g});
        if (meant != (delivery != NULL)) {
            FAIL("sequence %" PRIu64 " to %" PRIx64 " with timestamp %" PRIu64 " is %s by group %u",
                 message->entry->id.sequence, message->entry->destinations.bits,
                 message->timestamp.clock.value, meant ? "not delivered" : "delivered", g);
        } else if (delivery != NULL && !is_same_message(delivery->entry, message->entry)) {
            FAIL("two messages have timestamp %" PRIu64, message->timestamp.clock.value);
        }
    }
}

static void gather_messages(struct replay *replay)
{
    uint64_t positions[KV_GROUPS_MAX] = {0};
    kv_timestamp timestamp = {0};
    while (next_message(replay, positions, &timestamp)) {
        if (replay->count == replay->capacity) {
            replay->capacity = replay->capacity == 0 ? 256 : 2 * replay->capacity;
            replay->messages =
                kv_realloc(replay->messages, replay->capacity * sizeof(*replay->messages));
        }
        struct message *message = &replay->messages[replay->count++];
        *message = (struct message){.timestamp = timestamp, .operation = UINT32_MAX};
        for (uint32_t g = 0; g < replay->check->groups; g++) {
            const struct check_order *chronicle = &replay->check->chronicles[g];
            if (positions[g] < chronicle->count &&
                kv_timestamp_compare(chronicle->deliveries[positions[g]].timestamp, timestamp) ==
                    0) {
                message->entry = chronicle->deliveries[positions[g]++].entry;
            }
        }
        check_destinations(replay, message);
    }
}

/* Which operation of the history each message is of. */
static void match_operations(struct replay *replay)
{
    const struct history *history = replay->check->history;
    replay->by_id = kv_alloc_zero(replay->count + 1, sizeof(struct message *));
    for (uint32_t i = 0; i < replay->count; i++) {
        replay->by_id[i] = &replay->messages[i];
    }
    qsort(replay->by_id, replay->count, sizeof(struct message *), by_id);
    for (uint32_t o = 0; o < history->count; o++) {
        const kv_message_id id = history->operations[o].id;
        uint32_t low = 0, high = replay->count;
        while (low < high) {
            const uint32_t middle = low + (high - low) / 2;
            const bool before = compare_sequences(replay->by_id[middle]->entry->id, id) < 0;
            low = before ? middle + 1 : low;
            high = before ? high : middle;
        }
        for (; low < replay->count && !history->operations[o].read && id.sequence > 0 &&
               compare_sequences(replay->by_id[low]->entry->id, id) == 0;
             low++) {
            replay->by_id[low]->operation = o;
        }
    }
}

/* ---- Real time ---- */

static uint32_t key_number(struct replay *replay, kv_slice key)
{
    uint32_t i = 0;
    while (i < replay->key_count && !kv_slice_equal(replay->keys[i], key)) {
        i++;
    }
    if (i == replay->key_count) {
        KV_ASSERT(i < KEYS_MAX);
        replay->keys[replay->key_count++] = key;
    }
    return i;
}

/* Whether an answer with this verdict tells something of the state. */
static bool observes(enum wire_verdict verdict)
{
    switch (verdict) {
    case WIRE_VERDICT_OK:
    case WIRE_VERDICT_NOT_FOUND:
    case WIRE_VERDICT_EXISTS:
    case WIRE_VERDICT_MISMATCH:
    case WIRE_VERDICT_NOT_A_NUMBER:
    case WIRE_VERDICT_OVERFLOW:
        return true;
    case WIRE_VERDICT_TOO_LARGE:
    case WIRE_VERDICT_STALE:
    case WIRE_VERDICT_REFUSED:
    case WIRE_VERDICT_SESSION_UNKNOWN:
    case WIRE_VERDICT_UNSUPPORTED:
    case WIRE_VERDICT_PINNED:
    case WIRE_VERDICT_DEFERRED:
    case WIRE_VERDICT_LOCKED:
    case WIRE_VERDICT_LOCK_LOST:
    case WIRE_VERDICT_SESSION_ENDED:
        return false;
    }
    KV_UNREACHABLE();
}

/* CREATE, DELETE and MOVE have a verdict for each key. */
static bool observes_key(const struct wire_answer *answer, uint32_t i)
{
    return i >= answer->place_count || observes(answer->places[i].verdict);
}

/* Of a key there are two variables: whether it exists, and what it holds. A CREATE that finds it existing asks its home, which
 * knows nothing of changes of what it holds elsewhere. */
static void note_key(struct replay *replay, uint32_t command, uint32_t i)
{
    const kv_slice key = replay->command.keys[i];
    const uint32_t number = key_number(replay, key);
    const bool appears_or_ends =
        replay->present[i] != reference_find(replay->check->reference, key).present;
    strict_order_access(replay->time, command, 2 * number, appears_or_ends);
    if (replay->command.op != WIRE_OP_CREATE || appears_or_ends) {
        strict_order_access(replay->time, command, 2 * number + 1,
                            (wire_command_use(&replay->command, i) & WIRE_USE_WRITE) != 0);
    }
}

/* What a scan has seen. */
static void note_rows(struct replay *replay, uint32_t scan)
{
    for (uint32_t i = 0; i < replay->expected.row_count; i++) {
        const uint32_t number = key_number(replay, replay->expected.rows[i].key);
        strict_order_access(replay->time, scan, 2 * number, false);
        strict_order_access(replay->time, scan, 2 * number + 1, false);
    }
}

/* Which of the keys of a command exist. */
static void note_presence(struct replay *replay, kv_slice body)
{
    if (wire_command_decode(body, &replay->command) == STATUS_OK &&
        replay->command.op != WIRE_OP_SCAN) {
        for (uint32_t i = 0; i < replay->command.key_count; i++) {
            replay->present[i] =
                reference_find(replay->check->reference, replay->command.keys[i]).present;
        }
    }
}

/* A command stands in the conflicts of all keys that replay->expected tells something of. `body` must live as long as the replay. */
static void note_access(struct replay *replay, uint32_t operation, kv_timestamp timestamp,
                        kv_slice body)
{
    const struct history *history = replay->check->history;
    uint64_t asked = 0, answered = HISTORY_NEVER;
    if (wire_command_decode(body, &replay->command) != STATUS_OK ||
        replay->command.op == WIRE_OP_WHERE) {
        return; /* where a key is, the oracle knows; it has no part in what is done to the value */
    }
    if (operation != UINT32_MAX) {
        asked = history->operations[operation].asked;
        answered = history->operations[operation].answered;
    }
    const uint32_t number = strict_order_add(replay->time, asked, answered);
    if (replay->command.op == WIRE_OP_SCAN) {
        note_rows(replay, number);
        return;
    }
    if (replay->accessor_count == replay->accessor_capacity) {
        replay->accessor_capacity = 2 * replay->accessor_capacity + 64;
        replay->accessors =
            kv_realloc(replay->accessors, replay->accessor_capacity * sizeof(*replay->accessors));
    }
    replay->accessors[replay->accessor_count++] = (struct accessor){operation, timestamp, body};
    for (uint32_t i = 0; i < replay->command.key_count; i++) {
        if (observes_key(&replay->expected, i)) {
            note_key(replay, number, i);
        }
    }
}

/* ---- Answers of the engines ---- */

/* 2: what the groups said of a message, against the reference. */
static void check_groups(struct replay *replay, const struct message *message)
{
    struct sim_report *report = replay->report;
    bool whole = false;
    const bool mark =
        wire_command_decode(wire_entry_body(message->entry), &replay->command) == STATUS_OK &&
        replay->command.op == WIRE_OP_MARK;
    for (uint32_t g = 0; g < replay->check->groups; g++) {
        if (!kv_group_set_has(message->entry->destinations, (kv_group_id){(uint16_t)g}) ||
            (mark && g > 0)) { /* nobody votes on a mark, so each group judges it by itself */
            continue;
        }
        const struct check_order_delivery *delivery =
            check_order_find(&replay->check->chronicles[g], message->timestamp);
        if (delivery == NULL || !delivery->answered ||
            wire_answer_decode(kv_buffer_slice(&delivery->answer), &replay->given) != STATUS_OK) {
            FAIL("group %u has not answered sequence %" PRIu64 " with timestamp %" PRIu64, g,
                 message->entry->id.sequence, message->timestamp.clock.value);
            return;
        }
        whole = whole || delivery->complete;
        const bool right = delivery->complete ? reference_same(&replay->expected, &replay->given)
                                              : replay->given.verdict == replay->expected.verdict;
        if (!right) {
            FAIL("group %u answers sequence %" PRIu64 " with timestamp %" PRIu64
                 " %s, the reference %s",
                 g, message->entry->id.sequence, message->timestamp.clock.value,
                 wire_verdict_name(replay->given.verdict),
                 wire_verdict_name(replay->expected.verdict));
        }
    }
    if (!whole) {
        FAIL("nobody has the answer to sequence %" PRIu64 " with timestamp %" PRIu64,
             message->entry->id.sequence, message->timestamp.clock.value);
    }
}

/* 5 */
static void replay_mark(struct replay *replay, const struct message *message)
{
    struct check_replay *check = replay->check;
    if (wire_command_decode(wire_entry_body(message->entry), &replay->command) == STATUS_OK &&
        replay->command.op == WIRE_OP_MARK) {
        check_cut_at(check->cuts, message->timestamp, check->reference, check->groups,
                     replay->report);
    }
}

static void replay_message(struct replay *replay, struct message *message)
{
    struct check_replay *check = replay->check;
    const struct wire_entry *entry = message->entry;
    uint64_t floors[KV_GROUPS_MAX] = {0};
    for (uint32_t g = 0; g < check->groups; g++) {
        const struct check_order_delivery *delivery =
            check_order_find(&check->chronicles[g], message->timestamp);
        floors[g] = delivery == NULL ? 0 : delivery->entry->floor;
    }
    const struct reference_message said = {.id = entry->id,
                                           .destinations = entry->destinations,
                                           .timestamp = message->timestamp,
                                           .body = wire_entry_body(entry),
                                           .floors = floors};
    note_presence(replay, said.body);
    switch (reference_run(check->reference, &said, &replay->expected)) {
    case REFERENCE_ANSWERED:
        check->stale += replay->expected.verdict == WIRE_VERDICT_STALE ? 1 : 0;
        check->pinned += replay->expected.verdict == WIRE_VERDICT_PINNED ? 1 : 0;
        check->errands += kv_message_id_is_execution(entry->id) ? 1 : 0;
        wire_answer_encode(&replay->expected, &message->expected);
        check_groups(replay, message);
        if (observes(replay->expected.verdict)) {
            note_access(replay, message->operation, message->timestamp, wire_entry_body(entry));
        }
        replay_mark(replay, message);
        return;
    case REFERENCE_PENDING:
    case REFERENCE_REPEATED:
    case REFERENCE_UNKNOWN:
        return;
    }
}

/* ---- Reads ---- */

static int by_timestamp(const void *left, const void *right)
{
    const struct history_operation *a = *(const struct history_operation *const *)left;
    const struct history_operation *b = *(const struct history_operation *const *)right;
    return kv_timestamp_compare(a->timestamp, b->timestamp);
}

static void gather_reads(struct replay *replay)
{
    const struct history *history = replay->check->history;
    replay->reads = kv_alloc_zero(history->count + 1, sizeof(struct history_operation *));
    for (uint32_t o = 0; o < history->count; o++) {
        const struct history_operation *operation = &history->operations[o];
        /* A stale read may have seen any part of what was delivered. */
        if (operation->state == HISTORY_ANSWERED && operation->read && !operation->stale) {
            replay->reads[replay->read_count++] = operation;
        }
    }
    qsort(replay->reads, replay->read_count, sizeof(struct history_operation *), by_timestamp);
}

static bool is_same_result(struct wire_answer *expected, struct wire_answer *given)
{
    given->place_count = expected->place_count = 0; /* a client may keep them for itself */
    return reference_same(expected, given);
}

/* 4 */
static void replay_read(struct replay *replay, const struct history_operation *read)
{
    struct sim_report *report = replay->report;
    if (!reference_read(replay->check->reference, read->group, kv_buffer_slice(&read->body),
                        &replay->expected) ||
        wire_answer_decode(kv_buffer_slice(&read->answer), &replay->given) != STATUS_OK) {
        FAIL("an answer to a read of client %u cannot be understood", read->client);
    } else if (!is_same_result(&replay->expected, &replay->given)) {
        FAIL("client %u reads at group %u, timestamp %" PRIu64 ": %s; the reference has %s",
             read->client, read->group.value, read->timestamp.clock.value,
             wire_verdict_name(replay->given.verdict), wire_verdict_name(replay->expected.verdict));
    } else {
        note_presence(replay, kv_buffer_slice(&read->body));
        note_access(replay, (uint32_t)(read - replay->check->history->operations), read->timestamp,
                    kv_buffer_slice(&read->body));
    }
}

static void replay_all(struct replay *replay)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i <= replay->count && !replay->report->failed; i++) {
        while (next < replay->read_count &&
               (i == replay->count || kv_timestamp_compare(replay->reads[next]->timestamp,
                                                           replay->messages[i].timestamp) < 0)) {
            replay_read(replay, replay->reads[next++]);
        }
        if (i < replay->count) {
            replay_message(replay, &replay->messages[i]);
        }
    }
}

/* ---- Answers to the clients ---- */

/* The verdict of a message on a key of CREATE, DELETE or MOVE; false: it does not name the key. */
static bool verdict_on(struct replay *replay, const struct message *message, kv_slice key,
                       enum wire_verdict *ret)
{
    if (message->expected.size == 0 ||
        wire_command_decode(wire_entry_body(message->entry), &replay->command) != STATUS_OK ||
        wire_answer_decode(kv_buffer_slice(&message->expected), &replay->expected) != STATUS_OK) {
        return false;
    }
    for (uint32_t i = 0; i < replay->command.key_count; i++) {
        if (kv_slice_equal(replay->command.keys[i], key)) {
            *ret = i < replay->expected.place_count ? replay->expected.places[i].verdict
                                                    : replay->expected.verdict;
            return true;
        }
    }
    return false;
}

/* An operation of several attempts: for each key the last one that named it counts. */
static void check_keys(struct replay *replay, const struct history_operation *operation,
                       uint32_t number)
{
    static struct wire_command asked;
    struct sim_report *report = replay->report;
    if (wire_command_decode(kv_buffer_slice(&operation->body), &asked) != STATUS_OK) {
        return;
    }
    for (uint32_t k = 0; k < asked.key_count; k++) {
        enum wire_verdict expected = WIRE_VERDICT_UNSUPPORTED;
        bool named = false;
        for (uint32_t i = 0; i < replay->count; i++) {
            if (replay->messages[i].operation == number) {
                named = verdict_on(replay, &replay->messages[i], asked.keys[k], &expected) || named;
            }
        }
        if (!named && replay->check->sessions_max != 0) {
            continue; /* done in a session that ended, from which it went on in another */
        }
        const enum status status =
            wire_answer_decode(kv_buffer_slice(&operation->answer), &replay->given);
        const bool right = status == STATUS_OK && k < replay->given.place_count &&
                           replay->given.places[k].verdict == expected;
        if (!right) {
            FAIL("client %u was told another verdict on key %u of operation %u (%s) than %s",
                 operation->client, k, number, wire_op_name(asked.op), wire_verdict_name(expected));
        }
    }
}

static void check_answer(struct replay *replay, const struct history_operation *operation)
{
    struct sim_report *report = replay->report;
    const struct message *found = NULL;
    for (uint32_t i = 0; i < replay->count; i++) {
        const struct message *message = &replay->messages[i];
        if (kv_timestamp_compare(message->timestamp, operation->timestamp) == 0 &&
            compare_sequences(message->entry->id, operation->id) == 0) {
            found = message;
        }
    }
    if (found == NULL || found->expected.size == 0) {
        FAIL("client %u has an answer to sequence %" PRIu64 " with timestamp %" PRIu64
             ", which was never delivered",
             operation->client, operation->id.sequence, operation->timestamp.clock.value);
        return;
    }
    if (wire_answer_decode(kv_buffer_slice(&found->expected), &replay->expected) != STATUS_OK ||
        wire_answer_decode(kv_buffer_slice(&operation->answer), &replay->given) != STATUS_OK ||
        !is_same_result(&replay->expected, &replay->given)) {
        FAIL("client %u was told %s about sequence %" PRIu64 ", the reference says %s",
             operation->client, wire_verdict_name(replay->given.verdict), operation->id.sequence,
             wire_verdict_name(replay->expected.verdict));
    }
}

/* Nothing of it may have been done. */
static void check_not_executed(struct replay *replay, const struct history_operation *operation,
                               uint32_t number)
{
    struct sim_report *report = replay->report;
    for (uint32_t i = 0; i < replay->count; i++) {
        const struct message *message = &replay->messages[i];
        if (message->operation != number || message->expected.size == 0 ||
            wire_answer_decode(kv_buffer_slice(&message->expected), &replay->expected) !=
                STATUS_OK) {
            continue;
        }
        /* With a verdict for each key, any of them. */
        bool done =
            replay->expected.verdict == WIRE_VERDICT_OK && replay->expected.place_count == 0;
        for (uint32_t k = 0; k < replay->expected.place_count; k++) {
            done = done || replay->expected.places[k].verdict == WIRE_VERDICT_OK;
        }
        if (done) {
            FAIL("client %u was told that sequence %" PRIu64 " was not executed, but it was",
                 operation->client, operation->id.sequence);
        }
    }
}

static bool changes_anything(const struct wire_command *command)
{
    bool changes = false;
    for (uint32_t i = 0; i < command->key_count; i++) {
        changes = changes || (wire_command_use(command, i) & WIRE_USE_WRITE) != 0;
    }
    return changes;
}

/* 3 */
static void check_clients(struct replay *replay)
{
    const struct history *history = replay->check->history;
    for (uint32_t o = 0; o < history->count && !replay->report->failed; o++) {
        const struct history_operation *operation = &history->operations[o];
        if (operation->read ||
            wire_command_decode(kv_buffer_slice(&operation->body), &replay->command) != STATUS_OK) {
            continue;
        }
        if (operation->state == HISTORY_NOT_EXECUTED && changes_anything(&replay->command)) {
            check_not_executed(replay, operation, o);
        } else if (operation->state == HISTORY_ANSWERED && wire_op_is_per_key(replay->command.op)) {
            check_keys(replay, operation, o);
        } else if (operation->state == HISTORY_ANSWERED) {
            check_answer(replay, operation);
        }
    }
}

/* ---- All of it ---- */

static void print_cycle(struct replay *replay, const uint32_t *cycle, uint32_t count)
{
    const struct history *history = replay->check->history;
    for (uint32_t i = 0; i < count && replay->check->trace != NULL; i++) {
        const struct accessor *accessor = &replay->accessors[cycle[i]];
        const enum status status = wire_command_decode(accessor->body, &replay->command);
        KV_ASSERT(status == STATUS_OK);
        fprintf(replay->check->trace, "  timestamp %" PRIu64 ".%u: %s of",
                accessor->timestamp.clock.value, accessor->timestamp.group.value,
                wire_op_name(replay->command.op));
        for (uint32_t k = 0; k < replay->command.key_count; k++) {
            fprintf(replay->check->trace, " %.*s", (int)replay->command.keys[k].size,
                    (const char *)replay->command.keys[k].data);
        }
        if (accessor->operation != UINT32_MAX) {
            const struct history_operation *operation = &history->operations[accessor->operation];
            fprintf(replay->check->trace,
                    ", operation %u of client %u, asked %" PRIu64 ", answered %" PRIu64,
                    accessor->operation, operation->client, operation->asked, operation->answered);
        }
        fprintf(replay->check->trace, "\n");
    }
}

static void check_end(struct replay *replay)
{
    struct sim_report *report = replay->report;
    uint32_t cycle[STRICT_ORDER_CYCLE_MAX];
    uint32_t count = 0;
    if (reference_alarms(replay->check->reference) > 0) {
        FAIL("%u executions by the oracle were late or out of turn",
             reference_alarms(replay->check->reference)); /* D7 */
    }
    if (reference_pending(replay->check->reference) > 0) {
        FAIL("%u commands that the oracle is to run were never run",
             reference_pending(replay->check->reference));
    }
    if (!strict_order_agrees(replay->time, cycle, &count)) {
        sim_report_fail(report, "time", "conflicts and real time make a cycle of %u commands",
                        count);
        print_cycle(replay, cycle, count);
    }
}

void check_replay_run(struct check_replay *check, struct sim_report *report)
{
    struct replay *replay = kv_alloc_zero(1, sizeof(*replay));
    replay->check = check;
    replay->report = report;
    replay->time = strict_order_new();
    check->reference = reference_new(check->groups - 1, check->sessions_max);
    gather_messages(replay);
    match_operations(replay);
    gather_reads(replay);
    if (!report->failed) {
        replay_all(replay);
    }
    if (!report->failed) {
        check_clients(replay);
    }
    if (!report->failed) {
        check_end(replay);
    }
    for (uint32_t i = 0; i < replay->count; i++) {
        kv_buffer_close(&replay->messages[i].expected);
    }
    strict_order_close(&replay->time);
    kv_free(replay->messages);
    kv_free(replay->by_id);
    kv_free(replay->accessors);
    kv_free(replay->reads);
    kv_free(replay);
}

void check_replay_close(struct check_replay *check)
{
    if (check->reference != NULL) {
        reference_close(&check->reference);
    }
}
