/* SPDX-License-Identifier: Apache-2.0 */
/* client_model: see client_model.h. */
#include "tests/unit/client/client_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DELAY_US_MAX (400 * 1000)

/* ---- Under way ---- */

static void put_under_way(struct model *model, struct model_item item)
{
    const uint32_t loss = model->faults ? 15 : 0;
    if (item.kind != MODEL_TURN && kv_prng_chance(&model->prng, loss, 100)) {
        return;
    }
    item.at_us =
        model->bench->now.us + kv_prng_below(&model->prng, model->faults ? DELAY_US_MAX : 2000);
    for (uint32_t i = 0; i < MODEL_ITEMS_MAX; i++) {
        if (model->items[i].kind == MODEL_NONE) {
            model->items[i] = item;
            return;
        }
    }
    fail_msg("the model is too small");
}

static void refuse(struct model *model, const struct bench_send *send, enum wire_outcome outcome,
                   uint16_t hint)
{
    put_under_way(model, (struct model_item){
                             .kind = MODEL_REPLY, .send = *send, .outcome = outcome, .hint = hint});
}

static void answer(struct model *model, const struct bench_send *send,
                   const struct model_answer *answer)
{
    const struct model_item item = {
        .kind = MODEL_REPLY, .send = *send, .outcome = WIRE_OUTCOME_ANSWERED, .answer = *answer};
    put_under_way(model, item);
    if (model->faults && kv_prng_chance(&model->prng, 10, 100)) {
        put_under_way(model, item); /* repeated: only an answer may be */
    }
}

/* ---- Keys ---- */

struct model_key *model_key_of(struct model *model, const char *name)
{
    for (uint32_t i = 0; i < model->key_count; i++) {
        if (strcmp(model->keys[i].name, name) == 0) {
            return &model->keys[i];
        }
    }
    assert_true(model->key_count < MODEL_KEYS_MAX);
    struct model_key *key = &model->keys[model->key_count++];
    (void)snprintf(key->name, sizeof key->name, "%s", name);
    key->group = wire_home_of(kv_slice_of_text(name), MODEL_PARTITIONS).value;
    key->exists = strncmp(name, "new-", 4) != 0;
    return key;
}

static void bring(struct model *model, struct model_key *key, uint16_t group)
{
    key->group = group;
    key->version = ++model->version;
}

/* ---- Operations of the test ---- */

/* "mv-17-2": 17 and 2. */
static struct model_operation *operation_of_key(struct model *model, const char *name,
                                                uint32_t *ret_key)
{
    const char *at = strchr(name, '-') + 1;
    const unsigned long number = strtoul(at, NULL, 10);
    *ret_key = (uint32_t)strtoul(strchr(at, '-') + 1, NULL, 10);
    assert_in_range(number, 1, MODEL_OPERATIONS);
    assert_true(*ret_key < BENCH_KEYS_MAX);
    return &model->operations[number];
}

static void note_executed(struct model *model, const struct bench_send *send)
{
    model->unlocks += send->op == WIRE_OP_UNLOCK;
    if (send->op != WIRE_OP_INCR && send->op != WIRE_OP_MPUT && send->op != WIRE_OP_LOCK) {
        return; /* it reads */
    }
    const unsigned long number = send->op == WIRE_OP_INCR   ? (unsigned long)send->number
                                 : send->op == WIRE_OP_LOCK ? send->ttl_ms
                                                            : strtoul(send->values[0], NULL, 10);
    assert_in_range(number, 1, MODEL_OPERATIONS);
    model->operations[number].executed++;
}

/* ---- Turns ---- */

static void say(struct model_answer *ret, enum wire_verdict verdict)
{
    *ret = (struct model_answer){.verdict = verdict};
}

