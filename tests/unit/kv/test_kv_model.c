/* SPDX-License-Identifier: Apache-2.0 */
/* The KV machine against a naive one: thousands of random commands, every answer compared; saves,
 * loads and checkpoints in between; and loads of hostile bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/base/prng.h"
#include "partition/engine/state_bytes.h"
#include "partition/kv/kv_machine.h"
#include "tests/unit/kv/script.h"
#include "tests/unit/store/memory_checkpoint.h"

#define KEYS     300
#define RUNS     20
#define COMMANDS 4000
#define VALUE    40

/* Key i is "k" and three digits: ascending with i. A value is text. */
struct naive {
    bool present[KEYS];
    char values[KEYS][VALUE];
};

struct run {
    struct kv_prng prng;
    struct script *script;
    struct naive naive;
    struct memory_checkpoint checkpoint;
    char texts[KV_COMMAND_KEYS_MAX][8]; /* of the command's keys */
    char values[KV_COMMAND_KEYS_MAX][VALUE];
    uint32_t picks[KV_COMMAND_KEYS_MAX];
    uint32_t verdicts[WIRE_VERDICT_UNSUPPORTED + 1];
};

static void add_key(struct run *run)
{
    const uint32_t i = run->script->command.key_count;
    run->picks[i] = (uint32_t)kv_prng_below(&run->prng, KEYS);
    snprintf(run->texts[i], sizeof(run->texts[i]), "k%03u", (unsigned)run->picks[i]);
    script_key(run->script, kv_slice_of_text(run->texts[i]));
}

/* Numbers of any size, many near the ends of the range. */
static int64_t draw_number(struct run *run)
{
    const uint64_t bits = kv_prng_chance(&run->prng, 1, 3) ? 3 : 64;
    const int64_t number = (int64_t)(kv_prng_next(&run->prng) >> kv_prng_below(&run->prng, bits));
    return number % 5 == 0 && number != INT64_MIN ? -number : number;
}

/* Mostly numbers, some text. */
static const char *add_value(struct run *run)
{
    const uint32_t i = run->script->command.value_count;
    const int64_t number = draw_number(run);
    if (kv_prng_chance(&run->prng, 3, 4)) {
        snprintf(run->values[i], VALUE, "%" PRId64, number);
    } else {
        snprintf(run->values[i], VALUE, "v%" PRId64, number % 10);
    }
    script_value(run->script, kv_slice_of_text(run->values[i]));
    return run->values[i];
}

static void expect(struct run *run, enum wire_verdict verdict)
{
    assert_int_equal(run->script->answer.verdict, verdict);
    run->verdicts[verdict]++;
}

static void expect_row(struct run *run, uint32_t row, uint32_t pick)
{
    assert_int_equal(run->script->answer.rows[row].present, run->naive.present[pick]);
    if (run->naive.present[pick]) {
        assert_true(kv_slice_equal(run->script->answer.rows[row].value,
                                   kv_slice_of_text(run->naive.values[pick])));
    }
}

static void set(struct run *run, uint32_t pick, const char *value)
{
    run->naive.present[pick] = true;
    snprintf(run->naive.values[pick], VALUE, "%s", value);
}

static void one_key(struct run *run, enum wire_op op, uint32_t values)
{
    script_command(run->script, op);
    add_key(run);
    for (uint32_t i = 0; i < values; i++) {
        add_value(run);
    }
}

static void do_put(struct run *run)
{
    one_key(run, WIRE_OP_PUT, 1);
    script_execute(run->script);
    expect(run, WIRE_VERDICT_OK);
    set(run, run->picks[0], run->values[0]);
}

static void do_put_if_absent(struct run *run)
{
    one_key(run, WIRE_OP_PUT_IF_ABSENT, 1);
    script_execute(run->script);
    if (run->naive.present[run->picks[0]]) {
        expect(run, WIRE_VERDICT_EXISTS);
        expect_row(run, 0, run->picks[0]);
    } else {
        expect(run, WIRE_VERDICT_OK);
        set(run, run->picks[0], run->values[0]);
    }
}

static void do_delete(struct run *run)
{
    one_key(run, WIRE_OP_DELETE, 0);
    script_execute(run->script);
    expect(run, run->naive.present[run->picks[0]] ? WIRE_VERDICT_OK : WIRE_VERDICT_NOT_FOUND);
    run->naive.present[run->picks[0]] = false;
}

