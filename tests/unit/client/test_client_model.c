/* SPDX-License-Identifier: Apache-2.0 */
/* A client against a model of the cluster with seeded faults: whatever it is told, it tells the
 * truth.
 *
 * The model: one partition that executes an ordered request some time after it has ordered it,
 * remembers answers above the session's floor, refuses what lies at or below it, drops sessions now
 * and then; three nodes of which one leads and the others refuse, with good, bad or no hints. The
 * network loses, delays and reorders sendings and replies, and repeats answers.
 *
 * We check, for each write: it completes once, at its deadline at the latest; answered means
 * executed once; not executed means never, also not later; in doubt means at most once. In the end,
 * when faults have ceased, the floor has passed everything or the session has been left. */
#include "tests/unit/client/client_fixture.h"

#include <stdio.h>
#include <string.h>

#include "multicast/base/prng.h"

#define WRITES       120
#define ITEMS_MAX    4096
#define RECORDS_MAX  1024
#define SESSIONS_MAX 256
#define DELAY_US_MAX (400 * 1000)
#define TICK_US      5000

enum item_kind { ITEM_NONE, ITEM_REQUEST, ITEM_EXECUTE, ITEM_REPLY };

/* Something under way. */
struct item {
    enum item_kind kind;
    uint64_t at_us;
    struct bench_send send;
    enum wire_outcome outcome;
    uint16_t hint;
    enum wire_verdict verdict;
};

struct model_session {
    kv_session_id id;
    bool dropped;
    uint64_t floor;
};

struct model {
    struct bench *bench;
    struct kv_prng prng;
    bool faults;
    uint16_t leader;
    struct item items[ITEMS_MAX];
    struct model_session sessions[SESSIONS_MAX];
    uint32_t session_count;
    kv_message_id recorded[RECORDS_MAX];
    uint32_t recorded_count;
    uint32_t executed[WRITES + 1]; /* by the number that a write adds */
    uint64_t deadlines[WRITES + 1];
};

static void put_under_way(struct model *model, struct item item)
{
    const uint32_t loss = model->faults ? 15 : 0;
    if (item.kind != ITEM_EXECUTE && kv_prng_chance(&model->prng, loss, 100)) {
        return;
    }
    item.at_us =
        model->bench->now.us + kv_prng_below(&model->prng, model->faults ? DELAY_US_MAX : 2000);
    for (uint32_t i = 0; i < ITEMS_MAX; i++) {
        if (model->items[i].kind == ITEM_NONE) {
            model->items[i] = item;
            return;
        }
    }
    fail_msg("the model is too small");
}

static void reply(struct model *model, const struct bench_send *send, enum wire_outcome outcome,
                  uint16_t hint, enum wire_verdict verdict)
{
    const struct item item = {
        .kind = ITEM_REPLY, .send = *send, .outcome = outcome, .hint = hint, .verdict = verdict};
    put_under_way(model, item);
    if (model->faults && outcome == WIRE_OUTCOME_ANSWERED &&
        kv_prng_chance(&model->prng, 10, 100)) {
        put_under_way(model, item); /* repeated: only an answer may be */
    }
}

static struct model_session *session_of(struct model *model, kv_session_id id)
{
    for (uint32_t i = 0; i < model->session_count; i++) {
        if (kv_session_compare(model->sessions[i].id, id) == 0) {
            return &model->sessions[i];
        }
    }
    return NULL;
}

static bool is_recorded(const struct model *model, kv_message_id id)
{
    for (uint32_t i = 0; i < model->recorded_count; i++) {
        if (kv_message_id_equal(model->recorded[i], id)) {
            return true;
        }
    }
    return false;
}

/* Forget the records of a session that lie at or below its floor, or all of a dropped one [X6]. */
static void prune(struct model *model, const struct model_session *session)
{
    for (uint32_t i = 0; i < model->recorded_count;) {
        const kv_message_id id = model->recorded[i];
        if (kv_session_compare(id.session, session->id) == 0 &&
            (session->dropped || id.sequence <= session->floor)) {
            model->recorded[i] = model->recorded[--model->recorded_count];
        } else {
            i++;
        }
    }
}

