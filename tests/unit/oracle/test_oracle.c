/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle machine, under its engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "multicast/base/prng.h"
#include "multicast/wire/footprint.h"
#include "oracle/oracle_leases.h"
#include "oracle/oracle_machine.h"
#include "partition/engine/state_bytes.h"
#include "tests/unit/engine/fixture.h"
#include "tests/unit/store/memory_checkpoint.h"

#define PARTITIONS   5
#define SESSIONS_MAX 3

static struct engine *new_oracle(void)
{
    return engine_new(KV_GROUP_ORACLE, oracle_machine_new(PARTITIONS, SESSIONS_MAX), 0);
}

static int setup(void **state)
{
    *state = fixture_new_with(KV_GROUP_ORACLE, oracle_machine_new(PARTITIONS, SESSIONS_MAX), 0);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    engine_check(fixture->engine);
    fixture_destroy(&fixture);
    return 0;
}

/* Register with a nonce; *ret_session is the id that the reply gives. */
static enum wire_verdict register_session(struct fixture *fixture, uint64_t nonce,
                                          kv_session_id *ret_session)
{
    fixture_plain(fixture, WIRE_OP_SESSION_OPEN);
    const kv_message_id id = {.sequence = nonce, .attempt = 1};
    const enum wire_verdict verdict = fixture_deliver(fixture, id, 0);
    ret_session->registered = fixture->reply.timestamp;
    if (verdict == WIRE_VERDICT_EXISTS) {
        ret_session->registered.clock.value = (uint64_t)fixture->answer.number;
        ret_session->registered.group.value = (uint16_t)fixture->answer.hint;
    }
    return verdict;
}

static enum wire_verdict end_session(struct fixture *fixture, kv_session_id session,
                                     uint64_t sequence)
{
    fixture_plain(fixture, WIRE_OP_SESSION_CLOSE);
    return fixture_deliver(fixture, (kv_message_id){session, sequence, 1}, sequence - 1);
}

static uint64_t open_sessions(const struct fixture *fixture)
{
    return oracle_machine_sessions(&fixture->machine);
}

static void the_id_of_a_session_is_the_timestamp_of_its_registration(void **state)
{
    struct fixture *fixture = *state;
    kv_session_id a;
    kv_session_id b;
    assert_int_equal(register_session(fixture, 1000, &a), WIRE_VERDICT_OK);
    assert_int_equal(fixture->answer.number, 0);
    assert_int_equal(a.registered.clock.value, fixture->clock);
    assert_int_equal(register_session(fixture, 1001, &b), WIRE_VERDICT_OK);
    assert_true(kv_session_compare(a, b) < 0);
    assert_int_equal(open_sessions(fixture), 2);
}

static void a_resent_registration_gets_the_first_id(void **state)
{
    struct fixture *fixture = *state;
    kv_session_id first;
    kv_session_id other;
    kv_session_id again;
    register_session(fixture, 7, &first);
    register_session(fixture, 8, &other);
    assert_int_equal(register_session(fixture, 7, &again), WIRE_VERDICT_EXISTS);
    assert_int_equal(kv_session_compare(first, again), 0);
    assert_int_equal(open_sessions(fixture), 2);
}

static void an_ended_session_frees_its_nonce(void **state)
{
    struct fixture *fixture = *state;
    kv_session_id first;
    kv_session_id again;
    register_session(fixture, 7, &first);
    assert_int_equal(end_session(fixture, first, 1), WIRE_VERDICT_OK);
    assert_int_equal(open_sessions(fixture), 0);
    /* The answer is recorded in the engine's session; another message of it finds none. */
    assert_int_equal(end_session(fixture, first, 1), WIRE_VERDICT_OK);
    assert_int_equal(end_session(fixture, first, 2), WIRE_VERDICT_SESSION_UNKNOWN);
    assert_int_equal(register_session(fixture, 7, &again), WIRE_VERDICT_OK);
    assert_true(kv_session_compare(first, again) < 0);
}