static void do_cas(struct run *run)
{
    one_key(run, WIRE_OP_CAS, 2);
    const uint32_t pick = run->picks[0];
    const bool right = kv_prng_chance(&run->prng, 1, 2);
    if (right) {
        run->script->command.values[0] = kv_slice_of_text(run->naive.values[pick]);
    }
    const bool equal =
        kv_slice_equal(run->script->command.values[0], kv_slice_of_text(run->naive.values[pick]));
    script_execute(run->script);
    if (!run->naive.present[pick]) {
        expect(run, WIRE_VERDICT_NOT_FOUND);
    } else if (!equal) {
        expect(run, WIRE_VERDICT_MISMATCH);
        expect_row(run, 0, pick);
    } else {
        expect(run, WIRE_VERDICT_OK);
        set(run, pick, run->values[1]);
    }
}

/* Values are canonical numbers or begin with a letter, except by APPEND; so strtoll decides, if
 * printing gives the text again. */
static void do_incr(struct run *run)
{
    one_key(run, WIRE_OP_INCR, 0);
    const uint32_t pick = run->picks[0];
    const int64_t by = draw_number(run);
    run->script->command.number = by;
    script_execute(run->script);
    int64_t number = 0;
    char text[VALUE] = "0";
    if (run->naive.present[pick]) {
        number = strtoll(run->naive.values[pick], NULL, 10);
        snprintf(text, sizeof(text), "%" PRId64, number);
        if (strcmp(text, run->naive.values[pick]) != 0) {
            expect(run, WIRE_VERDICT_NOT_A_NUMBER);
            return;
        }
    }
    if (__builtin_add_overflow(number, by, &number)) {
        expect(run, WIRE_VERDICT_OVERFLOW);
        return;
    }
    expect(run, WIRE_VERDICT_OK);
    assert_true(run->script->answer.number == number);
    snprintf(text, sizeof(text), "%" PRId64, number);
    set(run, pick, text);
}

static void do_append(struct run *run)
{
    one_key(run, WIRE_OP_APPEND, 0);
    const uint32_t pick = run->picks[0];
    script_value(run->script, kv_slice_of_text("7"));
    const size_t size = run->naive.present[pick] ? strlen(run->naive.values[pick]) : 0;
    if (size + 2 > VALUE) {
        return;
    }
    script_execute(run->script);
    expect(run, WIRE_VERDICT_OK);
    char text[VALUE];
    memcpy(text, run->naive.values[pick], size);
    memcpy(text + size, "7", 2);
    set(run, pick, text);
}

static void do_mput(struct run *run)
{
    script_command(run->script, WIRE_OP_MPUT);
    for (uint64_t n = kv_prng_between(&run->prng, 1, 20); n > 0; n--) {
        add_key(run);
        add_value(run);
    }
    script_execute(run->script);
    expect(run, WIRE_VERDICT_OK);
    for (uint32_t i = 0; i < run->script->command.key_count; i++) {
        set(run, run->picks[i], run->values[i]);
    }
}

static void do_get(struct run *run)
{
    one_key(run, WIRE_OP_GET, 0);
    script_read(run->script);
    if (run->naive.present[run->picks[0]]) {
        expect(run, WIRE_VERDICT_OK);
        assert_int_equal(run->script->answer.row_count, 1);
        expect_row(run, 0, run->picks[0]);
    } else {
        expect(run, WIRE_VERDICT_NOT_FOUND);
    }
}

static void do_mget(struct run *run)
{
    script_command(run->script, WIRE_OP_MGET);
    for (uint64_t n = kv_prng_between(&run->prng, 1, 20); n > 0; n--) {
        add_key(run);
    }
    script_read(run->script);
    expect(run, WIRE_VERDICT_OK);
    assert_int_equal(run->script->answer.row_count, run->script->command.key_count);
    for (uint32_t i = 0; i < run->script->command.key_count; i++) {
        expect_row(run, i, run->picks[i]);
    }
}

