/* SPDX-License-Identifier: Apache-2.0 */
/* Saved states and digests: equal where they must be equal, different where they must differ, and
 * harmless when they are hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "multicast/base/prng.h"
#include "partition/engine/engine_internal.h"
#include "partition/kv/kv_machine.h"
#include "tests/unit/engine/fixture.h"
#include "tests/unit/store/memory_checkpoint.h"

#define SESSIONS_MAX 4
#define FLIPS        20000

/* Some of everything: several sessions, a dropped one, holes, a replaced attempt, near and far
 * answers, values. */
static void fill(struct fixture *fixture)
{
    static const char text[] = "a value that is too long for a record to hold it within itself";
    for (uint64_t session = 1; session <= SESSIONS_MAX + 1; session++) {
        fixture_put_text(fixture, "key", text);
        fixture_deliver(fixture, fixture_id(session, 2, 1), 1);
        fixture_get(fixture, "key");
        fixture_deliver(fixture, fixture_id(session, 4, 1), 1);
        fixture_put_if_absent(fixture, "key", "no");
        fixture_deliver(fixture, fixture_id(session, 5, 1), 1);
        fixture_deliver(fixture, fixture_id(session, 5, 2), 1);
        char key[16];
        snprintf(key, sizeof(key), "n%u", (unsigned)session);
        fixture_incr(fixture, key, (int64_t)session);
        fixture_deliver(fixture, fixture_id(session, 6, 1), 1);
    }
}

static int setup(void **state)
{
    *state = fixture_new(SESSIONS_MAX);
    fill(*state);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    engine_check(fixture->engine);
    fixture_destroy(&fixture);
    return 0;
}

static struct engine *empty_engine(uint16_t group, uint32_t partitions)
{
    const kv_group_id id = {group};
    return engine_new(id, kv_machine_new(id, partitions), SESSIONS_MAX);
}

static void the_same_deliveries_give_the_same_digest_and_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct fixture *twin = fixture_new(SESSIONS_MAX);
    fill(twin);
    assert_int_equal(engine_digest(fixture->engine), engine_digest(twin->engine));
    struct kv_buffer a = {0};
    struct kv_buffer b = {0};
    engine_save(fixture->engine, &a);
    engine_save(twin->engine, &b);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    kv_buffer_close(&a);
    kv_buffer_close(&b);
    fixture_destroy(&twin);
}

static void a_loaded_state_saves_the_same_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct engine *copy = fixture_copy(fixture, SESSIONS_MAX);
    engine_check(copy);
    assert_int_equal(engine_digest(copy), engine_digest(fixture->engine));
    assert_int_equal(engine_keys(copy), engine_keys(fixture->engine));
    assert_int_equal(engine_sessions(copy), SESSIONS_MAX);
    struct kv_buffer a = {0};
    struct kv_buffer b = {0};
    engine_save(fixture->engine, &a);
    kv_buffer_append(&b, "before", 6); /* save appends */
    engine_save(copy, &b);
    assert_int_equal(a.size + 6, b.size);
    assert_memory_equal(a.data, b.data + 6, a.size);
    kv_buffer_close(&a);
    kv_buffer_close(&b);
    engine_destroy(&copy);
}

static void load_replaces_what_was_there(void **state)
{
    struct fixture *fixture = *state;
    struct kv_buffer saved = {0};
    engine_save(fixture->engine, &saved);
    const uint64_t digest = engine_digest(fixture->engine);
    fixture_put_text(fixture, "another", "value");
    fixture_deliver(fixture, fixture_id(77, 1, 1), 0);
    assert_int_not_equal(engine_digest(fixture->engine), digest);
    assert_int_equal(engine_load(fixture->engine, kv_buffer_slice(&saved)), STATUS_OK);
    assert_int_equal(engine_digest(fixture->engine), digest);
    assert_string_equal(fixture_value(fixture, "another"), "(none)");
    kv_buffer_close(&saved);
}

/* The digest after one more step, which is undone. */
static uint64_t digest_with(struct fixture *fixture, kv_message_id id, uint64_t floor)
{
    struct kv_buffer saved = {0};
    engine_save(fixture->engine, &saved);
    const uint64_t clock = fixture->clock;
    fixture_deliver(fixture, id, floor);
    const uint64_t digest = engine_digest(fixture->engine);
    assert_int_equal(engine_load(fixture->engine, kv_buffer_slice(&saved)), STATUS_OK);
    fixture->clock = clock;
    kv_buffer_close(&saved);
    return digest;
}

