/* SPDX-License-Identifier: Apache-2.0 */
/* codec: frames of bytes <-> checked messages. The only place that knows the bytes of the network.
 *
 * A frame is a 40-byte header and a body of messages in msgpack, one after the other. Every frame names its cluster,
 * sender and addressee, so a misdelivered one is recognised without any state of the connection:
 *
 *   0  u32  magic "KVF1"                 16 u64  cluster id
 *   4  u16  version of the body          24 u16  from node (0: a client)   26 u16 to node (0: any)
 *   6  u16  messages in the body         28 u32  0
 *   8  u32  bytes of the body            32 u64  XXH3-64 of header (this field 0) and body
 *   12 u32  0                                    all little endian
 *
 * Hostile input: decoding reads straight from the bytes with a cursor that checks type, range and rest at each step, so
 * it allocates at most a small multiple of the input's size and never trusts a count. Trailing bytes are refused. */
#ifndef KV_WIRE_CODEC_H
#define KV_WIRE_CODEC_H

#include "multicast/base/status.h"
#include "multicast/wire/message.h"

#define WIRE_FRAME_HEADER_BYTES 40

/* Messages in one frame: a batch of one loop of a busy node. */
#define WIRE_FRAME_MESSAGES_MAX 4096

/* A frame under construction; zero-initialise, then begin. Reused from frame to frame. */
struct wire_frame_writer {
    struct kv_buffer bytes;
    kv_cluster_id cluster;
    kv_node_id from;
    kv_node_id to;
    uint32_t count;
};

/* Start an empty frame. */
void wire_frame_begin(struct wire_frame_writer *writer, kv_cluster_id cluster, kv_node_id from,
                      kv_node_id to);

/* Append one message. Sender and addressee are the frame's: those of the message are either the same or none, and
 * whoever reads it finds the frame's. A message that breaks a limit of its struct is a bug (asserted).
 * STATUS_FULL: the frame would exceed KV_FRAME_BYTES_MAX or WIRE_FRAME_MESSAGES_MAX; nothing was appended, finish
 * this frame first. A single message always fits an empty frame. */
KV_MUST_CHECK enum status wire_frame_add(struct wire_frame_writer *writer,
                                         const struct wire_message *message);

/* Complete the header. The slice borrows from the writer until its next use. */
kv_slice wire_frame_finish(struct wire_frame_writer *writer);

void wire_frame_writer_close(struct wire_frame_writer *writer);

/* A frame being read. The bytes must outlive the reader's messages. */
struct wire_frame_reader {
    kv_slice body;
    size_t at;
    uint32_t left;
    uint16_t version;
    kv_cluster_id cluster;
    kv_node_id from;
    kv_node_id to;
    struct wire_node *nodes;            /* KV_NODES_MAX of WELCOME, made when first needed; owned */
    struct wire_group *groups;          /* KV_GROUPS_MAX of WELCOME */
    struct wire_member_status *members; /* KV_GROUPS_MAX of STATUS_REPLY */
    struct wire_entry **entries;        /* of the last message; owned */
    uint32_t entry_count;
    uint32_t entry_capacity;
};

/* Check header and checksum. `reader` is zero-initialised before its first use, and reusable after that.
 * STATUS_CORRUPT: not a frame, damaged, or not as long as it says. STATUS_VERSION: a version we do not speak (from,
 * to and cluster are set). Does not judge cluster and addressee: the caller does. */
KV_MUST_CHECK enum status wire_frame_open(struct wire_frame_reader *reader, kv_slice frame);

/* The next message. STATUS_OK: *ret is valid until the next call (entries are dropped then, keep those you want).
 * STATUS_END: all were read and nothing trails. STATUS_CORRUPT: stop reading this frame. */
KV_MUST_CHECK enum status wire_frame_next(struct wire_frame_reader *reader,
                                          struct wire_message *ret);

void wire_frame_reader_close(struct wire_frame_reader *reader);

/* One entry as bytes, for the write-ahead log and inside of APPEND; deterministic. */
void wire_entry_encode(const struct wire_entry *entry, struct kv_buffer *ret);

/* The entry of exactly these bytes, with one reference. STATUS_CORRUPT: *ret is NULL. */
KV_MUST_CHECK enum status wire_entry_decode(kv_slice bytes, struct wire_entry **ret);

/* A configuration as the body of a CONFIG entry. Decoding refuses duplicates, none, and no voter. */
void wire_config_encode(const struct wire_config *config, struct kv_buffer *ret);
KV_MUST_CHECK enum status wire_config_decode(kv_slice bytes, struct wire_config *ret);

/* The id of a cluster: XXH3-64 of its name. */
kv_cluster_id wire_cluster_id(kv_slice name);

#endif
