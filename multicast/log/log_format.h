/* SPDX-License-Identifier: Apache-2.0 */
/* log_format: what the bytes of META, of a segment's header, of a batch and of a record mean. Pure.
 *
 * All numbers are little endian. META and segment headers begin with {magic, format version, bytes
 * of the header} and end with a checksum in every format version, so that a damaged file can be
 * told from one of another version. Batch checksums are seeded with the log id, a random number
 * made with the directory and kept in META: bytes of another log, and a client's value that was
 * made to look like a batch, have a wrong checksum. docs/log.md has the tables. */
#ifndef KV_LOG_LOG_FORMAT_H
#define KV_LOG_LOG_FORMAT_H

#include "multicast/log/log.h"

/* Unit of placement: every batch begins at a multiple of it, so that no write touches a block that
 * holds durable bytes (docs/decisions/0005-log-batches.md). Also the bytes that a segment's header
 * occupies. */
#define LOG_BLOCK_BYTES 4096u

/* Bytes of a segment: its header, one batch of a block and the seal at least; a gigabyte at most,
 * which bounds what a header can make recovery read and fill. */
#define LOG_CAPACITY_BYTES_MIN   (3 * LOG_BLOCK_BYTES)
#define LOG_CAPACITY_BYTES_MAX   (1024u * 1024 * 1024)

#define LOG_META_BYTES           64u
#define LOG_SEGMENT_HEADER_BYTES 96u
#define LOG_BATCH_HEADER_BYTES   80u
#define LOG_RECORD_HEADER_BYTES  8u

/* Why a batch was written. An ordinary one has none of them and at least one record; the others
 * have no records. */
enum log_batch_flag {
    LOG_BATCH_OPENING = 1, /* first of an incarnation; proves the batch before it */
    LOG_BATCH_CLOSING = 2, /* proves the batch before it at an orderly end */
    LOG_BATCH_SEAL = 4, /* the next batch is in the next segment; may be an opening one as well */
};

/* Whose log it is. */
struct log_identity {
    kv_cluster_id cluster;
    kv_node_id node;
    uint64_t log_id;
};

/* The last batch that was written or recovered; the next one continues it. */
struct log_chain {
    uint64_t incarnation;
    uint64_t sequence;
    uint64_t hash;
};

struct log_segment_header {
    struct log_identity identity;
    uint64_t number;
    uint64_t capacity; /* bytes that the file may grow to */
    uint64_t incarnation;
    uint64_t first_sequence;
    uint64_t durable;       /* highest sequence known durable when the file was made */
    uint64_t previous_hash; /* of the seal of the segment before */
};

struct log_batch_header {
    uint32_t flags;
    uint32_t payload_bytes;
    uint32_t record_count;
    uint64_t incarnation;
    uint64_t sequence;
    uint64_t durable; /* highest sequence known durable when it was written */
    uint64_t previous_hash;
    uint64_t payload_hash;
    uint64_t hash; /* of this header, and so of the payload too */
};

/* What a fixed header turned out to be. */
enum log_header_state {
    LOG_HEADER_GOOD,
    LOG_HEADER_DAMAGED,
    LOG_HEADER_VERSION, /* undamaged, of another format version */
};

static inline uint64_t log_round_up(uint64_t bytes)
{
    return (bytes + LOG_BLOCK_BYTES - 1) / LOG_BLOCK_BYTES * LOG_BLOCK_BYTES;
}

/* Bytes that a batch occupies in the file. */
static inline uint64_t log_batch_space(uint64_t payload_bytes)
{
    return log_round_up(LOG_BATCH_HEADER_BYTES + payload_bytes);
}

bool log_is_zero(const uint8_t *data, size_t size);

void log_meta_encode(const struct log_identity *identity, uint8_t data[LOG_META_BYTES]);

/* *ret_version is set unless DAMAGED, *ret when GOOD. */
enum log_header_state log_meta_decode(kv_slice data, struct log_identity *ret,
                                      uint32_t *ret_version);

void log_segment_header_encode(const struct log_segment_header *header,
                               uint8_t data[LOG_SEGMENT_HEADER_BYTES]);

/* As log_meta_decode. */
enum log_header_state log_segment_header_decode(kv_slice data, struct log_segment_header *ret,
                                                uint32_t *ret_version);

/* Fill in header->hash and write the header. */
void log_batch_header_encode(const struct log_identity *identity, struct log_batch_header *header,
                             uint8_t data[LOG_BATCH_HEADER_BYTES]);

/* True if these bytes are the header of a batch of this log. */
bool log_batch_header_decode(const struct log_identity *identity, kv_slice data,
                             struct log_batch_header *ret);

/* Does this header continue the chain? The incarnation may only rise with an opening batch. */
bool log_chain_continues(const struct log_chain *chain, const struct log_batch_header *header);

uint64_t log_payload_hash(const struct log_identity *identity, kv_slice payload);

void log_record_header_encode(const struct log_record *record,
                              uint8_t data[LOG_RECORD_HEADER_BYTES]);

/* The log's own record: its payload is the number of the first segment that is part of the log. The last one counts. */
#define LOG_RECORD_BEGIN       4
#define LOG_RECORD_BEGIN_BYTES 8
void log_record_begin_encode(uint64_t first, uint8_t data[LOG_RECORD_BEGIN_BYTES]);

/* False if it is not one. */
bool log_record_begin_decode(const struct log_record *record, uint64_t *ret_first);

/* Take the first record off *payload; false if the bytes are none. It may be one of the log's own. */
bool log_record_decode(kv_slice *payload, struct log_record *ret);

#endif