static void every_difference_shows_in_the_digest(void **state)
{
    struct fixture *fixture = *state;
    uint64_t digests[20];
    uint32_t count = 0;
    digests[count++] = engine_digest(fixture->engine);
    fixture_put_text(fixture, "key", "v");
    digests[count++] = digest_with(fixture, fixture_id(2, 7, 1), 1);
    digests[count++] = digest_with(fixture, fixture_id(3, 7, 1), 1); /* session */
    digests[count++] = digest_with(fixture, fixture_id(2, 8, 1), 1); /* sequence */
    digests[count++] = digest_with(fixture, fixture_id(2, 7, 2), 1); /* attempt */
    digests[count++] =
        digest_with(fixture, fixture_id(2, 7, 1), 3); /* floor over a hole and a record */
    digests[count++] = digest_with(fixture, fixture_id(2, 7, 1), 2); /* floor over a record */
    digests[count++] = digest_with(fixture, fixture_id(2, 2, 1), 0); /* age of a session */
    digests[count++] = digest_with(fixture, fixture_id(9, 1, 1), 0); /* session floor */
    fixture_put_text(fixture, "key", "w");
    digests[count++] = digest_with(fixture, fixture_id(2, 7, 1), 1); /* value */
    fixture_put_text(fixture, "kez", "v");
    digests[count++] = digest_with(fixture, fixture_id(2, 7, 1), 1); /* key */
    fixture_put_text(fixture, "key", "v");
    fixture->index_offset = 1;
    digests[count++] = digest_with(fixture, fixture_id(2, 7, 1), 1); /* index */
    fixture->index_offset = 0;
    fixture->clock++;
    digests[count++] = digest_with(fixture, fixture_id(2, 7, 1), 1); /* version */
    fixture_get(fixture, "n3");
    digests[count++] = digest_with(fixture, fixture_id(2, 7, 1), 1); /* answer */
    fixture_get(fixture, "n4");
    digests[count++] = digest_with(fixture, fixture_id(2, 7, 1), 1); /* answer of the same size */
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            assert_int_not_equal(digests[i], digests[j]);
        }
    }
}

static void the_digest_tells_which_sessions_may_come_again(void **state)
{
    (void)state;
    uint64_t digests[2];
    for (uint64_t first = 1; first <= 2; first++) {
        struct fixture *fixture = fixture_new(SESSIONS_MAX);
        fixture_get(fixture, "nothing");
        fixture_deliver(fixture, fixture_id(first, 1, 1), 0); /* is dropped again */
        for (uint64_t session = 3; session < 3 + SESSIONS_MAX; session++) {
            fixture_deliver(fixture, fixture_id(session, 1, 1), 0);
        }
        digests[first - 1] = engine_digest(fixture->engine);
        fixture_destroy(&fixture);
    }
    assert_int_not_equal(digests[0], digests[1]);
}

static void a_read_changes_no_digest(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t digest = engine_digest(fixture->engine);
    assert_string_equal(fixture_value(fixture, "n1"), "1");
    fixture_put_text(fixture, "key", "v");
    assert_int_equal(fixture_read(fixture), WIRE_VERDICT_UNSUPPORTED);
    const kv_slice answer = engine_read(fixture->engine, kv_slice_of("\xc1", 1));
    assert_int_equal(wire_answer_decode(answer, &fixture->answer), STATUS_OK);
    assert_int_equal(fixture->answer.verdict, WIRE_VERDICT_UNSUPPORTED);
    assert_int_equal(engine_digest(fixture->engine), digest);
}

static void a_state_of_another_group_or_cluster_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct kv_buffer saved = {0};
    engine_save(fixture->engine, &saved);
    struct engine *group = empty_engine(2, 2);
    assert_int_equal(engine_load(group, kv_buffer_slice(&saved)), STATUS_CORRUPT);
    engine_destroy(&group);
    struct engine *partitions = empty_engine(1, 2);
    assert_int_equal(engine_load(partitions, kv_buffer_slice(&saved)), STATUS_CORRUPT);
    engine_destroy(&partitions);
    kv_buffer_close(&saved);
}

static void a_state_with_more_sessions_than_allowed_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct kv_buffer saved = {0};
    engine_save(fixture->engine, &saved);
    const kv_group_id id = {1};
    struct engine *engine = engine_new(id, kv_machine_new(id, 1), SESSIONS_MAX - 1);
    assert_int_equal(engine_load(engine, kv_buffer_slice(&saved)), STATUS_CORRUPT);
    engine_destroy(&engine);
    kv_buffer_close(&saved);
}

