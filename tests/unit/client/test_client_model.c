/* SPDX-License-Identifier: Apache-2.0 */
/* A client against a model of the cluster with seeded faults: whatever it is told, it tells the
 * truth.
 *
 * The model (client_model.c): an oracle and three partitions that execute an ordered message some
 * time after the first of its groups has ordered it, once; keys that move between partitions all
 * the time; answers that say so, with good, old or no hints, by one group of each message; three
 * nodes that lead groups in turn; sessions that are dropped now and then. The network loses, delays
 * and reorders sendings and replies, and repeats answers.
 *
 * We check, for each operation: it completes once, at its deadline at the latest; answered means
 * executed once, whole or by the verdict of each key; not executed means never, also not later; in
 * doubt means at most once; a read is never in doubt. The model checks what it is sent: a next
 * attempt only after a NO, a floor only over what is done. In the end, when faults have ceased, the
 * floor has passed everything or the session has been left, and most locks that came too late have been given back. */
#include "tests/unit/client/client_model.h"

#include <stdio.h>
#include <string.h>

#define SEEDS       60
#define OUTSTANDING 32

/* What an operation does, by its number. */
static enum wire_op op_of(struct model *model)
{
    static const enum wire_op ops[] = {WIRE_OP_INCR, WIRE_OP_INCR,   WIRE_OP_MPUT,
                                       WIRE_OP_MPUT, WIRE_OP_MGET,   WIRE_OP_GET,
                                       WIRE_OP_MOVE, WIRE_OP_CREATE, WIRE_OP_LOCK};
    return ops[kv_prng_below(&model->prng, sizeof ops / sizeof ops[0])];
}

static bool is_read(enum wire_op op)
{
    return op == WIRE_OP_GET || op == WIRE_OP_MGET;
}

static bool is_per_key(enum wire_op op)
{
    return op == WIRE_OP_CREATE || op == WIRE_OP_MOVE;
}

static void submit(struct model *model, uint32_t number)
{
    struct model_operation *operation = &model->operations[number];
    static char names[BENCH_KEYS_MAX][32];
    const char *keys[BENCH_KEYS_MAX + 1] = {NULL};
    char value[16];
    (void)snprintf(value, sizeof value, "%u", number);
    operation->op = op_of(model);
    const bool single = operation->op == WIRE_OP_INCR || operation->op == WIRE_OP_GET;
    operation->key_count = single ? 1 : (uint32_t)kv_prng_between(&model->prng, 1, 4);
    const uint32_t first =
        (uint32_t)kv_prng_below(&model->prng, MODEL_SHARED_KEYS - operation->key_count);
    for (uint32_t i = 0; i < operation->key_count; i++) { /* ascending */
        if (is_per_key(operation->op)) {
            (void)snprintf(names[i], sizeof names[i], "%s-%u-%u",
                           operation->op == WIRE_OP_MOVE ? "mv" : "new", number, i);
        } else {
            (void)snprintf(names[i], sizeof names[i], "key-%u", first + i);
        }
        keys[i] = names[i];
    }
    struct wire_command *command = bench_command(operation->op, keys, value);
    command->number = operation->op == WIRE_OP_INCR ? number : 0;
    command->ttl_ms = operation->op == WIRE_OP_LOCK ? number : 0;
    struct client_submit wanted = {.command = command};
    wanted.policy = (enum client_policy)kv_prng_below(&model->prng, 4);
    wanted.least_loaded = operation->op == WIRE_OP_CREATE && kv_prng_chance(&model->prng, 1, 3);
    const bool targeted = operation->op == WIRE_OP_MOVE ||
                          (operation->op == WIRE_OP_CREATE && !wanted.least_loaded &&
                           (operation->key_count > 1 || kv_prng_chance(&model->prng, 1, 2)));
    command->target.value =
        targeted ? (uint16_t)kv_prng_between(&model->prng, 1, MODEL_PARTITIONS) : 0;
    const uint64_t patience_us = kv_prng_between(&model->prng, 50 * 1000, 3 * 1000 * 1000);
    operation->deadline_us = model->bench->now.us + patience_us;
    assert_int_equal(bench_submit_as(model->bench, number, wanted, patience_us), STATUS_OK);
}

/* ---- The truth ---- */

/* Nothing was done, or at most once for each key. */
static bool is_done_at_most(const struct model_operation *operation, uint32_t most)
{
    bool truth = operation->executed <= most;
    for (uint32_t i = 0; i < operation->key_count; i++) {
        truth = truth && operation->keys_done[i] <= most;
    }
    return truth;
}