/* The turn of an ordered request has come. */
static void execute(struct model *model, const struct bench_send *send)
{
    if (send->op == WIRE_OP_SESSION_CLOSE) {
        reply(model, send, WIRE_OUTCOME_ANSWERED, 0, WIRE_VERDICT_OK);
        return;
    }
    struct model_session *session = session_of(model, send->id.session);
    assert_non_null(session);
    if (session->dropped) {
        reply(model, send, WIRE_OUTCOME_ANSWERED, 0, WIRE_VERDICT_SESSION_UNKNOWN);
        return;
    }
    if (send->floor > session->floor) {
        session->floor = send->floor;
        prune(model, session);
    }
    if (is_recorded(model, send->id)) {
        reply(model, send, WIRE_OUTCOME_ANSWERED, 0, WIRE_VERDICT_OK);
    } else if (send->id.sequence <= session->floor) {
        reply(model, send, WIRE_OUTCOME_ANSWERED, 0, WIRE_VERDICT_REFUSED);
    } else {
        assert_true(model->recorded_count < RECORDS_MAX);
        assert_in_range(send->number, 1, WRITES);
        model->recorded[model->recorded_count++] = send->id;
        model->executed[send->number]++;
        reply(model, send, WIRE_OUTCOME_ANSWERED, 0, WIRE_VERDICT_OK);
    }
}

static void on_request(struct model *model, const struct bench_send *send)
{
    if (send->to.value != model->leader) {
        const uint64_t mood = kv_prng_below(&model->prng, 4);
        const uint16_t hint = mood == 0   ? 0
                              : mood == 1 ? (uint16_t)kv_prng_between(&model->prng, 1, BENCH_NODES)
                                          : model->leader;
        reply(model, send, WIRE_OUTCOME_NOT_LEADER, hint, WIRE_VERDICT_OK);
        return;
    }
    if (model->faults && kv_prng_chance(&model->prng, 5, 100)) {
        reply(model, send, WIRE_OUTCOME_BUSY, model->leader, WIRE_VERDICT_OK);
        return;
    }
    const struct model_session *session = session_of(model, send->id.session);
    if (session != NULL && session->dropped && kv_prng_chance(&model->prng, 1, 2)) {
        reply(model, send, WIRE_OUTCOME_SESSION_UNKNOWN, 0, WIRE_VERDICT_OK);
        return;
    }
    put_under_way(model, (struct item){.kind = ITEM_EXECUTE, .send = *send});
}

/* The client's registration: answered by a new session, once per nonce. */
static void on_open(struct model *model, const struct bench_send *send)
{
    struct wire_message message = {.kind = WIRE_MESSAGE_REPLY};
    static struct wire_answer answer;
    answer = (struct wire_answer){.verdict = WIRE_VERDICT_OK};
    assert_true(model->session_count < SESSIONS_MAX);
    const kv_session_id id = {{{1000 + model->session_count}, KV_GROUP_ORACLE}};
    model->sessions[model->session_count++] = (struct model_session){.id = id};
    kv_buffer_clear(&model->bench->answer);
    wire_answer_encode(&answer, &model->bench->answer);
    message.as.reply = (struct wire_reply){.id = send->id,
                                           .outcome = WIRE_OUTCOME_ANSWERED,
                                           .timestamp = id.registered,
                                           .body = kv_buffer_slice(&model->bench->answer)};
    bench_message(model->bench, send->slot, send->to.value, &message);
}

static void deliver(struct model *model, const struct item *item)
{
    switch (item->kind) {
    case ITEM_NONE:
        return;
    case ITEM_REQUEST:
        if (item->send.op == WIRE_OP_SESSION_OPEN) {
            on_open(model, &item->send);
        } else {
            on_request(model, &item->send);
        }
        return;
    case ITEM_EXECUTE:
        execute(model, &item->send);
        return;
    case ITEM_REPLY:
        if (item->outcome == WIRE_OUTCOME_ANSWERED) {
            bench_answer(model->bench, &item->send, item->verdict);
        } else {
            bench_refuse(model->bench, &item->send, item->outcome, item->hint);
        }
        return;
    }
}