static void assert_empty(struct engine *engine, uint64_t digest)
{
    engine_check(engine);
    assert_int_equal(engine_digest(engine), digest);
    assert_int_equal(engine_keys(engine), 0);
    assert_int_equal(engine_sessions(engine), 0);
}

static void every_prefix_and_extension_is_refused_and_leaves_an_empty_engine(void **state)
{
    struct fixture *fixture = *state;
    struct kv_buffer saved = {0};
    engine_save(fixture->engine, &saved);
    struct engine *engine = empty_engine(1, 1);
    const uint64_t empty = engine_digest(engine);
    for (size_t size = 0; size < saved.size; size++) {
        assert_int_equal(engine_load(engine, kv_slice_of(saved.data, size)), STATUS_CORRUPT);
        assert_empty(engine, empty);
    }
    const size_t whole = saved.size;
    kv_buffer_append(&saved, "", 1);
    assert_int_equal(engine_load(engine, kv_buffer_slice(&saved)), STATUS_CORRUPT);
    assert_int_equal(engine_load(engine, kv_slice_of(saved.data, whole)), STATUS_OK);
    assert_int_equal(engine_digest(engine), engine_digest(fixture->engine));
    assert_int_equal(engine_load(engine, (kv_slice){0}), STATUS_CORRUPT);
    assert_empty(engine, empty);
    engine_destroy(&engine);
    kv_buffer_close(&saved);
}

/* A head, and the bases that it belongs to. */
static void checkpoint(struct fixture *fixture, struct memory_checkpoint *taken,
                       struct kv_buffer *head, struct store_base *bases)
{
    engine_save_head(fixture->engine, head);
    memory_checkpoint_freeze(taken, &fixture->machine);
    memory_checkpoint_thaw(taken, &fixture->machine);
    memory_checkpoint_bases(taken, bases);
}

static void a_head_on_its_bases_is_the_whole_state(void **state)
{
    struct fixture *fixture = *state;
    struct memory_checkpoint taken = {0};
    struct kv_buffer head = {0};
    struct store_base bases[MACHINE_STORES_MAX];
    checkpoint(fixture, &taken, &head, bases);
    struct engine *copy = empty_engine(1, 1);
    assert_int_equal(engine_load(copy, kv_buffer_slice(&head)), STATUS_CORRUPT);
    assert_int_equal(engine_load_head(copy, kv_buffer_slice(&head), bases), STATUS_OK);
    engine_check(copy);
    assert_int_equal(engine_digest(copy), engine_digest(fixture->engine));
    struct kv_buffer a = {0};
    struct kv_buffer b = {0};
    engine_save(fixture->engine, &a);
    engine_save(copy, &b);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    assert_int_equal(engine_load_head(copy, kv_buffer_slice(&a), bases), STATUS_CORRUPT);
    engine_destroy(&copy);

    /* The engine itself is on them, too, and goes on. */
    fixture_put_text(fixture, "another", "value");
    fixture_deliver(fixture, fixture_id(77, 1, 1), 0);
    assert_string_equal(fixture_value(fixture, "another"), "value");
    assert_int_equal(engine_status(fixture->engine), STATUS_OK);
    assert_int_equal(engine_load(fixture->engine, kv_buffer_slice(&b)), STATUS_OK);
    memory_checkpoint_close(&taken);
    kv_buffer_close(&head);
    kv_buffer_close(&a);
    kv_buffer_close(&b);
}

static void a_head_is_refused_on_other_bases_and_in_parts(void **state)
{
    struct fixture *fixture = *state;
    struct memory_checkpoint taken = {0};
    struct kv_buffer old = {0};
    struct kv_buffer head = {0};
    struct store_base bases[MACHINE_STORES_MAX];
    checkpoint(fixture, &taken, &old, bases);
    fixture_put_text(fixture, "another", "value");
    fixture_deliver(fixture, fixture_id(77, 1, 1), 0);
    checkpoint(fixture, &taken, &head, bases);
    struct engine *engine = empty_engine(1, 1);
    const uint64_t empty = engine_digest(engine);
    assert_int_equal(engine_load_head(engine, kv_buffer_slice(&old), bases), STATUS_CORRUPT);
    assert_empty(engine, empty);
    for (size_t size = 0; size < head.size; size++) {
        assert_int_equal(engine_load_head(engine, kv_slice_of(head.data, size), bases),
                         STATUS_CORRUPT);
        assert_empty(engine, empty);
    }
    engine_destroy(&engine);
    fixture_destroy(&fixture);
    *state = fixture_new(SESSIONS_MAX);
    memory_checkpoint_close(&taken);
    kv_buffer_close(&old);
    kv_buffer_close(&head);
}