static void beyond_the_maximum_the_session_opened_first_ends(void **state)
{
    struct fixture *fixture = *state;
    kv_session_id sessions[SESSIONS_MAX + 1];
    kv_session_id again;
    for (uint64_t i = 0; i <= SESSIONS_MAX; i++) {
        register_session(fixture, 50 - i, &sessions[i]);
    }
    assert_int_equal(open_sessions(fixture), SESSIONS_MAX);
    assert_int_equal(end_session(fixture, sessions[0], 1), WIRE_VERDICT_SESSION_UNKNOWN);
    for (uint64_t i = 1; i <= SESSIONS_MAX; i++) {
        assert_int_equal(register_session(fixture, 50 - i, &again), WIRE_VERDICT_EXISTS);
        assert_int_equal(kv_session_compare(again, sessions[i]), 0);
    }
    assert_int_equal(register_session(fixture, 50, &again), WIRE_VERDICT_OK);
}

static void the_map_names_its_version_and_the_partitions(void **state)
{
    struct fixture *fixture = *state;
    fixture_plain(fixture, WIRE_OP_MAP);
    assert_int_equal(fixture_read(fixture), WIRE_VERDICT_OK);
    assert_int_equal(fixture->answer.number, 1);
    assert_int_equal(fixture->answer.hint, PARTITIONS);
    assert_int_equal(fixture_deliver(fixture, fixture_id(1, 1, 1), 0), WIRE_VERDICT_OK);
    assert_int_equal(fixture->answer.hint, PARTITIONS);
}

static void keys_do_not_live_here(void **state)
{
    struct fixture *fixture = *state;
    fixture_get(fixture, "k");
    assert_int_equal(fixture_read(fixture), WIRE_VERDICT_UNSUPPORTED);
    fixture_put_text(fixture, "k", "v");
    assert_int_equal(fixture_deliver(fixture, fixture_id(1, 1, 1), 0), WIRE_VERDICT_UNSUPPORTED);
}

/* Execute the fixture's command on a machine without an engine. */
static void execute(struct fixture *fixture, const struct machine *machine,
                    const struct machine_context *context)
{
    static struct machine_footprint footprint;
    struct machine_context full = *context;
    full.destinations = kv_group_set_of(KV_GROUP_ORACLE);
    assert_true(machine->ops->open(machine->state, &full, fixture_body(fixture), &footprint));
    wire_answer_begin(&fixture->answer, WIRE_VERDICT_OK);
    assert_int_equal(machine->ops->execute(machine->state, NULL, 0, &fixture->answer),
                     MACHINE_DONE);
}

/* ---- EXEC ---- */

/* It would have to be sent on with an owner for each key. */
static void an_exec_without_room_for_owners_is_none(void **state)
{
    struct fixture *fixture = *state;
    static uint8_t value[KV_VALUE_BYTES_MAX];
    wire_command_begin(&fixture->command, WIRE_OP_MPUT);
    fixture->command.exec = true;
    fixture->command.keys[0] = kv_slice_of_text("a");
    fixture->command.keys[1] = kv_slice_of_text("b");
    fixture->command.keys[2] = kv_slice_of_text("c");
    fixture->command.keys[3] = kv_slice_of_text("d");
    fixture->command.key_count = fixture->command.value_count = 4;
    for (uint32_t i = 0; i < 4; i++) {
        fixture->command.values[i] = kv_slice_of(value, sizeof value - (i == 0 ? 80 : 0));
    }
    assert_int_equal(fixture_deliver(fixture, fixture_id(1, 1, 4), 0), WIRE_VERDICT_UNSUPPORTED);
}

/* As a node asks before it has the command ordered. */
static enum engine_admission ask_first(struct fixture *fixture, kv_message_id id)
{
    assert_true(
        engine_fits(fixture->engine, fixture_body(fixture), id, kv_group_set_of(KV_GROUP_ORACLE)));
    return fixture_admit(fixture, id, 0);
}

static void exec_put(struct fixture *fixture)
{
    fixture_put_text(fixture, "k", "v");
    fixture->command.exec = true;
}

