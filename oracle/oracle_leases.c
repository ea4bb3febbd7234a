/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_leases: locks, how long they last, and ordered time. [docs/protocol/locks.md]
 *
 * 1. A lease begins when its LOCK has executed here, and ends with the REVOKE that this oracle has ordered among the commands of its
 *    holder. All commands about one token stand in one line (its variable), so whether a renewal or a revoke came first is a
 *    matter of the order, not of a clock.
 * 2. Time is the sum of TICKs. When a lease expires is each member's own reckoning of it, from the moment at which it executed the
 *    grant or the renewal, which is never before that moment's place in the order: so it is late at most, and no part of the state.
 *    What it leads to, a REVOKE, names the renewals that it knows of, and does nothing if there was another one.
 * 3. UNLOCK ends a lease the same way: by a REVOKE, which no renewal beats any more. */
#include <stdio.h>

#include "oracle/oracle_internal.h"

/* What a lease begins with. */
static bool begins(enum wire_op op)
{
    return op == WIRE_OP_LOCK || op == WIRE_OP_SESSION_BEGIN;
}

static struct oracle_session_key key_of(kv_timestamp token)
{
    return (struct oracle_session_key){token.clock.value, token.group.value};
}

static kv_timestamp token_of(const struct oracle_lease *lease)
{
    return (kv_timestamp){{lease->key.clock}, {(uint16_t)lease->key.group}};
}

static struct oracle_lease *lease_find(const struct oracle_leases *leases, kv_timestamp token)
{
    const struct oracle_session_key key = key_of(token);
    struct oracle_lease *lease = NULL;
    if (leases->by_token != NULL) {
        HASH_FIND(hh, leases->by_token, &key, sizeof(key), lease);
    }
    return lease;
}

static uint64_t lease_hash(const struct oracle_lease *lease)
{
    const uint64_t parts[] = {
        lease->key.clock,
        lease->key.group,
        lease->renewals,
        lease->unlocked ? 1 : 0,
        lease->session.registered.clock.value,
        oracle_hash(lease->asked.data, lease->asked.size),
    };
    return oracle_hash(parts, sizeof(parts));
}

static struct oracle_lease *lease_new(struct oracle_leases *leases, kv_timestamp token,
                                      kv_session_id session, enum wire_op op, kv_slice asked)
{
    struct oracle_lease *lease = kv_alloc_zero(1, sizeof(*lease));
    lease->key = key_of(token);
    lease->session = session;
    lease->locks = op == WIRE_OP_LOCK;
    lease->since = leases->now;
    kv_buffer_append(&lease->asked, asked.data, asked.size);
    HASH_ADD(hh, leases->by_token, key, sizeof(lease->key), lease);
    return lease;
}

/* Its end is wanted no more. */
static void lease_stay(struct oracle_leases *leases, struct oracle_lease *lease)
{
    if (!lease->ending) {
        return;
    }
    if (lease->number != 0) {
        TAILQ_REMOVE(&leases->sent, lease, link);
        leases->sent_count[lease->locks]--;
    } else {
        TAILQ_REMOVE(&leases->ending[lease->locks], lease, link);
    }
    lease->ending = false;
    lease->number = 0;
}

static void lease_free(struct oracle_leases *leases, struct oracle_lease *lease)
{
    if (lease->held) {
        leases->digest -= lease_hash(lease);
        leases->held--;
    }
    lease_stay(leases, lease);
    HASH_DELETE(hh, leases->by_token, lease);
    kv_buffer_close(&lease->asked);
    kv_buffer_close(&lease->body);
    kv_free(lease);
}

void oracle_leases_init(struct oracle_leases *leases)
{
    TAILQ_INIT(&leases->ending[false]);
    TAILQ_INIT(&leases->ending[true]);
    TAILQ_INIT(&leases->sent);
}

void oracle_leases_clear(struct oracle_leases *leases)
{
    while (leases->by_token != NULL) {
        lease_free(leases, leases->by_token);
    }
    KV_ASSERT(leases->held == 0 && leases->digest == 0);
    leases->now = 0;
    leases->seen = (kv_timestamp){0};
}