/* It was done as the answer says. A CREATE has its own keys, and a MOVE keys that exist. */
static bool is_answer_true(const struct model_operation *operation,
                           const struct bench_completion *completion)
{
    if (is_read(operation->op)) {
        return completion->verdict == WIRE_VERDICT_OK && completion->rows == operation->key_count;
    }
    if (!is_per_key(operation->op)) {
        return completion->verdict == WIRE_VERDICT_OK && operation->executed == 1;
    }
    bool truth = completion->place_count == operation->key_count;
    for (uint32_t i = 0; i < operation->key_count && truth; i++) {
        truth = completion->verdicts[i] == WIRE_VERDICT_OK && operation->keys_done[i] == 1;
    }
    return truth;
}

static bool is_true(const struct model_operation *operation,
                    const struct bench_completion *completion)
{
    switch (completion->result) {
    case CLIENT_ANSWERED:
        return is_answer_true(operation, completion);
    case CLIENT_UNAVAILABLE:
    case CLIENT_NO_SPACE:
        return is_read(operation->op) || is_done_at_most(operation, 0);
    case CLIENT_IN_DOUBT:
        return !is_read(operation->op) && is_done_at_most(operation, 1);
    case CLIENT_REFUSED:
    case CLIENT_CLOSED:
    case CLIENT_PROTOCOL:
        return false;
    }
    return false;
}

static void check(const struct model *model, uint32_t seed, uint32_t *ret_counts)
{
    for (uint32_t number = 1; number <= MODEL_OPERATIONS; number++) {
        const struct bench_completion *completion = bench_completion(model->bench, number);
        const struct model_operation *operation = &model->operations[number];
        if (completion == NULL || !is_true(operation, completion)) {
            fail_msg("seed %u: operation %u, %s, completed as %d and was executed %u times", seed,
                     number, wire_op_name(operation->op),
                     completion == NULL ? -1 : (int)completion->result, operation->executed);
        }
        assert_true(completion->at_us <= operation->deadline_us + MODEL_TICK_US);
        ret_counts[completion->result]++;
    }
}

static void add(struct client_counters *sum, const struct client_counters *counters)
{
#define X(name, meaning) sum->name += counters->name;
    CLIENT_COUNTER_MAP(X)
#undef X
}

/* Locks that were granted, and whose callers do not know it. */
static uint32_t locks_in_doubt(const struct model *model)
{
    uint32_t count = 0;
    for (uint32_t number = 1; number <= MODEL_OPERATIONS; number++) {
        const struct model_operation *operation = &model->operations[number];
        const bool told = bench_completion(model->bench, number)->result == CLIENT_ANSWERED;
        count += operation->op == WIRE_OP_LOCK && !told ? operation->executed : 0;
    }
    return count;
}

static void run_seed(uint32_t seed, uint32_t *ret_counts, struct client_counters *ret_counters,
                     uint32_t *ret_locks_in_doubt)
{
    struct model *model = model_new(seed, OUTSTANDING);
    struct bench *bench = model->bench;
    for (uint32_t number = 1; number <= MODEL_OPERATIONS;) {
        if (client_outstanding(bench->client) < OUTSTANDING && kv_prng_chance(&model->prng, 1, 8)) {
            submit(model, number++);
        }
        model_tick(model);
    }
    model->faults = false;
    for (uint64_t us = 0; us < 2 * CLIENT_ABANDONED_US; us += MODEL_TICK_US) {
        model_tick(model);
    }
    assert_int_equal(client_outstanding(bench->client), 0);
    check(model, seed, ret_counts);
    const struct client_counters counters = client_counters(bench->client);
    add(ret_counters, &counters);
    assert_true(model->unlocks <= counters.given_back);
    assert_true(counters.given_back <= locks_in_doubt(model));
    *ret_locks_in_doubt += locks_in_doubt(model);
    /* Nothing holds the floor back any more: the next write's is right below it. */
    assert_int_equal(bench_submit(bench, 5000, WIRE_OP_PUT, "k", 1000 * 1000), STATUS_OK);
    const struct bench_send last = bench_expect_send(bench);
    assert_true(last.op == WIRE_OP_SESSION_OPEN || last.floor == last.id.sequence - 1);
    model_destroy(&model);
}

static void the_client_tells_the_truth_under_seeded_faults(void **state)
{
    (void)state;
    uint32_t counts[CLIENT_PROTOCOL + 1] = {0};
    struct client_counters counters = {0};
    uint32_t locks = 0;
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        run_seed(seed, counts, &counters, &locks);
    }
    /* The runs meet all fates often enough to mean something. */
    assert_true(counts[CLIENT_ANSWERED] > 1000);
    assert_true(counts[CLIENT_UNAVAILABLE] > 100);
    assert_true(counts[CLIENT_IN_DOUBT] > 100);
    assert_true(counters.stale > 1000);
    assert_true(counters.pinned > 100);
    assert_true(counters.execs > 100);
    assert_true(counters.multi_partition > 1000);
    assert_true(counters.restarted > 100);
    assert_true(counters.given_back > 10 && counters.given_back > locks / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_tells_the_truth_under_seeded_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
