/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that no correct peer sends, in random order, at a member in every role: whatever they
 * say, no assertion fails and the member's own log, votes and commit index obey its invariants
 * (R1-R10 are checked in every step).
 *
 * Fields are small random numbers, so that many messages come close to what is expected and get
 * far into the code. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "multicast/raft/raft.h"
#include "multicast/wire/codec.h"

#define HOSTILE_RUNS    3000
#define HOSTILE_EVENTS  400
#define HOSTILE_ENTRIES 6

static struct kv_prng prng;
static struct raft *victim;
static struct raft_effects effects;
static struct wire_message message;
static struct wire_entry *entries[HOSTILE_ENTRIES];
static uint64_t roles_seen[RAFT_LEARNER + 1];
static kv_instant now;

static uint64_t small(uint64_t bound)
{
    return kv_prng_below(&prng, bound);
}

/* Near the victim's own value most of the time, absurd at times. */
static uint64_t near_value(uint64_t value)
{
    if (small(50) == 0) {
        return UINT64_MAX - small(2);
    }
    uint64_t base = value > 3 ? value - 3 : 0;
    return base + small(7);
}

static struct wire_config random_config(void)
{
    struct wire_config config = {.count = 1 + (uint32_t)small(4)};
    for (uint32_t i = 0; i < config.count; i++) {
        config.members[i].node.value = (uint16_t)(1 + (i + small(2)) % 5);
        config.members[i].voter = small(3) != 0;
    }
    return config;
}

/* The codec asserts that what it encodes is sound. */
static bool is_sound(const struct wire_config *config)
{
    bool sound = false;
    for (uint32_t i = 0; i < config->count; i++) {
        sound = sound || config->members[i].voter;
    }
    for (uint32_t i = 1; i < config->count; i++) {
        sound = sound && !kv_node_equal(config->members[i].node, config->members[i - 1].node);
    }
    return sound;
}

static struct wire_entry *random_entry(uint64_t index, uint64_t term, uint64_t reach)
{
    struct kv_buffer body = {0};
    struct wire_config config = random_config();
    bool is_config = small(6) == 0;
    if (is_config && small(4) != 0 && is_sound(&config)) {
        wire_config_encode(&config, &body);
    }
    struct wire_entry *entry =
        wire_entry_new(is_config ? WIRE_ENTRY_CONFIG : WIRE_ENTRY_CMD, kv_buffer_slice(&body));
    kv_buffer_close(&body);
    entry->index.value = small(40) == 0 ? small(20) : index;
    entry->term.value = term;
    entry->reach.value = reach;
    return entry;
}

static void random_append(struct wire_append *append)
{
    uint64_t term = raft_term(victim).value;
    *append = (struct wire_append){.term = {near_value(term)},
                                   .previous_index = {near_value(raft_last(victim).value)},
                                   .commit = {near_value(raft_last(victim).value)},
                                   .round = small(5),
                                   .count = (uint32_t)small(HOSTILE_ENTRIES),
                                   .entries = entries};
    const struct wire_entry *previous = raft_entry(victim, append->previous_index);
    append->previous_term.value =
        previous != NULL && small(4) != 0 ? previous->term.value : small(term + 2);
    uint64_t entry_term = append->previous_term.value;
    uint64_t reach = raft_tail_reach(victim).value + small(2);
    for (uint32_t i = 0; i < append->count; i++) {
        entry_term += small(4) == 0 ? 1 : 0;
        reach += small(3);
        entries[i] = random_entry(append->previous_index.value + 1 + i, entry_term, reach);
    }
}

static void random_roll_reply(struct wire_roll_reply *reply)
{
    *reply = (struct wire_roll_reply){.tag = {small(3)},
                                      .asked = {small(3)},
                                      .state = (enum wire_roll_state)(1 + small(3)),
                                      .term = {near_value(raft_term(victim).value)},
                                      .leader = {(uint16_t)small(6)}};
    reply->founders.count = (uint32_t)small(KV_MEMBERS_MAX + 1);
    for (uint16_t i = 0; i < reply->founders.count; i++) {
        reply->founders.members[i] = (struct wire_roll_member){{(uint16_t)(i + 1)}, {small(3)}};
    }
}