void oracle_leases_close(struct oracle_leases *leases)
{
    kv_buffer_close(&leases->tick);
    kv_free(leases->texts);
}

bool oracle_lease_is_full(const struct oracle_machine *machine)
{
    return begins(machine->command.op) && HASH_COUNT(machine->leases.by_token) >= ORACLE_LEASES_MAX;
}

void oracle_lease_footprint(struct oracle_machine *machine, struct machine_footprint *ret)
{
    struct oracle_leases *leases = &machine->leases;
    const kv_timestamp token =
        begins(machine->command.op) ? machine->context.timestamp : machine->command.token;
    const struct oracle_session_key key = key_of(token);
    memcpy(leases->variable, &key, sizeof(key));
    if (!begins(machine->command.op)) {
        ret->count = 0; /* [L6] others may wait at the oracle for the keys that it holds */
    }
    ret->variables[ret->count++] = (struct machine_variable){
        .key = kv_slice_of(leases->variable, sizeof(leases->variable)), .write = true};
}

static const struct wire_command *lease_asked(struct oracle_machine *machine,
                                              const struct oracle_lease *lease)
{
    const enum status status =
        wire_command_decode(kv_buffer_slice(&lease->asked), &machine->dispatch);
    KV_ASSERT(status == STATUS_OK); /* it was opened before */
    return &machine->dispatch;
}

bool oracle_lease_address(struct oracle_machine *machine, struct kv_buffer *ret)
{
    struct wire_command *command = &machine->command;
    const struct oracle_lease *lease = lease_find(&machine->leases, command->token);
    if (lease == NULL || !lease->held) {
        return false;
    }
    const struct wire_command *lock = lease_asked(machine, lease);
    for (uint32_t i = 0; i < command->key_count; i++) {
        uint32_t at = 0;
        while (at < lock->key_count && !kv_slice_equal(lock->keys[at], command->keys[i])) {
            at++;
        }
        if (at == lock->key_count) {
            return false;
        }
        command->owners[i] = lock->owners[at];
    }
    command->exec = false;
    command->owner_count = command->key_count;
    const kv_group_set groups = wire_command_destinations(command, machine->partitions);
    const bool fits = !kv_group_set_has(groups, KV_GROUP_ORACLE);
    if (fits) {
        wire_command_encode(command, ret);
    }
    return fits;
}

/* ---- Life ---- */

static void lease_hold(struct oracle_machine *machine, struct oracle_lease *lease)
{
    struct oracle_leases *leases = &machine->leases;
    KV_ASSERT(!lease->held);
    lease->held = true;
    lease->since = leases->now;
    leases->held++;
    leases->digest += lease_hash(lease);
}

static void lease_extend(struct oracle_machine *machine, struct oracle_lease *lease,
                         const struct wire_command *asked)
{
    lease->left = (uint64_t)asked->ttl_ms * 1000;
    lease->armed = machine->leases.seen;
    lease_stay(&machine->leases, lease);
}

enum wire_verdict oracle_lease_vote(struct oracle_machine *machine)
{
    const struct wire_command *command = &machine->command;
    struct oracle_leases *leases = &machine->leases;
    if (begins(command->op)) {
        if (lease_find(leases, machine->context.timestamp) == NULL) {
            (void)lease_new(leases, machine->context.timestamp, machine->context.id.session,
                            command->op, machine->body);
        }
        return WIRE_VERDICT_OK;
    }
    const struct oracle_lease *lease = lease_find(leases, command->token);
    if (lease == NULL) {
        return WIRE_VERDICT_LOCK_LOST;
    }
    /* L8: a renewal that came first beats it. */
    return !lease->unlocked && lease->renewals > (uint64_t)command->number ? WIRE_VERDICT_LOCKED
                                                                           : WIRE_VERDICT_OK;
}