static bool is_no(const struct model_answer *answer)
{
    bool no = answer->verdict == WIRE_VERDICT_STALE || answer->verdict == WIRE_VERDICT_PINNED ||
              answer->verdict == WIRE_VERDICT_DEFERRED;
    for (uint32_t i = 0; i < answer->place_count; i++) {
        no = no || answer->places[i].verdict == WIRE_VERDICT_STALE ||
             answer->places[i].verdict == WIRE_VERDICT_PINNED ||
             answer->places[i].verdict == WIRE_VERDICT_DEFERRED;
    }
    return no;
}

static bool has_owner(struct model *model, const struct bench_send *send, uint32_t i)
{
    const uint16_t named = send->owner_count > 0
                               ? send->owners[i]
                               : (uint16_t)__builtin_ctzll(send->destinations.bits);
    return send->exec || named == model_key_of(model, send->keys[i])->group;
}

/* Where a key is: mostly true, sometimes where it was, or at home, or not known. */
static struct wire_place place_of(struct model *model, const struct bench_send *send, uint32_t i,
                                  enum wire_verdict verdict)
{
    const struct model_key *key = model_key_of(model, send->keys[i]);
    struct wire_place place = {
        .key = i, .verdict = verdict, .group = {key->group}, .version = {{key->version}, {0}}};
    const uint64_t mood = model->faults ? kv_prng_below(&model->prng, 10) : 9;
    if (verdict == WIRE_VERDICT_STALE && mood < 3) {
        place.group.value =
            mood == 0 ? 0 : (uint16_t)kv_prng_between(&model->prng, 1, MODEL_PARTITIONS);
        place.version.clock.value = mood == 2 ? kv_prng_below(&model->prng, key->version + 1) : 0;
    }
    return place;
}

static void add_place(struct model *model, const struct bench_send *send, uint32_t i,
                      enum wire_verdict verdict, struct model_answer *ret)
{
    ret->places[ret->place_count++] = place_of(model, send, i, verdict);
}

/* GET .. MPUT at its turn. */
static void run_access(struct model *model, const struct bench_send *send, struct model_answer *ret)
{
    say(ret, WIRE_VERDICT_OK);
    for (uint32_t i = 0; i < send->key_count; i++) {
        if (!has_owner(model, send, i)) {
            ret->verdict = WIRE_VERDICT_STALE;
            add_place(model, send, i, WIRE_VERDICT_STALE, ret);
        }
    }
    if (ret->verdict != WIRE_VERDICT_OK) {
        return;
    }
    note_executed(model, send);
    ret->row_count = send->op == WIRE_OP_GET || send->op == WIRE_OP_MGET ? send->key_count : 0;
    for (uint32_t i = 0; i < send->key_count; i++) {
        if (send->policy == WIRE_POLICY_MOVE) {
            bring(model, model_key_of(model, send->keys[i]), send->target);
        }
        if (kv_group_set_has(send->destinations, KV_GROUP_ORACLE)) {
            add_place(model, send, i, WIRE_VERDICT_OK, ret);
        }
    }
}

static enum wire_verdict run_key(struct model *model, const struct bench_send *send, uint32_t i)
{
    struct model_key *key = model_key_of(model, send->keys[i]);
    const uint64_t mood = model->faults ? kv_prng_below(&model->prng, 10) : 9;
    if (mood == 0 || (mood == 1 && !send->exec)) {
        return mood == 0 ? WIRE_VERDICT_DEFERRED : WIRE_VERDICT_PINNED;
    }
    if (send->op == WIRE_OP_CREATE && key->exists) {
        return WIRE_VERDICT_EXISTS;
    }
    if (send->op == WIRE_OP_MOVE && !has_owner(model, send, i)) {
        return WIRE_VERDICT_STALE;
    }
    uint32_t place;
    operation_of_key(model, send->keys[i], &place)->keys_done[place]++;
    key->exists = true;
    bring(model, key, send->target);
    return WIRE_VERDICT_OK;
}

