/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever happens to the process, the power or a system call, the log opens again and holds all
 * that was acknowledged, nothing that was not appended, and each batch whole or not at all (L1, L2,
 * L4).
 *
 * We break: the end of the process and of the power at every call of a run and of the recovery
 * after it, every call failing in every way. We check: what is read back after that, and after the
 * next power cut, and after a further run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "multicast/base/prng.h"
#include "tests/unit/log/log_fixture.h"

/* Small, so that a run switches often. */
#define CRASH_SEGMENT_BYTES (24u * 1024)

/* Batches of a run: about nine segments. */
#define CRASH_BATCHES 30

/* States made from one crash: all dropped, all kept, and some in between. */
#define CRASH_VARIANTS 7

/* A life of the process: open, read, append batches of 1 to 4 records, close. Stops at the first
 * failure. */
static enum status run(struct log_fixture *fixture, uint8_t life, int batches)
{
    struct kv_prng prng;
    size_t count;
    enum status status = fixture_open(fixture);
    kv_prng_init(&prng, life);
    if (status == STATUS_OK) {
        status = fixture_read(fixture, &count);
        if (status == STATUS_END) {
            assert_int_equal(count, fixture->appended);
            status = STATUS_OK;
        }
    }
    for (int i = 0; status == STATUS_OK && i < batches; i++) {
        status = fixture_batch(fixture, life, (size_t)kv_prng_between(&prng, 1, 4));
        if (status == STATUS_OK && i % 11 == 10) {
            status = fixture_prune(
                fixture, log_segment_now(fixture->log) -
                             (log_segment_now(fixture->log) > log_segment_first(fixture->log)));
        }
    }
    return status;
}

/* Everything acknowledged is there, and of the batch in flight all or nothing. The fixture knows
 * afterwards what is there. */
static void check_recovery(struct log_fixture *fixture)
{
    size_t acknowledged = fixture->acknowledged;
    size_t appended = fixture->appended;
    size_t count;
    fixture_recover(fixture, &count);
    if (count != acknowledged && count != appended) {
        fail_msg("%zu records are there, %zu were acknowledged and %zu appended", count,
                 acknowledged, appended);
    }
}

/* What was recovered is acted upon, so it must survive the next power cut; and the log must be of
 * use. */
static void check_use(struct log_fixture *fixture, uint8_t life)
{
    size_t before = fixture->appended;
    fixture_kill(fixture);
    log_io_fault_power_cut(fixture->fault, LOG_IO_FAULT_DROP);
    check_recovery(fixture);
    assert_int_equal(fixture->appended, before);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fixture_batch(fixture, life, 2), STATUS_OK);
    }
    fixture_kill(fixture);
    log_io_fault_power_cut(fixture->fault, LOG_IO_FAULT_DROP);
    check_recovery(fixture);
    assert_int_equal(fixture->appended, before + 8);
}

static void cut_power(struct log_fixture *fixture, uint64_t variant)
{
    log_io_fault_power_cut(fixture->fault, variant == 0   ? LOG_IO_FAULT_DROP
                                           : variant == 1 ? LOG_IO_FAULT_KEEP
                                                          : LOG_IO_FAULT_RANDOM);
}

/* Let recovery itself be cut at each of its calls. Returns the number of states. */
static uint64_t crash_in_recovery(const struct log_fixture *crashed, uint64_t seed)
{
    for (uint64_t nth = 1;; nth++) {
        struct log_fixture fixture;
        size_t count;
        fixture_clone(&fixture, crashed, seed + nth);
        log_io_fault_arm(fixture.fault, LOG_IO_FAULT_CRASH, nth);
        if (fixture_open(&fixture) == STATUS_OK) {
            (void)fixture_read(&fixture, &count);
        }
        bool hit = log_io_fault_hit(fixture.fault);
        fixture_kill(&fixture);
        cut_power(&fixture, nth % CRASH_VARIANTS);
        check_recovery(&fixture);
        check_use(&fixture, 2);
        fixture_close(&fixture);
        if (!hit) {
            return nth;
        }
    }
}

static void test_a_power_cut_at_any_call_loses_nothing_acknowledged(void **state)
{
    (void)state;
    uint64_t states = 0;
    for (uint64_t nth = 1;; nth++) {
        struct log_fixture fixture;
        fixture_init(&fixture, nth, CRASH_SEGMENT_BYTES);
        log_io_fault_arm(fixture.fault, LOG_IO_FAULT_CRASH, nth);
        enum status status = run(&fixture, 0, CRASH_BATCHES);
        if (status == STATUS_OK) {
            log_close(&fixture.log); /* its calls are of the run too */
        }
        bool hit = log_io_fault_hit(fixture.fault);
        fixture_kill(&fixture);
        for (uint64_t variant = 0; variant < CRASH_VARIANTS; variant++, states++) {
            struct log_fixture clone;
            uint64_t seed = nth * 1000 + variant;
            fixture_clone(&clone, &fixture, seed);
            cut_power(&clone, variant);
            if (variant == nth % CRASH_VARIANTS && nth % 5 == 0) {
                states += crash_in_recovery(&clone, seed);
            }
            check_recovery(&clone);
            check_use(&clone, 1);
            fixture_close(&clone);
        }
        fixture_close(&fixture);
        if (!hit) {
            break;
        }
    }
    print_message("%llu states after a power cut\n", (unsigned long long)states);
    assert_true(states > 1000);
}