/* Members have different numbers of them under way when they come to the same EXEC. */
static void execs_beyond_the_bound_are_not_admitted_and_what_is_ordered_begins(void **state)
{
    struct fixture *fixture = *state;
    struct kv_buffer saved = {0};
    for (uint64_t i = 1; i <= KV_SESSION_OUTSTANDING_MAX; i++) {
        exec_put(fixture);
        assert_int_equal(ask_first(fixture, fixture_id(1, i, 4)), ENGINE_ADMIT);
        assert_int_equal(fixture_deliver(fixture, fixture_id(1, i, 4), 0), 0);
    }
    exec_put(fixture);
    assert_int_equal(ask_first(fixture, fixture_id(2, 1, 4)), ENGINE_BUSY);
    fixture_plain(fixture, WIRE_OP_SESSION_CLOSE);
    assert_int_equal(ask_first(fixture, fixture_id(2, 1, 4)), ENGINE_ADMIT);
    exec_put(fixture); /* it was in the log before */
    assert_int_equal(fixture_deliver(fixture, fixture_id(2, 1, 4), 0), 0);
    assert_int_equal(oracle_machine_pending(&fixture->machine), KV_SESSION_OUTSTANDING_MAX + 1);
    engine_save(fixture->engine, &saved);
    struct engine *loaded = new_oracle();
    assert_int_equal(engine_load(loaded, kv_buffer_slice(&saved)), STATUS_OK);
    engine_destroy(&loaded);
    kv_buffer_close(&saved);
}

/* Open, vote and execute the fixture's command, as all groups' votes were OK. */
static void run_alone(struct fixture *fixture, struct machine *machine,
                      const struct machine_context *context)
{
    static struct machine_footprint footprint;
    assert_true(machine->ops->open(machine->state, context, fixture_body(fixture), &footprint));
    if (kv_group_set_count(context->destinations) > 1) {
        assert_int_equal(machine->ops->vote(machine->state), WIRE_VERDICT_OK);
    }
    wire_answer_begin(&fixture->answer, WIRE_VERDICT_OK);
    assert_int_equal(machine->ops->execute(machine->state, NULL, 0, &fixture->answer),
                     MACHINE_DONE);
}

static uint32_t count_dispatches(struct machine *machine, uint64_t *after)
{
    const struct machine_moment now = {.time_us = 0};
    struct machine_dispatch dispatch;
    uint32_t count = 0;
    while (machine->ops->dispatch(machine->state, &now, *after, &dispatch)) {
        assert_true(dispatch.number > *after);
        *after = dispatch.number;
        count++;
    }
    return count;
}

static void leases_are_bounded_and_end_a_list_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    struct machine machine = oracle_machine_new(PARTITIONS, SESSIONS_MAX);
    struct machine_context context = {.id = {.session = {{{7}, {0}}}, .attempt = 1}};
    static struct machine_footprint footprint;
    fixture_plain(fixture, WIRE_OP_SESSION_BEGIN);
    fixture->command.ttl_ms = 1000;
    context.destinations = wire_command_destinations(&fixture->command, PARTITIONS);
    for (uint64_t i = 0; i < ORACLE_LEASES_MAX; i++) {
        context.timestamp.clock.value = 100 + i;
        context.id.sequence = 1 + i;
        assert_false(i > 0 && machine.ops->full(machine.state));
        run_alone(fixture, &machine, &context);
    }
    context.timestamp.clock.value++;
    assert_true(machine.ops->open(machine.state, &context, fixture_body(fixture), &footprint));
    assert_true(machine.ops->full(machine.state));
    /* All of them end at once. */
    fixture_plain(fixture, WIRE_OP_TICK);
    fixture->command.number = 1000000;
    fixture->command.token = context.timestamp;
    context.destinations = kv_group_set_of(KV_GROUP_ORACLE);
    context.id = (kv_message_id){.sequence = 1, .attempt = KV_ATTEMPT_OWN};
    run_alone(fixture, &machine, &context);
    assert_false(machine.ops->full(machine.state));
    uint64_t after = 0;
    assert_int_equal(count_dispatches(&machine, &after), ORACLE_ENDS_MAX);
    fixture_plain(fixture, WIRE_OP_SESSION_END);
    fixture->command.token = (kv_timestamp){{100}, {0}};
    context.destinations = wire_command_destinations(&fixture->command, PARTITIONS);
    context.id = (kv_message_id){{fixture->command.token}, 1, KV_ATTEMPT_OWN};
    context.timestamp.clock.value++;
    run_alone(fixture, &machine, &context);
    assert_int_equal(count_dispatches(&machine, &after), 1);
    /* The end of a lock has room of its own: ends of sessions may wait for who waits for it. */
    fixture_plain(fixture, WIRE_OP_LOCK);
    fixture->command.ttl_ms = 1000;
    fixture->command.keys[fixture->command.key_count++] = kv_slice_of_text("k");
    fixture->command.owners[fixture->command.owner_count++] = 1;
    context.destinations = wire_command_destinations(&fixture->command, PARTITIONS);
    context.id = (kv_message_id){{{{7}, {0}}}, ORACLE_LEASES_MAX + 1, 1};
    context.timestamp.clock.value++;
    const kv_timestamp lock = context.timestamp;
    run_alone(fixture, &machine, &context);
    fixture_plain(fixture, WIRE_OP_UNLOCK);
    fixture->command.token = lock;
    context.destinations = kv_group_set_of(KV_GROUP_ORACLE);
    context.id.sequence++;
    context.timestamp.clock.value++;
    run_alone(fixture, &machine, &context);
    assert_int_equal(count_dispatches(&machine, &after), 1);
    machine.ops->destroy(machine.state);
}