static void do_scan(struct run *run)
{
    struct script *script = run->script;
    script_command(script, WIRE_OP_SCAN);
    add_key(run);
    add_key(run);
    script->command.limit = (uint32_t)kv_prng_between(&run->prng, 1, 60);
    uint32_t from = run->picks[0];
    uint32_t to = run->picks[1];
    if (kv_prng_chance(&run->prng, 1, 5)) {
        script->command.keys[0].size = 0;
        from = 0;
    }
    if (kv_prng_chance(&run->prng, 1, 5)) {
        script->command.keys[1].size = 0;
        to = KEYS;
    }
    script_read(script);
    expect(run, WIRE_VERDICT_OK);
    uint32_t rows = 0;
    bool more = false;
    for (uint32_t i = from; i < to; i++) {
        if (!run->naive.present[i]) {
            continue;
        }
        if (rows == script->command.limit) {
            more = true;
            break;
        }
        char key[8];
        snprintf(key, sizeof(key), "k%03u", (unsigned)i);
        assert_true(rows < script->answer.row_count);
        assert_true(kv_slice_equal(script->answer.rows[rows].key, kv_slice_of_text(key)));
        expect_row(run, rows, i);
        rows++;
    }
    assert_int_equal(script->answer.row_count, rows);
    assert_int_equal(script->answer.more, more);
}

/* The run goes on with a machine that has loaded what this one saves. */
static void go_on_with(struct run *run, struct kv_buffer *saved, const struct store_base *bases)
{
    struct machine *machine = &run->script->machine;
    struct machine loaded = kv_machine_new((kv_group_id){1}, 1);
    assert_int_equal(loaded.ops->load(loaded.state, kv_buffer_slice(saved), bases), STATUS_OK);
    assert_int_equal(loaded.ops->digest(loaded.state), machine->ops->digest(machine->state));
    assert_int_equal(loaded.ops->keys(loaded.state), machine->ops->keys(machine->state));
    machine->ops->destroy(machine->state);
    *machine = loaded;
    kv_buffer_close(saved);
}

static void do_reload(struct run *run)
{
    const struct machine *machine = &run->script->machine;
    struct kv_buffer saved = {0};
    machine->ops->save(machine->state, /* rows */ true, &saved);
    go_on_with(run, &saved, /* bases */ NULL);
    memory_checkpoint_close(&run->checkpoint);
}

/* The next step of a checkpoint, or a restart from the one just taken. */
static void do_checkpoint(struct run *run)
{
    const struct machine *machine = &run->script->machine;
    struct memory_checkpoint *checkpoint = &run->checkpoint;
    struct store_base bases[MACHINE_STORES_MAX];
    struct kv_buffer saved = {0};
    if (checkpoint->frozen && kv_prng_chance(&run->prng, 1, 4)) {
        memory_checkpoint_abandon(checkpoint, machine);
    } else if (checkpoint->frozen) {
        memory_checkpoint_thaw(checkpoint, machine);
    } else if (kv_prng_chance(&run->prng, 1, 4)) {
        machine->ops->save(machine->state, /* rows */ false, &saved);
        memory_checkpoint_freeze(checkpoint, machine);
        memory_checkpoint_thaw(checkpoint, machine);
        memory_checkpoint_bases(checkpoint, bases);
        go_on_with(run, &saved, bases);
    } else {
        memory_checkpoint_freeze(checkpoint, machine);
    }
}

static void the_machine_answers_like_a_naive_one(void **state)
{
    (void)state;
    static struct run run;
    static void (*const actions[])(struct run *) = {
        do_put,    do_put_if_absent, do_delete, do_delete, do_cas,  do_incr,   do_incr,
        do_append, do_mput,          do_get,    do_mget,   do_scan, do_delete,
    };
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        kv_prng_init(&run.prng, seed);
        memset(&run.naive, 0, sizeof(run.naive));
        run.script = script_new(1, 1);
        for (uint32_t i = 0; i < COMMANDS; i++) {
            actions[kv_prng_below(&run.prng, sizeof(actions) / sizeof(actions[0]))](&run);
            if (kv_prng_chance(&run.prng, 1, 500)) {
                do_reload(&run);
            }
            if (seed % 2 == 0 && kv_prng_chance(&run.prng, 1, 20)) {
                do_checkpoint(&run);
            }
        }
        script_destroy(&run.script);
        memory_checkpoint_close(&run.checkpoint);
    }
    static const enum wire_verdict seen[] = {WIRE_VERDICT_OK,           WIRE_VERDICT_NOT_FOUND,
                                             WIRE_VERDICT_EXISTS,       WIRE_VERDICT_MISMATCH,
                                             WIRE_VERDICT_NOT_A_NUMBER, WIRE_VERDICT_OVERFLOW};
    for (uint32_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
        assert_true(run.verdicts[seen[i]] > RUNS);
    }
}

