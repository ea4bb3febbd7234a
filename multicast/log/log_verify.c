/* SPDX-License-Identifier: Apache-2.0 */
/* log_verify: the walk of recovery for a person: counts what is good, names what is not, changes
 * nothing. */
#include <string.h>

#include "multicast/log/log_internal.h"

enum status log_verify(const char *directory, struct log_io *io, struct log_verify_result *ret)
{
    struct log_directory opened = {.lock = -1};
    struct log_scan scan = {0};
    memset(ret, 0, sizeof *ret);
    enum status status = log_directory_open(&opened, directory, io, NULL, &ret->error);
    if (status != STATUS_OK) {
        return status;
    }
    ret->cluster = opened.identity.cluster;
    ret->node = opened.identity.node;
    status = log_scan_run(&opened, &scan, &ret->error);
    ret->incarnation = scan.chain.incarnation;
    ret->last_sequence = scan.chain.sequence;
    ret->first_segment = scan.segment_count > 0 ? scan.numbers[0] : 0;
    ret->segments = scan.segment_count;
    ret->batches = scan.batches;
    ret->bytes = scan.bytes;
    ret->records = scan.records;
    ret->hard_states = scan.records_of_kind[LOG_RECORD_HARD_STATE];
    ret->entries = scan.records_of_kind[LOG_RECORD_ENTRY];
    ret->snapshots = scan.records_of_kind[LOG_RECORD_SNAPSHOT];
    ret->torn_bytes = scan.torn_bytes;
    ret->closed = status == STATUS_OK && (scan.last_flags & LOG_BATCH_CLOSING) != 0;
    log_scan_close(&scan);
    log_directory_close(&opened);
    return status;
}
