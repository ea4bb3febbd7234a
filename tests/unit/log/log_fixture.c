/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>
#include <ftw.h>

#include "multicast/base/prng.h"
#include "multicast/log/log_internal.h"
#include "tests/unit/log/log_fixture.h"

/* Sizes of records: most are small, some span blocks, none is larger than a small segment. */
#define FIXTURE_SMALL_BYTES 700
#define FIXTURE_LARGE_BYTES 9000

static void make_record(size_t number, uint8_t life, struct kv_buffer *scratch,
                        struct log_record *ret)
{
    struct kv_prng prng;
    kv_prng_init(&prng, (uint64_t)number * 256 + life);
    size_t size = (size_t)kv_prng_below(&prng, kv_prng_chance(&prng, 1, 8) ? FIXTURE_LARGE_BYTES
                                                                           : FIXTURE_SMALL_BYTES);
    kv_buffer_clear(scratch);
    kv_buffer_reserve(scratch, size + 8);
    for (size_t i = 0; i < size; i += 8) {
        uint64_t bits = kv_prng_next(&prng);
        memcpy(scratch->data + i, &bits, 8);
    }
    scratch->size = size;
    ret->kind = (enum log_record_kind)(1 + kv_prng_below(&prng, 3));
    ret->group.value = (uint16_t)kv_prng_below(&prng, 64);
    ret->payload = kv_buffer_slice(scratch);
}

static void init(struct log_fixture *fixture, uint64_t segment_bytes)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->settings = (struct log_settings){
        .cluster = {UINT64_C(0x1122334455667788)},
        .node = {3},
        .segment_bytes = segment_bytes,
    };
}

void fixture_init(struct log_fixture *fixture, uint64_t seed, uint64_t segment_bytes)
{
    init(fixture, segment_bytes);
    fixture->fault = log_io_fault_new(seed);
    fixture->settings.io = log_io_fault_io(fixture->fault);
    fixture->settings.directory = FIXTURE_DIRECTORY;
}

void fixture_init_system(struct log_fixture *fixture, uint64_t segment_bytes)
{
    init(fixture, segment_bytes);
    (void)snprintf(fixture->directory, sizeof fixture->directory, "/tmp/kv-test-log-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    fixture->settings.directory = fixture->directory;
}

void fixture_clone(struct log_fixture *clone, const struct log_fixture *fixture, uint64_t seed)
{
    *clone = *fixture;
    clone->log = NULL;
    clone->fault = log_io_fault_clone(fixture->fault, seed);
    clone->settings.io = log_io_fault_io(clone->fault);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

void fixture_close(struct log_fixture *fixture)
{
    log_close(&fixture->log);
    if (fixture->directory[0] != '\0') {
        (void)nftw(fixture->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    }
    log_io_fault_destroy(&fixture->fault);
}

enum status fixture_open(struct log_fixture *fixture)
{
    assert_null(fixture->log);
    fixture->error.text[0] = '\0';
    enum status status = log_open(&fixture->settings, &fixture->log, &fixture->error);
    assert_true((status == STATUS_OK) == (fixture->log != NULL));
    assert_true((status == STATUS_OK) == (fixture->error.text[0] == '\0'));
    return status;
}

/* The first record that is left if the segments before `begin` were given up. */
static size_t first_in(const struct log_fixture *fixture, uint64_t begin)
{
    size_t first = 0;
    while (first < fixture->appended && fixture->segments[first] < begin) {
        first++;
    }
    return first;
}

enum status fixture_read(struct log_fixture *fixture, size_t *ret_count)
{
    struct kv_buffer scratch = {0};
    struct log_record record;
    struct log_record expected;
    enum status status;
    const uint64_t first_segment = log_segment_first(fixture->log);
    if (first_segment == fixture->begin_next) { /* the record that says so had got through */
        fixture->begin = first_segment;
    }
    assert_true(first_segment == 1 || first_segment == fixture->begin);
    size_t count = first_in(fixture, fixture->begin);
    while ((status = log_next(fixture->log, &record, &fixture->error)) == STATUS_OK) {
        assert_true(record.segment >= first_segment);
        fixture->segments[count < fixture->appended ? count : 0] = record.segment;
        assert_true(count < fixture->appended);
        make_record(count, fixture->lives[count], &scratch, &expected);
        assert_int_equal(record.kind, expected.kind);
        assert_int_equal(record.group.value, expected.group.value);
        assert_true(kv_slice_equal(record.payload, expected.payload));
        count++;
    }
    kv_buffer_close(&scratch);
    *ret_count = count;
    return status;
}

void fixture_recover(struct log_fixture *fixture, size_t *ret_count)
{
    enum status status = fixture_open(fixture);
    if (status != STATUS_OK) {
        fail_msg("%s: %s", status_name(status), fixture->error.text);
    }
    assert_int_equal(fixture_read(fixture, ret_count), STATUS_END);
    assert_int_equal(log_counters(fixture->log).recovered,
                     *ret_count - first_in(fixture, fixture->begin));
    fixture->appended = *ret_count;
    fixture->acknowledged = *ret_count;
}

enum status fixture_append(struct log_fixture *fixture, uint8_t life)
{
    struct kv_buffer scratch = {0};
    struct log_record record;
    assert_true(fixture->appended < FIXTURE_RECORDS_MAX);
    make_record(fixture->appended, life, &scratch, &record);
    enum status status = log_append(fixture->log, &record);
    if (status == STATUS_OK) {
        fixture->segments[fixture->appended] = log_segment_now(fixture->log);
        fixture->lives[fixture->appended++] = life;
    }
    kv_buffer_close(&scratch);
    return status;
}

enum status fixture_prune(struct log_fixture *fixture, uint64_t first)
{
    fixture->begin_next = first;
    const enum status status = log_prune(fixture->log, first, &fixture->error);
    if (status == STATUS_OK) {
        fixture->begin = first;
        assert_int_equal(log_segment_first(fixture->log), first);
    }
    return status;
}

enum status fixture_batch(struct log_fixture *fixture, uint8_t life, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum status status = fixture_append(fixture, life);
        if (status != STATUS_OK) {
            return status;
        }
    }
    enum status status = log_sync(fixture->log, &fixture->error);
    if (status == STATUS_OK) {
        for (size_t i = 1; i <= count; i++) {
            fixture->segments[fixture->appended - i] = log_segment_now(fixture->log);
        }
        fixture->acknowledged = fixture->appended;
    }
    return status;
}

void fixture_kill(struct log_fixture *fixture)
{
    if (fixture->log != NULL) {
        /* Free the memory of the process that is no more; a poisoned log has no last word. */
        fixture->log->poisoned = STATUS_IO;
        log_close(&fixture->log);
    }
    log_io_fault_kill(fixture->fault);
}