static void fill(struct script *script)
{
    char key[16];
    for (uint32_t i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "key%u", (unsigned)i * 7919u);
        script_run(script, WIRE_OP_PUT, key, key, NULL);
    }
}

static void every_prefix_is_refused_and_leaves_an_empty_machine(void **state)
{
    (void)state;
    struct script *script = script_new(1, 1);
    struct kv_buffer saved = {0};
    fill(script);
    script->machine.ops->save(script->machine.state, /* rows */ true, &saved);
    for (size_t size = 0; size < saved.size; size++) {
        const kv_slice prefix = kv_slice_of(saved.data, size);
        assert_int_equal(script->machine.ops->load(script->machine.state, prefix, /* bases */ NULL),
                         STATUS_CORRUPT);
        assert_int_equal(script_digest(script), 0);
        assert_int_equal(script->machine.ops->keys(script->machine.state), 0);
    }
    kv_buffer_append(&saved, "", 1);
    assert_int_equal(
        script->machine.ops->load(script->machine.state, kv_buffer_slice(&saved), /* bases */ NULL),
        STATUS_CORRUPT);
    kv_buffer_close(&saved);
    script_destroy(&script);
}

static void whatever_bytes_load_save_as_the_same_bytes(void **state)
{
    (void)state;
    struct script *script = script_new(1, 1);
    struct kv_buffer saved = {0};
    struct kv_buffer bad = {0};
    struct kv_buffer again = {0};
    struct kv_prng prng;
    uint32_t loaded = 0;
    fill(script);
    script->machine.ops->save(script->machine.state, /* rows */ true, &saved);
    kv_prng_init(&prng, 3);
    for (uint32_t i = 0; i < 5000; i++) {
        kv_buffer_clear(&bad);
        kv_buffer_append(&bad, saved.data, saved.size);
        bad.data[kv_prng_below(&prng, bad.size)] ^= (uint8_t)kv_prng_between(&prng, 1, 255);
        if (script->machine.ops->load(script->machine.state, kv_buffer_slice(&bad),
                                      /* bases */ NULL) != STATUS_OK) {
            assert_int_equal(script->machine.ops->keys(script->machine.state), 0);
            continue;
        }
        loaded++;
        kv_buffer_clear(&again);
        script->machine.ops->save(script->machine.state, /* rows */ true, &again);
        assert_int_equal(again.size, bad.size);
        assert_memory_equal(again.data, bad.data, bad.size);
    }
    assert_in_range(loaded, 1, 4999);
    kv_buffer_close(&saved);
    kv_buffer_close(&bad);
    kv_buffer_close(&again);
    script_destroy(&script);
}

/* A saved state of two rows without values. */
static enum status load_two(struct script *script, const char *first, const char *second)
{
    struct kv_buffer saved = {0};
    const char *const keys[] = {first, second};
    state_write_u8(&saved, 4);
    state_write_u16(&saved, 1);
    state_write_u32(&saved, 1);
    state_write_u64(&saved, 2);
    for (uint32_t i = 0; i < 2; i++) {
        state_write_u16(&saved, (uint16_t)strlen(keys[i]));
        kv_buffer_append(&saved, keys[i], strlen(keys[i]));
        state_write_timestamp(&saved, (kv_timestamp){{1}, {1}});
        state_write_u32(&saved, 0);
    }
    state_write_u64(&saved, 0); /* stubs */
    state_write_u64(&saved, 0); /* bonds */
    state_write_u64(&saved, 0); /* ends */
    const struct machine *machine = &script->machine;
    const enum status status =
        machine->ops->load(machine->state, kv_buffer_slice(&saved), /* bases */ NULL);
    kv_buffer_close(&saved);
    return status;
}

static void saved_rows_must_ascend(void **state)
{
    (void)state;
    struct script *script = script_new(1, 1);
    assert_int_equal(load_two(script, "a", "b"), STATUS_OK);
    assert_int_equal(load_two(script, "a", "a"), STATUS_CORRUPT);
    assert_int_equal(load_two(script, "b", "a"), STATUS_CORRUPT);
    assert_int_equal(load_two(script, "", "a"), STATUS_CORRUPT);
    script_destroy(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_machine_answers_like_a_naive_one),
        cmocka_unit_test(every_prefix_is_refused_and_leaves_an_empty_machine),
        cmocka_unit_test(saved_rows_must_ascend),
        cmocka_unit_test(whatever_bytes_load_save_as_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