/* What reads everything has no queue, so it is never ordered. */
static void counts_and_history_are_not_ordered(void **state)
{
    struct fixture *fixture = *state;
    fixture_plain(fixture, WIRE_OP_PARTITIONS);
    assert_int_equal(fixture_deliver(fixture, fixture_id(1, 1, 1), 0), WIRE_VERDICT_UNSUPPORTED);
    fixture_plain(fixture, WIRE_OP_HISTORY);
    fixture->command.limit = 1;
    assert_int_equal(fixture_deliver(fixture, fixture_id(1, 2, 1), 0), WIRE_VERDICT_UNSUPPORTED);
    fixture_plain(fixture, WIRE_OP_PARTITIONS);
    assert_int_equal(fixture_read(fixture), WIRE_VERDICT_OK);
}

static void the_digest_tells_which_sessions_are_open(void **state)
{
    struct fixture *fixture = *state;
    struct machine a = oracle_machine_new(PARTITIONS, SESSIONS_MAX);
    struct machine b = oracle_machine_new(PARTITIONS, SESSIONS_MAX);
    struct machine c = oracle_machine_new(PARTITIONS - 1, SESSIONS_MAX);
    struct machine_context context = {.timestamp = {{5}, {0}}, .id = {.sequence = 9}};
    assert_int_equal(a.ops->digest(a.state), b.ops->digest(b.state));
    assert_int_not_equal(a.ops->digest(a.state), c.ops->digest(c.state));
    fixture_plain(fixture, WIRE_OP_SESSION_OPEN);
    execute(fixture, &a, &context);
    assert_int_not_equal(a.ops->digest(a.state), b.ops->digest(b.state));
    context.id.sequence = 10;
    execute(fixture, &b, &context);
    assert_int_not_equal(a.ops->digest(a.state), b.ops->digest(b.state));
    context.id.session.registered = context.timestamp;
    fixture_plain(fixture, WIRE_OP_SESSION_CLOSE);
    execute(fixture, &a, &context);
    execute(fixture, &b, &context);
    assert_int_equal(a.ops->digest(a.state), b.ops->digest(b.state));
    a.ops->destroy(a.state);
    b.ops->destroy(b.state);
    c.ops->destroy(c.state);
}

static void the_registry_survives_save_and_load(void **state)
{
    struct fixture *fixture = *state;
    kv_session_id sessions[SESSIONS_MAX];
    kv_session_id again;
    for (uint64_t i = 0; i < SESSIONS_MAX; i++) {
        register_session(fixture, 50 - i, &sessions[i]);
    }
    struct kv_buffer saved = {0};
    engine_save(fixture->engine, &saved);
    struct engine *copy = new_oracle();
    assert_int_equal(engine_load(copy, kv_buffer_slice(&saved)), STATUS_OK);
    assert_int_equal(engine_digest(copy), engine_digest(fixture->engine));
    kv_buffer_close(&saved);
    engine_destroy(&fixture->engine);
    fixture->engine = copy;
    fixture->machine.state = NULL; /* gone with its engine */

    assert_int_equal(register_session(fixture, 50, &again), WIRE_VERDICT_EXISTS);
    assert_int_equal(kv_session_compare(again, sessions[0]), 0);
    register_session(fixture, 99, &again); /* the order of opening is kept: the first ends */
    assert_int_equal(end_session(fixture, sessions[0], 1), WIRE_VERDICT_SESSION_UNKNOWN);
    assert_int_equal(end_session(fixture, sessions[1], 1), WIRE_VERDICT_OK);
}