static void random_message(void)
{
    static const enum wire_message_kind kinds[] = {
        WIRE_MESSAGE_VOTE_REQUEST, WIRE_MESSAGE_VOTE_REPLY,     WIRE_MESSAGE_VOTE_REPLY,
        WIRE_MESSAGE_APPEND,       WIRE_MESSAGE_APPEND,         WIRE_MESSAGE_APPEND_REPLY,
        WIRE_MESSAGE_APPEND_REPLY, WIRE_MESSAGE_SNAPSHOT_CHUNK, WIRE_MESSAGE_SNAPSHOT_REPLY,
        WIRE_MESSAGE_TIMEOUT_NOW,  WIRE_MESSAGE_HELLO,          WIRE_MESSAGE_ROLL_CALL,
        WIRE_MESSAGE_ROLL_REPLY,   WIRE_MESSAGE_ADMITTED};
    uint64_t term = raft_term(victim).value;
    uint64_t last = raft_last(victim).value;
    memset(&message, 0, sizeof message);
    message.kind = kinds[small(sizeof kinds / sizeof kinds[0])];
    message.group.value = small(30) == 0 ? 4 : 3;
    message.from.value = (uint16_t)small(6);
    message.to.value = small(30) == 0 ? 2 : 1;
    switch ((int)message.kind) {
    case WIRE_MESSAGE_VOTE_REQUEST:
        message.as.vote_request = (struct wire_vote_request){{near_value(term)},
                                                             {near_value(last)},
                                                             {near_value(term)},
                                                             small(2) == 0,
                                                             small(2) == 0};
        break;
    case WIRE_MESSAGE_VOTE_REPLY:
        message.as.vote_reply =
            (struct wire_vote_reply){{near_value(term)}, small(2) == 0, small(4) != 0};
        if (small(2) == 0) { /* exactly what is awaited */
            message.as.vote_reply.term.value = term + (message.as.vote_reply.pre ? 1 : 0);
        }
        break;
    case WIRE_MESSAGE_APPEND:
        random_append(&message.as.append);
        break;
    case WIRE_MESSAGE_APPEND_REPLY:
        message.as.append_reply =
            (struct wire_append_reply){.term = {small(3) == 0 ? near_value(term) : term},
                                       .success = small(2) == 0,
                                       .match = {near_value(last)},
                                       .conflict = {near_value(last)},
                                       .conflict_term = {near_value(term)},
                                       .round = small(4)};
        break;
    case WIRE_MESSAGE_SNAPSHOT_CHUNK:
        message.as.snapshot_chunk = (struct wire_snapshot_chunk){.term = {near_value(term)},
                                                                 .index = {near_value(last)},
                                                                 .index_term = {near_value(term)},
                                                                 .reach = {near_value(last * 3)},
                                                                 .config = random_config(),
                                                                 .total = small(3),
                                                                 .offset = small(3)};
        break;
    case WIRE_MESSAGE_SNAPSHOT_REPLY:
        message.as.snapshot_reply = (struct wire_snapshot_reply){
            {term},
            {small(2) == 0 ? raft_snapshot_index(victim).value : near_value(last)},
            small(4),
            small(4)};
        break;
    case WIRE_MESSAGE_TIMEOUT_NOW:
        message.as.timeout_now.term.value = near_value(term);
        break;
    case WIRE_MESSAGE_ROLL_CALL:
        message.as.roll_call = (struct wire_roll_call){{small(3)}, {near_value(term)}};
        break;
    case WIRE_MESSAGE_ROLL_REPLY:
        random_roll_reply(&message.as.roll_reply);
        break;
    case WIRE_MESSAGE_ADMITTED:
        message.as.admitted = (struct wire_admitted){{small(3)}, {near_value(term)}, {small(9)}};
        break;
    default:
        break;
    }
}

