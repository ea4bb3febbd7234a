/* SPDX-License-Identifier: Apache-2.0 */
/* node_records: raft's persist records as payloads of the write-ahead log.
 *
 *   HARD_STATE  u64 term, u16 vote, 6 bytes 0; then, unless the origin is NONE, u64 origin (1 founded, 2 admitted), u64 index of
 *               the configuration that admitted it or 0, and for each founder u64 node, u64 tag
 *   ENTRY       the entry as wire/codec.h encodes it
 *   SNAPSHOT    u64 index, u64 term, u64 reach, u8 keeps_log, 7 bytes 0, then the configuration as a CONFIG body
 *                                                                                     all little endian */
#ifndef KV_NODE_RECORDS_H
#define KV_NODE_RECORDS_H

#include "multicast/log/log.h"
#include "multicast/raft/raft.h"

/* Encode into scratch (cleared first); ret->payload borrows from it. */
void node_record_encode(const struct raft_persist *persist, kv_group_id group,
                        struct kv_buffer *scratch, struct log_record *ret);

/* Decode; ret->entry carries a reference for ENTRY records. STATUS_CORRUPT: *ret holds nothing. */
KV_MUST_CHECK enum status node_record_decode(const struct log_record *record,
                                             struct raft_persist *ret);

#endif