void oracle_lease_execute(struct oracle_machine *machine, enum wire_verdict verdict)
{
    struct oracle_leases *leases = &machine->leases;
    if (begins(machine->command.op)) {
        struct oracle_lease *lease = lease_find(leases, machine->context.timestamp);
        if (verdict != WIRE_VERDICT_OK) {
            if (lease != NULL) {
                lease_free(leases, lease);
            }
            return;
        }
        if (lease == NULL) { /* it waited when this member was loaded */
            lease = lease_new(leases, machine->context.timestamp, machine->context.id.session,
                              machine->command.op, machine->body);
        }
        lease_hold(machine, lease);
        lease_extend(machine, lease, &machine->command);
        return;
    }
    struct oracle_lease *lease = lease_find(leases, machine->command.token);
    if (lease != NULL && verdict != WIRE_VERDICT_LOCKED) {
        lease_free(leases, lease); /* a NO of another kind: its owners do not know it */
    }
}

static void lease_end(struct oracle_leases *leases, struct oracle_lease *lease)
{
    lease_stay(leases, lease); /* an end that no renewal beats is another message */
    lease->ending = true;
    TAILQ_INSERT_TAIL(&leases->ending[lease->locks], lease, link);
}

/* [T2] Whether time that was measured from there on counts. */
static bool is_armed(const struct oracle_lease *lease, kv_timestamp since)
{
    return kv_timestamp_compare(since, lease->armed) >= 0;
}

static void pass_time(struct oracle_leases *leases, struct oracle_lease *lease, uint64_t us)
{
    if (lease->left > us) {
        lease->left -= us;
    } else {
        lease->left = 0;
        lease_end(leases, lease);
    }
}

void oracle_lease_alone(struct oracle_machine *machine, struct wire_answer *ret)
{
    const struct wire_command *command = &machine->command;
    struct oracle_leases *leases = &machine->leases;
    struct oracle_lease *lease;
    if (command->op == WIRE_OP_TICK) {
        leases->now += (uint64_t)command->number;
        for (lease = leases->by_token; lease != NULL; lease = lease->hh.next) {
            if (lease->held && !lease->ending && is_armed(lease, command->token)) {
                pass_time(leases, lease, (uint64_t)command->number);
            }
        }
        return;
    }
    lease = lease_find(leases, command->token);
    if (lease == NULL || !lease->held || lease->unlocked) {
        ret->verdict = WIRE_VERDICT_LOCK_LOST;
        return;
    }
    leases->digest -= lease_hash(lease);
    if (command->op == WIRE_OP_UNLOCK) {
        lease->unlocked = true;
        lease_end(leases, lease);
    } else {
        lease->renewals++;
        lease_extend(machine, lease, lease_asked(machine, lease));
    }
    leases->digest += lease_hash(lease);
}

/* ---- What the oracle says itself ---- */

/* Numbers are given when there is room, so that they ascend with what is handed on. */
static void send_ends(struct oracle_machine *machine, bool locks)
{
    struct oracle_leases *leases = &machine->leases;
    struct oracle_lease_list *ending = &leases->ending[locks];
    struct oracle_lease *lease;
    while (leases->sent_count[locks] < ORACLE_ENDS_MAX && (lease = TAILQ_FIRST(ending)) != NULL) {
        TAILQ_REMOVE(ending, lease, link);
        lease->number = ++machine->pins.dispatched;
        TAILQ_INSERT_TAIL(&leases->sent, lease, link);
        leases->sent_count[locks]++;
    }
}

void oracle_leases_send(struct oracle_machine *machine)
{
    send_ends(machine, /* locks */ true);
    send_ends(machine, /* locks */ false);
}

bool oracle_lease_next(struct oracle_machine *machine, uint64_t after, uint64_t before,
                       struct machine_dispatch *ret)
{
    struct oracle_lease *next;
    TAILQ_FOREACH(next, &machine->leases.sent, link)
    {
        if (next->number > after) {
            break;
        }
    }
    if (next == NULL || next->number >= before) {
        return false;
    }
    struct wire_command *revoke = &machine->dispatch;
    (void)lease_asked(machine, next);
    revoke->op = next->locks ? WIRE_OP_REVOKE : WIRE_OP_SESSION_END;
    revoke->token = token_of(next);
    revoke->no_wait = revoke->shared = false;
    revoke->ttl_ms = 0;
    revoke->number = (int64_t)next->renewals;
    kv_buffer_clear(&next->body);
    wire_command_encode(revoke, &next->body);
    *ret = (struct machine_dispatch){
        .number = next->number,
        .id = {.session = {token_of(next)},
               .sequence = 1 + 2 * next->renewals + (next->unlocked ? 1 : 0),
               .attempt = KV_ATTEMPT_OWN},
        .destinations = wire_command_destinations(revoke, machine->partitions),
        .body = kv_buffer_slice(&next->body)};
    return true;
}