static void test_a_killed_process_leaves_a_log_that_the_next_one_can_rely_on(void **state)
{
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        struct log_fixture fixture;
        fixture_init(&fixture, nth, CRASH_SEGMENT_BYTES);
        log_io_fault_arm(fixture.fault, LOG_IO_FAULT_CRASH, nth);
        (void)run(&fixture, 0, CRASH_BATCHES);
        bool hit = log_io_fault_hit(fixture.fault);
        fixture_kill(
            &fixture); /* the cache stays: the next process may see what the disk does not have yet */
        check_recovery(&fixture);
        check_use(&fixture, 1);
        fixture_close(&fixture);
        if (!hit) {
            break;
        }
    }
}

/* A failure of any call poisons the log, and what was acknowledged is there for the next process. */
static void sweep(enum log_io_fault_kind kind, bool existing)
{
    for (uint64_t nth = 1;; nth++) {
        struct log_fixture fixture;
        fixture_init(&fixture, nth, CRASH_SEGMENT_BYTES);
        if (existing) {
            assert_int_equal(run(&fixture, 0, 12), STATUS_OK);
            fixture_kill(&fixture);
        }
        log_io_fault_arm(fixture.fault, kind, nth);
        enum status status = run(&fixture, 1, existing ? 6 : CRASH_BATCHES);
        bool hit = log_io_fault_hit(fixture.fault);
        assert_true(hit || status == STATUS_OK);
        if (status != STATUS_OK) {
            assert_true(status == STATUS_IO || status == STATUS_NO_SPACE);
            assert_true(kind != LOG_IO_FAULT_EIO || status == STATUS_IO);
            assert_true(fixture.error.text[0] == '/'); /* names the file */
        }
        if (status != STATUS_OK && fixture.log != NULL) {
            size_t acknowledged = fixture.acknowledged;
            uint64_t syncs = log_io_fault_syncs(fixture.fault);
            assert_int_equal(log_sync(fixture.log, &fixture.error), status);
            assert_int_equal(fixture_append(&fixture, 1), status);
            assert_int_equal(fixture_batch(&fixture, 1, 1), status);
            log_close(&fixture.log);
            assert_int_equal(fixture.acknowledged, acknowledged);
            assert_int_equal(log_io_fault_syncs(fixture.fault), syncs); /* nothing is retried */
        }
        fixture_kill(&fixture);
        check_recovery(&fixture);
        check_use(&fixture, 2);
        fixture_close(&fixture);
        if (!hit) {
            print_message("%llu calls failed\n", (unsigned long long)(nth - 1));
            break;
        }
    }
}

static void test_an_input_output_error_of_any_call_is_final_and_loses_nothing(void **state)
{
    (void)state;
    sweep(LOG_IO_FAULT_EIO, false);
    sweep(LOG_IO_FAULT_EIO, true);
}

static void test_a_full_disk_at_any_call_is_final_and_loses_nothing(void **state)
{
    (void)state;
    sweep(LOG_IO_FAULT_NO_SPACE, false);
    sweep(LOG_IO_FAULT_NO_SPACE, true);
}

static void test_a_short_transfer_at_any_call_is_never_taken_for_a_whole_one(void **state)
{
    (void)state;
    sweep(LOG_IO_FAULT_SHORT, false);
    sweep(LOG_IO_FAULT_SHORT, true);
}

static void test_an_interrupted_call_loses_nothing(void **state)
{
    (void)state;
    sweep(LOG_IO_FAULT_INTERRUPTED, false);
    sweep(LOG_IO_FAULT_INTERRUPTED, true);
}

static void
test_a_failed_sync_is_not_believed_after_a_restart_because_the_cache_shows_it(void **state)
{
    (void)state;
    struct log_fixture fixture;
    size_t count;
    fixture_init(&fixture, 1, 0);
    fixture_recover(&fixture, &count);
    assert_int_equal(fixture_batch(&fixture, 0, 2), STATUS_OK);
    log_io_fault_arm(fixture.fault, LOG_IO_FAULT_EIO, 2); /* write, sync */
    assert_int_equal(fixture_batch(&fixture, 0, 2), STATUS_IO);
    assert_true(log_io_fault_hit(fixture.fault));
    fixture_kill(&fixture);
    fixture_recover(&fixture, &count);
    assert_int_equal(count, 2); /* not 4: the pages were clean and not on the disk */
    fixture_close(&fixture);
}

static void test_without_syncs_a_power_cut_leaves_a_beginning_of_the_log(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct log_fixture fixture;
        size_t count;
        fixture_init(&fixture, seed, CRASH_SEGMENT_BYTES);
        fixture.settings.unsafe_no_sync = true;
        assert_int_equal(run(&fixture, 0, CRASH_BATCHES), STATUS_OK);
        fixture_kill(&fixture);
        log_io_fault_power_cut(fixture.fault, LOG_IO_FAULT_RANDOM);
        fixture.settings.unsafe_no_sync = false;
        fixture_recover(&fixture, &count);
        check_use(&fixture, 1);
        fixture_close(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_power_cut_at_any_call_loses_nothing_acknowledged),
        cmocka_unit_test(test_a_killed_process_leaves_a_log_that_the_next_one_can_rely_on),
        cmocka_unit_test(test_an_input_output_error_of_any_call_is_final_and_loses_nothing),
        cmocka_unit_test(test_a_full_disk_at_any_call_is_final_and_loses_nothing),
        cmocka_unit_test(test_a_short_transfer_at_any_call_is_never_taken_for_a_whole_one),
        cmocka_unit_test(test_an_interrupted_call_loses_nothing),
        cmocka_unit_test(
            test_a_failed_sync_is_not_believed_after_a_restart_because_the_cache_shows_it),
        cmocka_unit_test(test_without_syncs_a_power_cut_leaves_a_beginning_of_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