static void damage_of_a_base_shows_in_the_status_of_the_engine(void **state)
{
    struct fixture *fixture = *state;
    struct memory_checkpoint taken = {0};
    struct kv_buffer head = {0};
    struct store_base bases[MACHINE_STORES_MAX];
    checkpoint(fixture, &taken, &head, bases);
    memory_base_damage(taken.bases[0], kv_slice_of_text("key"));
    assert_int_equal(engine_status(fixture->engine), STATUS_OK);
    fixture_get(fixture, "key");
    fixture_read(fixture);
    assert_int_equal(engine_status(fixture->engine), STATUS_CORRUPT);
    fixture_destroy(&fixture);
    *state = fixture_new(SESSIONS_MAX);
    memory_checkpoint_close(&taken);
    kv_buffer_close(&head);
}

/* Make the checksum right, as an adversary would. */
static void seal(struct kv_buffer *bytes)
{
    const size_t size = bytes->size - sizeof(uint64_t);
    const uint64_t sum = htole64(engine_hash(bytes->data, size));
    memcpy(bytes->data + size, &sum, sizeof(sum));
}

static void no_damage_goes_unnoticed_even_under_a_right_checksum(void **state)
{
    struct fixture *fixture = *state;
    struct kv_buffer saved = {0};
    struct kv_buffer bad = {0};
    struct kv_buffer again = {0};
    struct kv_prng prng;
    engine_save(fixture->engine, &saved);
    struct engine *engine = empty_engine(1, 1);
    const uint64_t empty = engine_digest(engine);
    kv_prng_init(&prng, 7);
    for (uint32_t i = 0; i < FLIPS; i++) {
        kv_buffer_clear(&bad);
        kv_buffer_append(&bad, saved.data, saved.size);
        bool changed = false;
        for (uint64_t n = kv_prng_between(&prng, 1, 3); n > 0; n--) {
            const uint64_t at = kv_prng_below(&prng, saved.size - sizeof(uint64_t));
            const uint64_t with = kv_prng_chance(&prng, 1, 2)
                                      ? UINT64_C(1) << kv_prng_below(&prng, 8)
                                      : kv_prng_between(&prng, 1, 255);
            bad.data[at] = (uint8_t)(bad.data[at] ^ with);
        }
        changed = memcmp(bad.data, saved.data, saved.size) != 0;
        if (i % 2 == 0) {
            seal(&bad);
        }
        const enum status status = engine_load(engine, kv_buffer_slice(&bad));
        engine_check(engine);
        /* The cursor is a bound, not content: a flip in it may pass, but not unseen. */
        if (changed && status == STATUS_OK) {
            assert_int_equal(i % 2, 0);
            assert_int_equal(engine_digest(engine), engine_digest(fixture->engine));
            kv_buffer_clear(&again);
            engine_save(engine, &again);
            assert_memory_equal(again.data, bad.data, bad.size);
        } else if (status != STATUS_OK) {
            assert_empty(engine, empty);
        }
    }
    kv_buffer_close(&saved);
    kv_buffer_close(&bad);
    kv_buffer_close(&again);
    engine_destroy(&engine);
}

static void destroying_nothing_is_fine(void **state)
{
    (void)state;
    struct engine *engine = NULL;
    engine_destroy(&engine);
    assert_null(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(the_same_deliveries_give_the_same_digest_and_bytes),
        TEST(a_loaded_state_saves_the_same_bytes),
        TEST(load_replaces_what_was_there),
        TEST(every_difference_shows_in_the_digest),
        TEST(the_digest_tells_which_sessions_may_come_again),
        TEST(a_read_changes_no_digest),
        TEST(a_state_of_another_group_or_cluster_is_refused),
        TEST(a_state_with_more_sessions_than_allowed_is_refused),
        TEST(every_prefix_and_extension_is_refused_and_leaves_an_empty_engine),
        TEST(a_head_on_its_bases_is_the_whole_state),
        TEST(a_head_is_refused_on_other_bases_and_in_parts),
        TEST(damage_of_a_base_shows_in_the_status_of_the_engine),
        TEST(no_damage_goes_unnoticed_even_under_a_right_checksum),
        TEST(destroying_nothing_is_fine),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