/* CREATE and MOVE at their turn. */
static void run_keys(struct model *model, const struct bench_send *send, struct model_answer *ret)
{
    say(ret, WIRE_VERDICT_OK);
    for (uint32_t i = 0; i < send->key_count; i++) {
        add_place(model, send, i, run_key(model, send, i), ret);
    }
    if (send->key_count == 1 && kv_prng_chance(&model->prng, 1, 2)) {
        ret->verdict = ret->places[0].verdict;
    }
}

static void run(struct model *model, const struct bench_send *send, struct model_answer *ret)
{
    /* An EXEC never gets a NO from a correct oracle; this one is not quite. */
    const uint32_t moods = send->exec ? 50 : 12;
    if (send->op == WIRE_OP_SESSION_CLOSE) {
        say(ret, WIRE_VERDICT_OK);
    } else if (model->faults && kv_prng_chance(&model->prng, 1, moods)) {
        say(ret, kv_prng_chance(&model->prng, 1, 2) ? WIRE_VERDICT_STALE : WIRE_VERDICT_PINNED);
    } else if (send->op == WIRE_OP_CREATE || send->op == WIRE_OP_MOVE) {
        run_keys(model, send, ret);
    } else {
        run_access(model, send, ret);
    }
}

/* ---- Ordered messages ---- */

static struct model_session *session_of(struct model *model, kv_session_id id)
{
    for (uint32_t i = 0; i < model->session_count; i++) {
        if (kv_session_compare(model->sessions[i].id, id) == 0) {
            return &model->sessions[i];
        }
    }
    fail_msg("a session that was never registered");
    return NULL;
}

static bool is_of_session(const struct model_message *message, const struct model_session *session)
{
    return kv_session_compare(message->send.id.session, session->id) == 0;
}

/* Forget the answers of a session that lie at or below its floor, or all of a dropped one [X6]. */
static void prune(struct model *model, const struct model_session *session)
{
    for (uint32_t i = 0; i < model->message_count; i++) {
        struct model_message *message = &model->messages[i];
        if (is_of_session(message, session) &&
            (session->dropped || message->send.id.sequence <= session->floor)) {
            message->recorded = false;
        }
    }
}

static struct model_message *message_of(struct model *model, kv_message_id id)
{
    for (uint32_t i = 0; i < model->message_count; i++) {
        if (kv_message_id_equal(model->messages[i].send.id, id)) {
            return &model->messages[i];
        }
    }
    return NULL;
}

/* Whether a later attempt of the same sequence has been here. */
static bool is_overtaken(const struct model *model, kv_message_id id)
{
    for (uint32_t i = 0; i < model->message_count; i++) {
        const kv_message_id other = model->messages[i].send.id;
        if (kv_session_compare(other.session, id.session) == 0 && other.sequence == id.sequence &&
            other.attempt > id.attempt) {
            return true;
        }
    }
    return false;
}

/* The turn of an ordered message has come, at all of its groups. */
static void take_turn(struct model *model, struct model_message *message)
{
    const struct bench_send *send = &message->send;
    struct model_session *session = session_of(model, send->id.session);
    message->finished = true;
    if (session->dropped && send->op != WIRE_OP_SESSION_CLOSE) {
        say(&message->answer, WIRE_VERDICT_SESSION_UNKNOWN);
    } else {
        session->floor = send->floor > session->floor ? send->floor : session->floor;
        prune(model, session);
        if (send->id.sequence <= session->floor || is_overtaken(model, send->id)) {
            say(&message->answer, WIRE_VERDICT_REFUSED);
        } else {
            run(model, send, &message->answer);
            message->recorded = true;
        }
    }
    for (uint32_t i = 0; i < message->waiter_count; i++) {
        answer(model, &message->waiters[i], &message->answer);
    }
}

/* The group that has the answer (footprint.h, wire_command_replier). */
static uint16_t replier_of(const struct bench_send *send)
{
    if (kv_group_set_has(send->destinations, KV_GROUP_ORACLE)) {
        return 0;
    }
    if (send->policy == WIRE_POLICY_BORROW) {
        return send->target;
    }
    return send->owner_count > 0 ? send->owners[0]
                                 : (uint16_t)__builtin_ctzll(send->destinations.bits);
}

