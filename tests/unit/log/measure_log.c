/* SPDX-License-Identifier: Apache-2.0 */
/* measure_log DIRECTORY: what a sync costs, for docs/log.md and docs/decisions/0005-log-batches.md.
 * Not a test.
 *
 * Each round writes and syncs the same batches in each of the ways below, one way after the other,
 * so that a noisy machine is noisy for all of them. Printed: median time of a batch over the
 * rounds, its range, the ratio to the growing file in the same round (median and range), and the
 * bytes that the file needs for a batch. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "multicast/base/assert.h"
#include "multicast/log/log.h"

#define ROUNDS          15
#define BATCHES         150
#define FILE_BYTES      (32u * 1024 * 1024)
#define RECORD_OVERHEAD 88u

enum way { WAY_GROWING, WAY_PACKED, WAY_SECTORS, WAY_BLOCKS, WAY_LOG, WAYS };

static const char *const way_names[WAYS] = {"growing file, packed", "zero-filled, packed to 8",
                                            "zero-filled, padded to 512",
                                            "zero-filled, padded to 4096", "the log"};

static double now(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static size_t space_of(enum way way, size_t size)
{
    size_t unit = way == WAY_GROWING || way == WAY_PACKED ? 8 : way == WAY_SECTORS ? 512 : 4096;
    return (size + RECORD_OVERHEAD + unit - 1) / unit * unit;
}

static int make_file(const char *directory, bool filled)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/measure.tmp", directory);
    int handle = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    KV_ASSERT(handle >= 0);
    (void)unlink(path);
    uint8_t *zeros = kv_alloc_zero(1, 1024 * 1024);
    for (off_t at = 0; filled && at < (off_t)FILE_BYTES; at += 1024 * 1024) {
        ssize_t done = pwrite(handle, zeros, 1024 * 1024, at);
        KV_ASSERT(done == 1024 * 1024);
    }
    kv_free(zeros);
    int result = fsync(handle);
    KV_ASSERT(result == 0);
    return handle;
}

/* Microseconds of a batch. */
static double measure_file(const char *directory, enum way way, const uint8_t *data, size_t size)
{
    int handle = make_file(directory, way != WAY_GROWING);
    size_t space = space_of(way, size);
    off_t at = 0;
    double begin = now();
    for (int i = 0; i < BATCHES; i++) {
        ssize_t done = pwrite(handle, data, space, at);
        int result = fdatasync(handle);
        KV_ASSERT(done == (ssize_t)space && result == 0);
        at += (off_t)space;
    }
    double end = now();
    (void)close(handle);
    return (end - begin) / BATCHES;
}

/* Each sync of the log in all rounds of one size: the median hides those that also fill the segment
 * ahead. */
static double syncs[ROUNDS * BATCHES];
static size_t sync_count;

static double measure_log(struct log *log, const uint8_t *data, size_t size)
{
    const struct log_record record = {LOG_RECORD_ENTRY, {1}, kv_slice_of(data, size)};
    double first = now();
    double before = first;
    for (int i = 0; i < BATCHES; i++) {
        enum status status = log_append(log, &record);
        KV_ASSERT(status == STATUS_OK);
        status = log_sync(log, NULL);
        KV_ASSERT(status == STATUS_OK);
        double after = now();
        syncs[sync_count++] = after - before;
        before = after;
    }
    return (before - first) / BATCHES;
}

static int compare(const void *a, const void *b)
{
    double left;
    double right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return left < right ? -1 : left > right;
}

static void measure(const char *directory, struct log *log, size_t size)
{
    static double times[WAYS][ROUNDS];
    static double ratios[WAYS][ROUNDS];
    uint8_t *data = kv_alloc(size + 8192);
    memset(data, 0x5a, size + 8192);
    sync_count = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (enum way way = WAY_GROWING; way < WAYS; way++) {
            times[way][round] = way == WAY_LOG ? measure_log(log, data, size)
                                               : measure_file(directory, way, data, size);
            ratios[way][round] = times[way][round] / times[WAY_GROWING][round];
        }
    }
    kv_free(data);
    for (enum way way = WAY_GROWING; way < WAYS; way++) {
        qsort(times[way], ROUNDS, sizeof times[way][0], compare);
        qsort(ratios[way], ROUNDS, sizeof ratios[way][0], compare);
        printf("%6zu  %-28s %7.0f us (%5.0f..%5.0f)  ratio %.2f (%.2f..%.2f)  %zu bytes\n", size,
               way_names[way], times[way][ROUNDS / 2], times[way][0], times[way][ROUNDS - 1],
               ratios[way][ROUNDS / 2], ratios[way][0], ratios[way][ROUNDS - 1],
               space_of(way, size));
    }
    qsort(syncs, sync_count, sizeof syncs[0], compare);
    printf("%6zu  single syncs of the log: median %.0f, 99 %% below %.0f, slowest %.0f us\n", size,
           syncs[sync_count / 2], syncs[sync_count * 99 / 100], syncs[sync_count - 1]);
    (void)fflush(stdout);
}

int main(int count, char **arguments)
{
    if (count != 2) {
        (void)fprintf(stderr, "usage: measure_log DIRECTORY\n");
        return 2;
    }
    char path[512];
    struct log *log = NULL;
    struct log_error error;
    (void)snprintf(path, sizeof path, "%s/log", arguments[1]);
    const struct log_settings settings = {.directory = path, .cluster = {1}, .node = {1}};
    double begin = now();
    if (log_open(&settings, &log, &error) != STATUS_OK) {
        (void)fprintf(stderr, "measure_log: %s\n", error.text);
        return 1;
    }
    printf("first opening: %.1f ms\n", (now() - begin) / 1000);
    measure(arguments[1], log, 512);
    measure(arguments[1], log, 4096 - RECORD_OVERHEAD);
    measure(arguments[1], log, 65536 - RECORD_OVERHEAD);
    log_close(&log);
    begin = now();
    if (log_open(&settings, &log, &error) != STATUS_OK) {
        (void)fprintf(stderr, "measure_log: %s\n", error.text);
        return 1;
    }
    struct log_counters counters = log_counters(log);
    printf("second opening: %.1f ms, %llu records, %llu segments\n", (now() - begin) / 1000,
           (unsigned long long)counters.recovered, (unsigned long long)counters.segments);
    log_close(&log);
    return 0;
}