/* Prefixes and flips of a saved registry. */
static void load_hostile(const struct machine *source, bool rows, const struct store_base *bases)
{
    struct kv_buffer saved = {0};
    struct kv_buffer again = {0};
    source->ops->save(source->state, rows, &saved);
    for (size_t size = 0; size < saved.size; size++) {
        assert_int_equal(source->ops->load(source->state, kv_slice_of(saved.data, size), bases),
                         STATUS_CORRUPT);
        assert_int_equal(oracle_machine_sessions(source), 0);
    }
    struct kv_prng prng;
    kv_prng_init(&prng, 1);
    for (uint32_t i = 0; i < 20000; i++) {
        const uint64_t at = kv_prng_below(&prng, saved.size);
        const uint8_t with = (uint8_t)kv_prng_between(&prng, 1, 255);
        saved.data[at] ^= with;
        if (source->ops->load(source->state, kv_buffer_slice(&saved), bases) == STATUS_OK) {
            kv_buffer_clear(&again);
            source->ops->save(source->state, rows, &again);
            assert_memory_equal(again.data, saved.data, saved.size);
        } else {
            assert_int_equal(oracle_machine_sessions(source), 0);
        }
        saved.data[at] ^= with;
    }
    assert_int_equal(source->ops->load(source->state, kv_buffer_slice(&saved), bases), STATUS_OK);
    kv_buffer_close(&saved);
    kv_buffer_close(&again);
}

static void hostile_bytes_are_refused_and_leave_an_empty_registry(void **state)
{
    struct fixture *fixture = *state;
    kv_session_id session;
    for (uint64_t i = 0; i < SESSIONS_MAX; i++) {
        register_session(fixture, i, &session);
    }
    struct machine source = oracle_machine_new(PARTITIONS, SESSIONS_MAX);
    struct machine_context context = {.timestamp = {{5}, {0}}, .id = {.sequence = 9}};
    fixture_plain(fixture, WIRE_OP_SESSION_OPEN);
    for (uint64_t i = 0; i < SESSIONS_MAX; i++) {
        context.timestamp.clock.value++;
        context.id.sequence++;
        execute(fixture, &source, &context);
    }
    load_hostile(&source, /* rows */ true, /* bases */ NULL);
    struct memory_checkpoint taken = {0};
    struct store_base bases[MACHINE_STORES_MAX];
    memory_checkpoint_freeze(&taken, &source);
    memory_checkpoint_thaw(&taken, &source);
    memory_checkpoint_bases(&taken, bases);
    load_hostile(&source, /* rows */ false, bases);
    source.ops->destroy(source.state);
    memory_checkpoint_close(&taken);
}

/* A saved registry of two sessions. */
static enum status load_two(const struct machine *machine, kv_timestamp first, uint64_t first_nonce,
                            kv_timestamp second, uint64_t second_nonce)
{
    struct kv_buffer saved = {0};
    state_write_u8(&saved, 4);
    state_write_u32(&saved, PARTITIONS);
    state_write_u32(&saved, 2);
    state_write_timestamp(&saved, first);
    state_write_u64(&saved, first_nonce);
    state_write_timestamp(&saved, second);
    state_write_u64(&saved, second_nonce);
    state_write_u64(&saved, 0); /* placed keys, changes, EXECs */
    state_write_u32(&saved, 0);
    state_write_u32(&saved, 0);
    state_write_u64(&saved, 0); /* time, locks */
    state_write_timestamp(&saved, (kv_timestamp){0});
    state_write_u32(&saved, 0);
    const enum status status =
        machine->ops->load(machine->state, kv_buffer_slice(&saved), /* bases */ NULL);
    kv_buffer_close(&saved);
    return status;
}