/* X2 and X5, as the cluster sees them: what a client that keeps the rules never sends. */
static void check_rules(struct model *model, const struct bench_send *send)
{
    kv_message_id before = send->id;
    if (before.attempt-- > 0) {
        const struct model_message *message = message_of(model, before);
        assert_non_null(message);
        assert_true(message->finished && is_no(&message->answer));
    }
    for (uint32_t i = 0; i < model->message_count; i++) {
        const struct model_message *message = &model->messages[i];
        if (kv_session_compare(message->send.id.session, send->id.session) == 0 &&
            message->send.id.sequence <= send->floor) {
            assert_true(message->finished);
        }
    }
}

static void on_ordered(struct model *model, const struct bench_send *send)
{
    struct model_message *message = message_of(model, send->id);
    const struct model_session *session = session_of(model, send->id.session);
    if (session->dropped && kv_prng_chance(&model->prng, 1, 2)) {
        refuse(model, send, WIRE_OUTCOME_SESSION_UNKNOWN, 0);
        return;
    }
    if (message == NULL) {
        assert_true(model->message_count < MODEL_MESSAGES_MAX);
        check_rules(model, send);
        put_under_way(model,
                      (struct model_item){.kind = MODEL_TURN, .message = model->message_count});
        message = &model->messages[model->message_count++];
        *message = (struct model_message){.send = *send};
    }
    if (send->group.value != replier_of(send)) {
        return; /* not a word */
    }
    if (!message->finished) {
        assert_true(message->waiter_count < sizeof message->waiters / sizeof message->waiters[0]);
        message->waiters[message->waiter_count++] = *send;
    } else if (message->recorded) {
        answer(model, send, &message->answer);
    } else {
        refuse(model, send, WIRE_OUTCOME_REFUSED, 0);
    }
}

/* ---- Nodes ---- */

static void on_request(struct model *model, const struct bench_send *send)
{
    const uint16_t leader = model->leaders[send->group.value];
    if (send->to.value != leader) {
        const uint64_t mood = kv_prng_below(&model->prng, 4);
        const uint16_t hint = mood == 0   ? 0
                              : mood == 1 ? (uint16_t)kv_prng_between(&model->prng, 1, BENCH_NODES)
                                          : leader;
        refuse(model, send, WIRE_OUTCOME_NOT_LEADER, hint);
    } else if (model->faults && kv_prng_chance(&model->prng, 5, 100)) {
        refuse(model, send, WIRE_OUTCOME_BUSY, leader);
    } else if (send->mode == WIRE_REQUEST_ORDERED) {
        on_ordered(model, send);
    } else {
        struct model_answer read;
        if (send->op == WIRE_OP_PARTITIONS) {
            say(&read, WIRE_VERDICT_OK);
        } else {
            run(model, send, &read);
        }
        answer(model, send, &read);
    }
}

/* The client's registration: answered by a new session, once per nonce. */
static void on_open(struct model *model, const struct bench_send *send)
{
    struct wire_message message = {.kind = WIRE_MESSAGE_REPLY};
    static struct wire_answer opened;
    wire_answer_begin(&opened, WIRE_VERDICT_OK);
    assert_true(model->session_count < MODEL_SESSIONS_MAX);
    const kv_session_id id = {{{1000 + model->session_count}, KV_GROUP_ORACLE}};
    model->sessions[model->session_count++] = (struct model_session){.id = id};
    kv_buffer_clear(&model->bench->answer);
    wire_answer_encode(&opened, &model->bench->answer);
    message.as.reply = (struct wire_reply){.id = send->id,
                                           .outcome = WIRE_OUTCOME_ANSWERED,
                                           .timestamp = id.registered,
                                           .body = kv_buffer_slice(&model->bench->answer)};
    bench_message(model->bench, send->slot, send->to.value, &message);
}