static void tick(struct model *model)
{
    struct bench *bench = model->bench;
    bench_advance(bench, TICK_US);
    for (uint32_t i = 0; i < ITEMS_MAX; i++) {
        if (model->items[i].kind != ITEM_NONE && model->items[i].at_us <= bench->now.us) {
            const struct item item = model->items[i];
            model->items[i].kind = ITEM_NONE;
            deliver(model, &item);
        }
    }
    while (bench->send_next < bench->send_count) {
        const struct bench_send send = bench_expect_send(bench);
        if (send.kind == WIRE_MESSAGE_REQUEST) {
            put_under_way(model, (struct item){.kind = ITEM_REQUEST, .send = send});
        }
    }
    if (model->faults && kv_prng_chance(&model->prng, 1, 100)) {
        model->leader = (uint16_t)kv_prng_between(&model->prng, 1, BENCH_NODES);
    }
    if (model->faults && model->session_count > 0 && kv_prng_chance(&model->prng, 1, 300)) {
        struct model_session *session = &model->sessions[model->session_count - 1];
        session->dropped = true;
        prune(model, session);
    }
}

static void submit(struct model *model, uint32_t number)
{
    static struct wire_command command;
    command.op = WIRE_OP_INCR;
    command.key_count = 1;
    command.keys[0] = kv_slice_of_text("k");
    command.number = number;
    const uint64_t patience_us = kv_prng_between(&model->prng, 50 * 1000, 3 * 1000 * 1000);
    model->deadlines[number] = model->bench->now.us + patience_us;
    assert_int_equal(bench_submit_command(model->bench, number, &command, patience_us, false),
                     STATUS_OK);
}

static void check(const struct model *model, uint32_t seed, uint32_t *ret_counts)
{
    for (uint32_t number = 1; number <= WRITES; number++) {
        const struct bench_completion *completion = bench_completion(model->bench, number);
        const uint32_t executed = model->executed[number];
        bool truth = completion != NULL;
        if (truth) {
            ret_counts[completion->result]++;
            switch (completion->result) {
            case CLIENT_ANSWERED:
                truth = executed == 1 && completion->verdict == WIRE_VERDICT_OK;
                break;
            case CLIENT_UNAVAILABLE:
                truth = executed == 0;
                break;
            case CLIENT_IN_DOUBT:
                truth = executed <= 1;
                break;
            case CLIENT_CROSS_PARTITION:
            case CLIENT_REFUSED:
            case CLIENT_CLOSED:
            case CLIENT_PROTOCOL:
                truth = false;
                break;
            }
        }
        if (!truth) {
            fail_msg("seed %u: write %u completed as %d and was executed %u times", seed, number,
                     completion == NULL ? -1 : (int)completion->result, executed);
        }
    }
}

static void run_seed(uint32_t seed, uint32_t *ret_counts)
{
    struct model *model = kv_alloc_zero(1, sizeof *model);
    model->bench = bench_new(seed, 32);
    model->leader = 1;
    model->faults = true;
    kv_prng_init(&model->prng, seed);
    bench_advance(model->bench, 0);
    bench_welcome(model->bench, 1, 16);
    for (uint32_t number = 1; number <= WRITES;) {
        if (client_outstanding(model->bench->client) < 32 && kv_prng_chance(&model->prng, 1, 8)) {
            submit(model, number++);
        }
        tick(model);
    }
    model->faults = false;
    for (uint64_t us = 0; us < 2 * CLIENT_ABANDONED_US; us += TICK_US) {
        tick(model);
    }
    assert_int_equal(client_outstanding(model->bench->client), 0);
    check(model, seed, ret_counts);
    /* Nothing holds the floor back any more: the next write's is right below it. */
    assert_int_equal(bench_submit(model->bench, 5000, WIRE_OP_PUT, "k", 1000 * 1000), STATUS_OK);
    const struct bench_send last = bench_expect_send(model->bench);
    assert_true(last.op == WIRE_OP_SESSION_OPEN || last.floor == last.id.sequence - 1);
    bench_destroy(&model->bench);
    kv_free(model);
}

static void the_client_tells_the_truth_under_seeded_faults(void **state)
{
    (void)state;
    uint32_t counts[CLIENT_PROTOCOL + 1] = {0};
    for (uint32_t seed = 1; seed <= 60; seed++) {
        run_seed(seed, counts);
    }
    /* The runs meet all three fates often enough to mean something. */
    assert_true(counts[CLIENT_ANSWERED] > 1000);
    assert_true(counts[CLIENT_UNAVAILABLE] > 100);
    assert_true(counts[CLIENT_IN_DOUBT] > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_tells_the_truth_under_seeded_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