static void saved_sessions_must_ascend_and_differ_in_their_nonces(void **state)
{
    (void)state;
    struct machine machine = oracle_machine_new(PARTITIONS, SESSIONS_MAX);
    const kv_timestamp low = {{5}, {0}};
    const kv_timestamp high = {{6}, {0}};
    const kv_timestamp none = {{0}, {0}};
    const kv_timestamp foreign = {{6}, {KV_GROUPS_MAX}}; /* could not be answered as a hint */
    assert_int_equal(load_two(&machine, low, 1, high, 2), STATUS_OK);
    assert_int_equal(load_two(&machine, high, 1, low, 2), STATUS_CORRUPT);
    assert_int_equal(load_two(&machine, low, 1, low, 2), STATUS_CORRUPT);
    assert_int_equal(load_two(&machine, low, 1, high, 1), STATUS_CORRUPT);
    assert_int_equal(load_two(&machine, none, 1, high, 2), STATUS_CORRUPT);
    assert_int_equal(load_two(&machine, low, 1, foreign, 2), STATUS_CORRUPT);
    machine.ops->destroy(machine.state);
}

/* The same in the plainest form: open sessions in the order of opening. */
struct naive {
    uint32_t count;
    struct {
        uint64_t nonce;
        uint64_t clock;
    } open[SESSIONS_MAX];
};

static uint32_t naive_find(const struct naive *naive, uint64_t nonce, uint64_t clock)
{
    uint32_t i = 0;
    while (i < naive->count && naive->open[i].nonce != nonce && naive->open[i].clock != clock) {
        i++;
    }
    return i;
}

static void naive_close(struct naive *naive, uint32_t i)
{
    naive->count--;
    memmove(&naive->open[i], &naive->open[i + 1], (naive->count - i) * sizeof(naive->open[0]));
}

static void random_registrations_give_what_a_list_gives(void **state)
{
    struct fixture *fixture = *state;
    struct kv_prng prng;
    struct naive naive = {0};
    kv_session_id session;
    kv_prng_init(&prng, 11);
    for (uint64_t sequence = 1; sequence < 5000; sequence++) {
        if (kv_prng_chance(&prng, 1, 3)) {
            const uint64_t clock =
                fixture->clock - kv_prng_below(&prng, fixture->clock < 8 ? fixture->clock : 8);
            const uint32_t i = naive_find(&naive, UINT64_MAX, clock);
            session = (kv_session_id){{{clock}, KV_GROUP_ORACLE}};
            if (clock == 0) {
                continue;
            }
            const bool open = i < naive.count;
            assert_int_equal(end_session(fixture, session, sequence),
                             open ? WIRE_VERDICT_OK : WIRE_VERDICT_SESSION_UNKNOWN);
            if (open) {
                naive_close(&naive, i);
            }
        } else {
            const uint64_t nonce = kv_prng_below(&prng, 6);
            const uint32_t i = naive_find(&naive, nonce, UINT64_MAX);
            const enum wire_verdict verdict = register_session(fixture, nonce, &session);
            if (i < naive.count) {
                assert_int_equal(verdict, WIRE_VERDICT_EXISTS);
                assert_int_equal(session.registered.clock.value, naive.open[i].clock);
                continue;
            }
            assert_int_equal(verdict, WIRE_VERDICT_OK);
            if (naive.count == SESSIONS_MAX) {
                naive_close(&naive, 0);
            }
            naive.open[naive.count].nonce = nonce;
            naive.open[naive.count].clock = fixture->clock;
            naive.count++;
        }
        assert_int_equal(open_sessions(fixture), naive.count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(the_id_of_a_session_is_the_timestamp_of_its_registration),
        TEST(a_resent_registration_gets_the_first_id),
        TEST(an_ended_session_frees_its_nonce),
        TEST(beyond_the_maximum_the_session_opened_first_ends),
        TEST(the_map_names_its_version_and_the_partitions),
        TEST(keys_do_not_live_here),
        TEST(an_exec_without_room_for_owners_is_none),
        TEST(leases_are_bounded_and_end_a_list_at_a_time),
        TEST(execs_beyond_the_bound_are_not_admitted_and_what_is_ordered_begins),
        TEST(counts_and_history_are_not_ordered),
        TEST(the_digest_tells_which_sessions_are_open),
        TEST(the_registry_survives_save_and_load),
        TEST(hostile_bytes_are_refused_and_leave_an_empty_registry),
        TEST(saved_sessions_must_ascend_and_differ_in_their_nonces),
        TEST(random_registrations_give_what_a_list_gives),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
