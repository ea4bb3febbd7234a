/* SPDX-License-Identifier: Apache-2.0 */
/* sim_packet: see the header. */
#include "tests/sim/sim_packet.h"

#include <string.h>

#include "multicast/base/assert.h"

/* Bytes of a message up to the end of the part that its kind uses. */
static size_t used_size(enum wire_message_kind kind)
{
    switch (kind) {
#define X(NAME, name, number, from, to, purpose)                                                   \
    case WIRE_MESSAGE_##NAME:                                                                      \
        return offsetof(struct wire_message, as) + sizeof(struct wire_##name);
        WIRE_MESSAGE_MAP(X)
#undef X
    }
    KV_UNREACHABLE();
}

/* What a message refers to besides itself. */
struct attachments {
    kv_slice *bytes;
    struct wire_entry ***entries;
    uint32_t entry_count;
};

static struct attachments attachments_of(struct wire_message *message)
{
    struct attachments attached = {0};
    switch (message->kind) {
    case WIRE_MESSAGE_APPEND:
        attached.entries = &message->as.append.entries;
        attached.entry_count = message->as.append.count;
        break;
    case WIRE_MESSAGE_SNAPSHOT_CHUNK:
        attached.bytes = &message->as.snapshot_chunk.bytes;
        break;
    case WIRE_MESSAGE_REQUEST:
        attached.bytes = &message->as.request.body;
        break;
    case WIRE_MESSAGE_REPLY:
        attached.bytes = &message->as.reply.body;
        break;
    case WIRE_MESSAGE_SOFT:
        attached.bytes = &message->as.soft.body;
        break;
    case WIRE_MESSAGE_SIGNAL:
        attached.bytes = &message->as.signal.payload;
        break;
    case WIRE_MESSAGE_FORWARD:
        attached.bytes = &message->as.forward.body;
        break;
    case WIRE_MESSAGE_VOTE_REQUEST:
    case WIRE_MESSAGE_VOTE_REPLY:
    case WIRE_MESSAGE_APPEND_REPLY:
    case WIRE_MESSAGE_SNAPSHOT_REPLY:
    case WIRE_MESSAGE_TIMEOUT_NOW:
    case WIRE_MESSAGE_ROLL_CALL:
    case WIRE_MESSAGE_ROLL_REPLY:
    case WIRE_MESSAGE_ADMITTED:
    case WIRE_MESSAGE_FIX:
    case WIRE_MESSAGE_ACK:
    case WIRE_MESSAGE_DONE_REQUEST:
    case WIRE_MESSAGE_DONE:
    case WIRE_MESSAGE_FORGET:
    case WIRE_MESSAGE_ASK:
    case WIRE_MESSAGE_TELL:
    case WIRE_MESSAGE_SIGNAL_REQUEST:
    case WIRE_MESSAGE_SIGNAL_ACK:
    case WIRE_MESSAGE_HELLO:
        break;
    case WIRE_MESSAGE_WELCOME: /* always a frame */
    case WIRE_MESSAGE_STATUS_REQUEST:
    case WIRE_MESSAGE_STATUS_REPLY:
    case WIRE_MESSAGE_TRANSFER_REQUEST:
    case WIRE_MESSAGE_TRANSFER_REPLY:
    case WIRE_MESSAGE_CHECKPOINT_REQUEST:
    case WIRE_MESSAGE_CHECKPOINT_REPLY:
    case WIRE_MESSAGE_COMPARE:
    case WIRE_MESSAGE_BACKUP_REQUEST:
    case WIRE_MESSAGE_BACKUP_REPLY:
    case WIRE_MESSAGE_WORKERS_REQUEST:
    case WIRE_MESSAGE_WORKERS_REPLY:
    case WIRE_MESSAGE_WATCH_REQUEST:
    case WIRE_MESSAGE_WATCH_REPLY:
    case WIRE_MESSAGE_REFUSAL:
        KV_UNREACHABLE(); /* conversations of real connections: the simulator has none */
    }
    return attached;
}

static struct sim_packet *packet_alloc(uint32_t from, uint32_t to, size_t size)
{
    struct sim_packet *packet = kv_alloc(sizeof(*packet) + size);
    *packet = (struct sim_packet){.references = 1, .from = from, .to = to, .size = (uint32_t)size};
    return packet;
}

static struct sim_packet *framed_packet(uint32_t from, uint32_t to,
                                        const struct wire_message *message)
{
    struct wire_frame_writer writer = {0};
    wire_frame_begin(&writer, (kv_cluster_id){1}, message->from, message->to);
    enum status status = wire_frame_add(&writer, message);
    KV_ASSERT(status == STATUS_OK); /* a single message always fits */
    kv_slice frame = wire_frame_finish(&writer);
    struct sim_packet *packet = packet_alloc(from, to, frame.size);
    packet->framed = true;
    memcpy(packet->bytes, frame.data, frame.size);
    wire_frame_writer_close(&writer);
    return packet;
}

struct sim_packet *sim_packet_new(uint32_t from, uint32_t to, const struct wire_message *message,
                                  bool framed)
{
    if (framed) {
        return framed_packet(from, to, message);
    }
    struct wire_message *borrowed = (struct wire_message *)(uintptr_t)message; /* read only here */
    struct attachments source = attachments_of(borrowed);
    size_t used = used_size(message->kind);
    size_t tail = (used + 15) & ~(size_t)15;
    size_t extra = source.bytes != NULL ? source.bytes->size : source.entry_count * sizeof(void *);
    struct sim_packet *packet = packet_alloc(from, to, tail + extra);
    uint8_t *copy = (uint8_t *)packet->bytes;
    memcpy(copy, message, used);
    if (source.bytes != NULL && extra > 0) {
        memcpy(copy + tail, source.bytes->data, extra);
    }
    for (uint32_t i = 0; i < source.entry_count; i++) {
        struct wire_entry *entry = wire_entry_keep((*source.entries)[i]);
        memcpy(copy + tail + i * sizeof(entry), &entry, sizeof(entry));
    }
    return packet;
}

/* Make *ret the message of an unframed packet, its attachments pointing into the packet. */
static void open_copy(const struct sim_packet *packet, struct wire_message *ret)
{
    const uint8_t *copy = (const uint8_t *)packet->bytes;
    memcpy(&ret->kind, copy + offsetof(struct wire_message, kind), sizeof(ret->kind));
    size_t used = used_size(ret->kind);
    size_t tail = (used + 15) & ~(size_t)15;
    memcpy(ret, copy, used);
    struct attachments attached = attachments_of(ret);
    if (attached.bytes != NULL) {
        attached.bytes->data = attached.bytes->size > 0 ? copy + tail : NULL;
    }
    if (attached.entries != NULL) {
        *attached.entries = (struct wire_entry **)((uintptr_t)copy + tail);
    }
}

void sim_packet_drop(struct sim_packet **packet)
{
    struct sim_packet *dropped = *packet;
    *packet = NULL;
    if (dropped == NULL || --dropped->references > 0) {
        return;
    }
    if (!dropped->framed) {
        struct wire_message message;
        open_copy(dropped, &message);
        struct attachments attached = attachments_of(&message);
        for (uint32_t i = 0; i < attached.entry_count; i++) {
            wire_entry_drop(&(*attached.entries)[i]);
        }
    }
    kv_free(dropped);
}

enum status sim_packet_open(const struct sim_packet *packet, struct wire_frame_reader *reader,
                            struct wire_message *ret)
{
    if (!packet->framed) {
        open_copy(packet, ret);
        return STATUS_OK;
    }
    enum status status = wire_frame_open(reader, kv_slice_of(packet->bytes, packet->size));
    return status == STATUS_OK ? wire_frame_next(reader, ret) : status;
}
