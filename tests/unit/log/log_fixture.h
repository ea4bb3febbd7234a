/* SPDX-License-Identifier: Apache-2.0 */
/* log_fixture: a log under test, in memory or on the real file system, and records that can be told
 * apart.
 *
 * Record n of life l has a kind, a group, a size and bytes that are a function of n and l, so a
 * list of lives is all that a test needs to know about what the log must hold. */
#ifndef KV_TESTS_LOG_FIXTURE_H
#define KV_TESTS_LOG_FIXTURE_H

#include "multicast/log/log.h"
#include "tests/unit/log/log_io_fault.h"

/* Records of one test. */
#define FIXTURE_RECORDS_MAX 4096

#define FIXTURE_DIRECTORY   "/data"

struct log_fixture {
    struct log_io_fault *fault; /* NULL: the real file system */
    char directory[64];
    struct log_settings settings;
    struct log *log;
    struct log_error error;
    uint8_t lives[FIXTURE_RECORDS_MAX]; /* of the records appended, in order */
    size_t appended;
    size_t acknowledged;                    /* of them, when log_sync returned STATUS_OK */
    uint64_t segments[FIXTURE_RECORDS_MAX]; /* that they stand in */
    uint64_t begin;                         /* segments before it were given up, 0: none */
    uint64_t begin_next;                    /* or before this one: nobody knows after a crash */
};

/* In memory. segment_bytes 0: as in production. */
void fixture_init(struct log_fixture *fixture, uint64_t seed, uint64_t segment_bytes);

/* In a new directory under /tmp, removed by fixture_close. */
void fixture_init_system(struct log_fixture *fixture, uint64_t segment_bytes);

/* Another one whose files are a copy. In memory only. */
void fixture_clone(struct log_fixture *clone, const struct log_fixture *fixture, uint64_t seed);

void fixture_close(struct log_fixture *fixture);

enum status fixture_open(struct log_fixture *fixture);

/* Open must succeed and return exactly the first *ret_count records appended; the others are
 * forgotten. */
void fixture_recover(struct log_fixture *fixture, size_t *ret_count);

/* Read what is left with log_next, comparing. *ret_count: of all records, those given up included. */
enum status fixture_read(struct log_fixture *fixture, size_t *ret_count);

/* Append a record of this life. */
enum status fixture_append(struct log_fixture *fixture, uint8_t life);

/* Give up the segments before `first`. */
enum status fixture_prune(struct log_fixture *fixture, uint64_t first);

/* Append `count` records and sync. */
enum status fixture_batch(struct log_fixture *fixture, uint8_t life, size_t count);

/* The process ends without closing the log: handles and memory go, files stay. In memory only. */
void fixture_kill(struct log_fixture *fixture);

#endif