static void step(struct raft_event event)
{
    event.now = now;
    enum status status = raft_step(victim, &event, &effects);
    assert_true(status == STATUS_OK || event.kind != RAFT_EVENT_MESSAGE);
    roles_seen[raft_role(victim)]++;
}

/* Install what was offered, as a driver would that believes it. */
static void install_offer(void)
{
    if (!effects.has_chunk_received) {
        return;
    }
    const struct wire_snapshot_chunk *chunk = &effects.chunk_received.chunk;
    struct raft_snapshot_point point = {chunk->index, chunk->index_term, chunk->reach,
                                        chunk->config};
    effects.has_chunk_received = false;
    step((struct raft_event){.kind = small(2) == 0 ? RAFT_EVENT_SNAPSHOT_INSTALLED
                                                   : RAFT_EVENT_SNAPSHOT_RECEIVED,
                             .point = &point,
                             .offset = small(3)});
}

static void own_event(void)
{
    switch (small(6)) {
    case 0:
        now = kv_instant_add(now, small(300));
        step((struct raft_event){.kind = RAFT_EVENT_TICK});
        break;
    case 1:
    case 2:
        step((struct raft_event){.kind = RAFT_EVENT_DURABLE,
                                 .sequence = raft_persist_sequence(victim)});
        break;
    case 3: {
        struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, (kv_slice){0});
        entry->reach.value = raft_tail_reach(victim).value + 1;
        step((struct raft_event){.kind = RAFT_EVENT_PROPOSE, .entry = entry});
        wire_entry_drop(&entry);
        break;
    }
    case 4: {
        struct wire_config config = random_config();
        step((struct raft_event){.kind = RAFT_EVENT_CHANGE, .config = &config});
        step((struct raft_event){.kind = RAFT_EVENT_READ});
        step((struct raft_event){.kind = RAFT_EVENT_TRANSFER, .node = {(uint16_t)small(6)}});
        break;
    }
    default:
        if (small(4) == 0 && raft_commit(victim).value > raft_snapshot_index(victim).value) {
            struct raft_snapshot_point point = raft_snapshot_point_at(victim, raft_commit(victim));
            step((struct raft_event){.kind = RAFT_EVENT_SNAPSHOT_SAVED, .point = &point});
        }
        break;
    }
    step((struct raft_event){.kind = RAFT_EVENT_FLUSH});
}

static void run(uint64_t seed)
{
    kv_prng_init(&prng, seed);
    struct raft_settings settings = {
        .group = {3},
        .self = {1},
        .election_timeout_us = 1000,
        .heartbeat_us = 100,
        .seed = seed,
        .tag = {seed % 3}, /* two of three begin blank */
        .bootstrap = {.count = 3, .members = {{{1}, true}, {{2}, true}, {{3}, true}}}};
    now = (kv_instant){0};
    victim = raft_new(&settings, now);
    for (int i = 0; i < HOSTILE_EVENTS; i++) {
        if (small(3) == 0) {
            own_event();
        } else {
            random_message();
            step((struct raft_event){.kind = RAFT_EVENT_MESSAGE, .message = &message});
            if (message.kind == WIRE_MESSAGE_APPEND) {
                for (uint32_t j = 0; j < message.as.append.count; j++) {
                    wire_entry_drop(&entries[j]);
                }
            }
            install_offer();
        }
        raft_check_full(victim);
        if (small(3) == 0) {
            raft_effects_clear(&effects);
        }
    }
    raft_effects_close(&effects);
    raft_destroy(&victim);
}

static void no_message_however_wrong_breaks_an_invariant(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= HOSTILE_RUNS; seed++) {
        run(seed);
    }
    for (int role = RAFT_FOLLOWER; role <= RAFT_LEARNER; role++) {
        assert_true(roles_seen[role] > HOSTILE_RUNS); /* they have met it in every role */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_message_however_wrong_breaks_an_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