bool oracle_lease_tick(struct oracle_machine *machine, uint64_t us, kv_timestamp since,
                       struct machine_dispatch *ret)
{
    struct oracle_leases *leases = &machine->leases;
    if (leases->held == 0 || us == 0) {
        return leases->held > 0;
    }
    wire_command_begin(&machine->dispatch, WIRE_OP_TICK);
    machine->dispatch.number = (int64_t)us;
    machine->dispatch.token = since;
    kv_buffer_clear(&leases->tick);
    wire_command_encode(&machine->dispatch, &leases->tick);
    *ret = (struct machine_dispatch){.destinations = kv_group_set_of(KV_GROUP_ORACLE),
                                     .body = kv_buffer_slice(&leases->tick)};
    return true;
}

/* ---- Questions ---- */

/* Bytes of a row's text that are its key's, if that is one of those texts. */
#define KEY_TEXT_BYTES 24

/* "held write 1234.1 5678 12 9988": the state, the mode, the token, who asked, age and what is left in ms. A session's: "5678 12 9988". */
static kv_slice lease_text(const struct oracle_leases *leases, const struct oracle_lease *lease,
                           const struct wire_command *asked, char *text)
{
    const size_t room = ORACLE_LEASE_TEXT_BYTES - KEY_TEXT_BYTES;
    size_t size = 0;
    if (asked->op == WIRE_OP_LOCK) {
        size = (size_t)snprintf(text, room, "%s %s %llu.%u ", lease->held ? "held" : "waits",
                                asked->shared ? "read" : "write",
                                (unsigned long long)lease->key.clock, (unsigned)lease->key.group);
    }
    size += (size_t)snprintf(text + size, room - size, "%llu %llu %llu",
                             (unsigned long long)lease->session.registered.clock.value,
                             (unsigned long long)(leases->now - lease->since) / 1000,
                             (unsigned long long)(lease->held ? lease->left / 1000 : 0));
    return kv_slice_of(text, size);
}

static kv_slice token_text(struct oracle_session_key key, char text[KEY_TEXT_BYTES])
{
    const int size = snprintf(text, KEY_TEXT_BYTES, "%llu.%u", (unsigned long long)key.clock,
                              (unsigned)key.group);
    return kv_slice_of(text, (size_t)size);
}

/* A row for the answer, with room for its text; NULL: there is none left. */
static struct wire_row *next_row(struct oracle_machine *machine, struct wire_answer *ret,
                                 char **ret_text)
{
    if (ret->row_count == machine->command.limit) {
        ret->more = true;
        return NULL;
    }
    *ret_text = machine->leases.texts[ret->row_count];
    struct wire_row *row = &ret->rows[ret->row_count++];
    *row = (struct wire_row){.present = true};
    return row;
}

/* Keys borrow from the lease, which does not change before the answer is encoded. */
static void read_lock(struct oracle_machine *machine, const struct oracle_lease *lease,
                      const struct wire_command *lock, struct wire_answer *ret)
{
    char *text;
    for (uint32_t i = 0; i < lock->key_count; i++) {
        struct wire_row *row = next_row(machine, ret, &text);
        if (row == NULL) {
            return;
        }
        row->key = lock->keys[i];
        row->value = lease_text(&machine->leases, lease, lock, text + KEY_TEXT_BYTES);
    }
}

static void read_session(struct oracle_machine *machine, const struct oracle_lease *lease,
                         const struct wire_command *begin, struct wire_answer *ret)
{
    char *text;
    struct wire_row *row = lease->held ? next_row(machine, ret, &text) : NULL;
    if (row != NULL) {
        row->key = token_text(lease->key, text);
        row->value = lease_text(&machine->leases, lease, begin, text + KEY_TEXT_BYTES);
    }
}

