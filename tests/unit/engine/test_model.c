/* SPDX-License-Identifier: Apache-2.0 */
/* The engine against the model: random deliveries, resends, reordered sequences, floors, dropped
 * sessions and their late duplicates, with saves and loads in between. A second engine gets the
 * same deliveries and is never reloaded: both must stay equal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "multicast/base/prng.h"
#include "tests/unit/engine/fixture.h"
#include "tests/unit/engine/model.h"

#define RUNS  150
#define STEPS 500

struct run {
    struct kv_prng prng;
    struct fixture *reloaded;
    struct fixture *steady;
    struct model model;
    uint64_t at;
    uint64_t base; /* sequences draw near to it, so that floors rise in the course of a run */
    uint32_t outcomes[MODEL_SESSION_UNKNOWN + 1];
};

/* A body is fixed by its id (X1): an increment of a counter of this id's own, or a put that finds
 * its key taken. */
static bool id_is_done(kv_message_id id)
{
    return (id.session.registered.clock.value + id.sequence + id.attempt) % 2 == 0;
}

static void make_command(struct fixture *fixture, kv_message_id id, char *key, size_t size)
{
    if (!id_is_done(id)) {
        fixture_put_if_absent(fixture, "taken", "x");
        return;
    }
    snprintf(key, size, "%" PRIu64 "/%" PRIu64 "/%u", id.session.registered.clock.value,
             id.sequence, id.attempt);
    fixture_incr(fixture, key, 1);
}

static kv_message_id draw_id(struct run *run)
{
    const uint64_t low = run->base > 4 ? run->base - 4 : 1;
    const uint64_t high = run->base + 4 < MODEL_SEQUENCES ? run->base + 4 : MODEL_SEQUENCES;
    return fixture_id(kv_prng_between(&run->prng, 1, MODEL_SESSIONS),
                      kv_prng_between(&run->prng, low, high),
                      (uint32_t)kv_prng_between(&run->prng, 1, MODEL_ATTEMPTS));
}

static uint64_t draw_floor(struct run *run, kv_message_id id)
{
    if (kv_prng_chance(&run->prng, 1, 3)) {
        return 0;
    }
    return id.sequence - kv_prng_between(&run->prng, 0, id.sequence < 4 ? id.sequence : 4);
}

static void check_reply(struct run *run, struct fixture *fixture, kv_message_id id,
                        enum model_outcome outcome)
{
    const struct model_session *session = &run->model.sessions[id.session.registered.clock.value];
    switch (outcome) {
    case MODEL_RUNS:
    case MODEL_RECORDED:
        assert_int_equal(fixture->answer.verdict,
                         id_is_done(id) ? WIRE_VERDICT_OK : WIRE_VERDICT_EXISTS);
        assert_int_equal(fixture->answer.number, id_is_done(id) ? 1 : 0);
        assert_int_equal(fixture->reply.timestamp.clock.value, session->records[id.sequence].at);
        break;
    case MODEL_REFUSED:
        assert_int_equal(fixture->answer.verdict, WIRE_VERDICT_REFUSED);
        assert_int_equal(fixture->reply.timestamp.clock.value, run->at);
        break;
    case MODEL_SESSION_UNKNOWN:
        assert_int_equal(fixture->answer.verdict, WIRE_VERDICT_SESSION_UNKNOWN);
        break;
    }
}

static void deliver(struct run *run, struct fixture *fixture, kv_message_id id, uint64_t floor,
                    enum model_outcome outcome)
{
    char key[64];
    make_command(fixture, id, key, sizeof(key));
    fixture_deliver(fixture, id, floor);
    check_reply(run, fixture, id, outcome);
    engine_check(fixture->engine);
}

static void step_deliver(struct run *run)
{
    const kv_message_id id = draw_id(run);
    const uint64_t floor = draw_floor(run, id);
    run->at++;
    const enum model_outcome outcome =
        model_deliver(&run->model, id, floor, run->at, id_is_done(id));
    run->outcomes[outcome]++;
    deliver(run, run->reloaded, id, floor, outcome);
    deliver(run, run->steady, id, floor, outcome);
    assert_int_equal(engine_digest(run->reloaded->engine), engine_digest(run->steady->engine));
}

static void step_admit(struct run *run)
{
    static const enum engine_admission expected[] = {
        [MODEL_RUNS] = ENGINE_ADMIT,
        [MODEL_RECORDED] = ENGINE_RECORDED,
        [MODEL_REFUSED] = ENGINE_REFUSED,
        [MODEL_SESSION_UNKNOWN] = ENGINE_SESSION_UNKNOWN,
    };
    const kv_message_id id = draw_id(run);
    const uint64_t floor = draw_floor(run, id);
    const enum model_outcome outcome = model_look(&run->model, id, floor);
    assert_int_equal(fixture_admit(run->reloaded, id, floor), expected[outcome]);
    if (outcome == MODEL_RECORDED) {
        check_reply(run, run->reloaded, id, outcome);
    }
}

static void begin(struct run *run, uint64_t seed)
{
    kv_prng_init(&run->prng, seed);
    run->model = (struct model){0};
    run->model.sessions_max = (uint32_t)kv_prng_between(&run->prng, 1, MODEL_SESSIONS);
    run->reloaded = fixture_new(run->model.sessions_max);
    run->steady = fixture_new(run->model.sessions_max);
    run->at = 1;
    run->base = 2;
    /* The first message makes the key that the others find taken. */
    const kv_message_id first = fixture_id(1, 1, 2);
    model_deliver(&run->model, first, 0, run->at, id_is_done(first));
    struct fixture *both[] = {run->reloaded, run->steady};
    for (uint32_t i = 0; i < 2; i++) {
        fixture_incr(both[i], "taken", 1);
        assert_int_equal(fixture_deliver(both[i], first, 0), WIRE_VERDICT_OK);
    }
}

static void one_run(struct run *run, uint64_t seed)
{
    begin(run, seed);
    for (uint32_t i = 0; i < STEPS; i++) {
        if (kv_prng_chance(&run->prng, 1, 20)) {
            fixture_reload(run->reloaded, run->model.sessions_max);
        }
        if (run->base < MODEL_SEQUENCES && kv_prng_chance(&run->prng, 1, 25)) {
            run->base++;
        }
        if (kv_prng_chance(&run->prng, 1, 4)) {
            step_admit(run);
        } else {
            step_deliver(run);
        }
    }
    fixture_destroy(&run->reloaded);
    fixture_destroy(&run->steady);
}

static void the_engine_does_what_the_model_does(void **state)
{
    (void)state;
    static struct run run;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        one_run(&run, seed);
    }
    /* The runs went everywhere. */
    for (uint32_t i = 0; i <= MODEL_SESSION_UNKNOWN; i++) {
        assert_true(run.outcomes[i] > RUNS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engine_does_what_the_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