static void on_reply(struct model *model, const struct model_item *item)
{
    static struct wire_answer reply;
    if (item->outcome != WIRE_OUTCOME_ANSWERED) {
        bench_refuse(model->bench, &item->send, item->outcome, item->hint);
        return;
    }
    wire_answer_begin(&reply, item->answer.verdict);
    for (uint32_t i = 0; i < item->answer.row_count; i++) {
        reply.rows[reply.row_count++] =
            (struct wire_row){.value = kv_slice_of_text("v"), .present = true};
    }
    if (item->send.op == WIRE_OP_PARTITIONS) {
        reply.row_count = 1;
        reply.rows[0] = (struct wire_row){kv_slice_of_text("2"), kv_slice_of_text("7"), true};
    }
    reply.place_count = item->answer.place_count;
    memcpy(reply.places, item->answer.places, reply.place_count * sizeof reply.places[0]);
    bench_answer_with(model->bench, &item->send, &reply);
}

static void deliver(struct model *model, const struct model_item *item)
{
    switch (item->kind) {
    case MODEL_NONE:
        return;
    case MODEL_REQUEST:
        if (item->send.op == WIRE_OP_SESSION_OPEN) {
            on_open(model, &item->send);
        } else {
            on_request(model, &item->send);
        }
        return;
    case MODEL_TURN:
        take_turn(model, &model->messages[item->message]);
        return;
    case MODEL_REPLY:
        on_reply(model, item);
        return;
    }
}

/* ---- Time ---- */

static void misbehave(struct model *model)
{
    for (uint32_t group = 0; group <= MODEL_PARTITIONS; group++) {
        if (kv_prng_chance(&model->prng, 1, 100)) {
            model->leaders[group] = (uint16_t)kv_prng_between(&model->prng, 1, BENCH_NODES);
        }
    }
    if (model->session_count > 0 && kv_prng_chance(&model->prng, 1, 300)) {
        struct model_session *session = &model->sessions[model->session_count - 1];
        session->dropped = true;
        prune(model, session);
    }
    struct model_key *key = &model->keys[kv_prng_below(&model->prng, model->key_count)];
    if (key->exists && kv_prng_chance(&model->prng, 1, 20)) { /* others move keys, too */
        bring(model, key, (uint16_t)kv_prng_between(&model->prng, 1, MODEL_PARTITIONS));
    }
}

void model_tick(struct model *model)
{
    struct bench *bench = model->bench;
    bench_advance(bench, MODEL_TICK_US);
    for (uint32_t i = 0; i < MODEL_ITEMS_MAX; i++) {
        if (model->items[i].kind != MODEL_NONE && model->items[i].at_us <= bench->now.us) {
            const struct model_item item = model->items[i];
            model->items[i].kind = MODEL_NONE;
            deliver(model, &item);
        }
    }
    while (bench->send_next < bench->send_count) {
        const struct bench_send send = bench_expect_send(bench);
        if (send.kind == WIRE_MESSAGE_REQUEST) {
            put_under_way(model, (struct model_item){.kind = MODEL_REQUEST, .send = send});
        }
    }
    if (model->faults) {
        misbehave(model);
    }
}

struct model *model_new(uint32_t seed, uint32_t outstanding_max)
{
    struct model *model = kv_alloc_zero(1, sizeof *model);
    model->bench = bench_new(seed, outstanding_max);
    model->faults = true;
    kv_prng_init(&model->prng, seed);
    for (uint32_t group = 0; group <= MODEL_PARTITIONS; group++) {
        model->leaders[group] = 1;
    }
    for (uint32_t i = 0; i < MODEL_SHARED_KEYS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "key-%u", i);
        (void)model_key_of(model, name);
    }
    bench_advance(model->bench, 0);
    bench_welcome(model->bench, MODEL_PARTITIONS, 16);
    return model;
}

void model_destroy(struct model **model_ref)
{
    struct model *model = *model_ref;
    bench_destroy(&model->bench);
    kv_free(model);
    *model_ref = NULL;
}