static void read_clients(struct oracle_machine *machine, struct wire_answer *ret)
{
    const struct oracle_session *session = machine->sessions.by_id;
    for (; session != NULL && !ret->more; session = session->by_id.next) {
        char *text;
        struct wire_row *row = next_row(machine, ret, &text);
        if (row != NULL) {
            row->key = token_text(session->id, text);
        }
    }
}

void oracle_lease_read(struct oracle_machine *machine, struct wire_answer *ret)
{
    struct oracle_leases *leases = &machine->leases;
    const bool locks = machine->command.op == WIRE_OP_LOCKS;
    if (leases->texts == NULL) {
        leases->texts = kv_alloc_zero(KV_SCAN_ROWS_MAX, sizeof(*leases->texts));
    }
    for (const struct oracle_lease *lease = leases->by_token; lease != NULL && !ret->more;
         lease = lease->hh.next) {
        const struct wire_command *asked = lease_asked(machine, lease);
        if (locks && asked->op == WIRE_OP_LOCK) {
            read_lock(machine, lease, asked, ret);
        } else if (!locks && asked->op == WIRE_OP_SESSION_BEGIN) {
            read_session(machine, lease, asked, ret);
        }
    }
    if (!locks) {
        read_clients(machine, ret);
    }
}

/* ---- Bytes ---- */

void oracle_leases_save(const struct oracle_leases *leases, struct kv_buffer *ret)
{
    state_write_u64(ret, leases->now);
    state_write_timestamp(ret, leases->seen);
    state_write_u32(ret, leases->held);
    for (const struct oracle_lease *lease = leases->by_token; lease != NULL;
         lease = lease->hh.next) {
        if (lease->held) {
            state_write_timestamp(ret, token_of(lease));
            state_write_timestamp(ret, lease->session.registered);
            state_write_u64(ret, lease->renewals);
            state_write_u8(ret, lease->unlocked ? 1 : 0);
            state_write_u32(ret, (uint32_t)lease->asked.size);
            kv_buffer_append(ret, lease->asked.data, lease->asked.size);
        }
    }
}

static bool lease_load(struct oracle_machine *machine, struct state_reader *reader)
{
    struct oracle_leases *leases = &machine->leases;
    const kv_timestamp token = state_read_timestamp(reader);
    kv_session_id session;
    session.registered = state_read_timestamp(reader);
    const uint64_t renewals = state_read_u64(reader);
    const uint8_t unlocked = state_read_u8(reader);
    const uint32_t size = state_read_u32(reader);
    const kv_slice asked = kv_slice_of(state_read_bytes(reader, size), size);
    if (reader->failed || token.clock.value == 0 || token.group.value >= KV_GROUPS_MAX ||
        session.registered.group.value >= KV_GROUPS_MAX || lease_find(leases, token) != NULL ||
        unlocked > 1 || renewals > INT64_MAX / 4 ||
        wire_command_decode(asked, &machine->dispatch) != STATUS_OK ||
        !begins(machine->dispatch.op) || machine->dispatch.exec ||
        !wire_command_fits(&machine->dispatch,
                           wire_command_destinations(&machine->dispatch, machine->partitions),
                           false, machine->partitions)) {
        return false;
    }
    struct oracle_lease *lease = lease_new(leases, token, session, machine->dispatch.op, asked);
    lease->renewals = renewals;
    lease->unlocked = unlocked == 1;
    lease_hold(machine, lease);
    lease_extend(machine, lease, &machine->dispatch); /* longer than it was, never shorter */
    if (lease->unlocked) {
        lease_end(leases, lease);
    }
    return true;
}

bool oracle_leases_load(struct oracle_machine *machine, struct state_reader *reader)
{
    machine->leases.now = state_read_u64(reader);
    machine->leases.seen = state_read_timestamp(reader);
    const uint32_t count = state_read_u32(reader);
    for (uint32_t i = 0; i < count; i++) {
        if (!lease_load(machine, reader)) {
            return false;
        }
    }
    return !reader->failed;
}
