/* SPDX-License-Identifier: Apache-2.0 */
/* node_transfer: see the header. */
#include "multicast/node/node_transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "multicast/node/node_internal.h"

/* In front of the pieces of an image: which one it is. */
struct incoming_head {
    uint64_t magic;
    uint64_t index, term, reach;
    uint64_t bytes, digest;
};
#define INCOMING_MAGIC UINT64_C(0x31474d494b56494e) /* "NIVKIMG1" */

/* ---- Sending ---- */

static void drop_image(struct node_member *member)
{
    if (member->image.index.value != 0) {
        close(member->image.file);
        member->image.index = (kv_index){0};
    }
}

void node_transfer_forget(struct node_member *member)
{
    drop_image(member);
    (void)unlink(member->image_path);
}

bool node_transfer_read(int file, uint64_t offset, size_t size, struct kv_buffer *ret)
{
    kv_buffer_clear(ret);
    kv_buffer_reserve(ret, size);
    while (ret->size < size) {
        const ssize_t got =
            pread(file, ret->data + ret->size, size - ret->size, (off_t)(offset + ret->size));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        ret->size += (size_t)got;
    }
    return true;
}

void node_transfer_send(struct node *node, struct node_member *member,
                        const struct wire_message *wanted)
{
    struct node_image *image = &member->image;
    struct wire_message message = *wanted;
    struct wire_snapshot_chunk *chunk = &message.as.snapshot_chunk;
    if (image->index.value != chunk->index.value) {
        image->wanted = member->application.ops->dump != NULL;
        return; /* raft asks again */
    }
    if (chunk->offset > image->bytes) {
        return; /* of an image that was replaced: the member will say where it stands */
    }
    const uint64_t left = image->bytes - chunk->offset;
    const size_t size =
        left < KV_SNAPSHOT_CHUNK_BYTES_MAX ? (size_t)left : KV_SNAPSHOT_CHUNK_BYTES_MAX;
    if (!node_transfer_read(image->file, chunk->offset, size, &node->piece)) {
        drop_image(member);
        return;
    }
    chunk->total = image->bytes;
    chunk->digest = image->digest;
    chunk->bytes = kv_buffer_slice(&node->piece);
    member->messages++;
    (void)!node_outbox_add(&node->outbox, &message, false); /* no room: raft asks again */
}

enum status node_transfer_dump(struct node_member *member)
{
    const struct node_application *application = &member->application;
    return application->ops->dump(application->state, member->image_path, &member->image.bytes,
                                  &member->image.digest);
}

void node_transfer_on_dumped(struct node *node, struct node_member *member, enum status result)
{
    struct node_image *image = &member->image;
    const int file = result == STATUS_OK ? open(member->image_path, O_RDONLY | O_CLOEXEC) : -1;
    image->wanted = false;
    if (file < 0) {
        node_report(node, "group %u: no image of its state could be written to %s (%s)",
                    (unsigned)member->group.value, member->image_path, status_text(result));
        return;
    }
    image->file = file;
    image->index = image->next;
    node_report(node, "group %u: an image of its state up to %llu, %llu bytes",
                (unsigned)member->group.value, (unsigned long long)image->index.value,
                (unsigned long long)image->bytes);
}

/* ---- Receiving ---- */

static bool is_same(const struct node_incoming *incoming, const struct wire_snapshot_chunk *chunk)
{
    return incoming->open && incoming->point.index.value == chunk->index.value &&
           incoming->point.term.value == chunk->index_term.value &&
           incoming->bytes == chunk->total && incoming->digest == chunk->digest;
}

static struct incoming_head head_of(const struct wire_snapshot_chunk *chunk)
{
    return (struct incoming_head){.magic = INCOMING_MAGIC,
                                  .index = chunk->index.value,
                                  .term = chunk->index_term.value,
                                  .reach = chunk->reach.value,
                                  .bytes = chunk->total,
                                  .digest = chunk->digest};
}

/* How much of this image a file from before holds. */
static uint64_t bytes_there(int file, const struct incoming_head *wanted)
{
    struct incoming_head head;
    const off_t size = lseek(file, 0, SEEK_END);
    if (pread(file, &head, sizeof head, 0) != sizeof head ||
        memcmp(&head, wanted, sizeof head) != 0 || size < (off_t)sizeof head) {
        return 0;
    }
    const uint64_t there = (uint64_t)size - sizeof head;
    return there <= wanted->bytes ? there : 0;
}

static void close_incoming(struct node_incoming *incoming)
{
    if (incoming->open) {
        close(incoming->file);
    }
    *incoming = (struct node_incoming){.open = false};
}

static bool open_incoming(struct node *node, struct node_member *member,
                          const struct wire_snapshot_chunk *chunk)
{
    struct node_incoming *incoming = &member->incoming;
    const struct incoming_head head = head_of(chunk);
    const int file = open(member->incoming_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    close_incoming(incoming);
    if (file < 0) {
        return false;
    }
    const uint64_t there = bytes_there(file, &head);
    if (there == 0 &&
        (ftruncate(file, 0) != 0 || pwrite(file, &head, sizeof head, 0) != sizeof head)) {
        close(file);
        return false;
    }
    *incoming = (struct node_incoming){
        .open = true,
        .file = file,
        .point = {chunk->index, chunk->index_term, chunk->reach, chunk->config},
        .bytes = chunk->total,
        .digest = chunk->digest,
        .received = there};
    node_report(node, "group %u: receives an image up to %llu, %llu bytes, %llu of them are here",
                (unsigned)member->group.value, (unsigned long long)chunk->index.value,
                (unsigned long long)chunk->total, (unsigned long long)there);
    return true;
}

static bool store_piece(struct node_incoming *incoming, const struct wire_snapshot_chunk *chunk)
{
    if (chunk->offset != incoming->received || chunk->bytes.size == 0) {
        return true; /* it is there, or raft will be told how much is */
    }
    const ssize_t put = pwrite(incoming->file, chunk->bytes.data, chunk->bytes.size,
                               (off_t)(sizeof(struct incoming_head) + chunk->offset));
    if (put != (ssize_t)chunk->bytes.size) {
        return false;
    }
    incoming->received += chunk->bytes.size;
    return true;
}

void node_transfer_receive(struct node *node, struct node_member *member,
                           const struct raft_chunk_received *received)
{
    const struct wire_snapshot_chunk *chunk = &received->chunk;
    struct node_incoming *incoming = &member->incoming;
    if (member->application.ops->prepare == NULL || incoming->preparing) {
        return;
    }
    if (!is_same(incoming, chunk) && !open_incoming(node, member, chunk)) {
        node_report(node, "group %u: %s cannot be written: %s", (unsigned)member->group.value,
                    member->incoming_path, strerror(errno));
        return; /* the leader goes on asking: there may be room later */
    }
    if (!store_piece(incoming, chunk)) {
        node_report(node, "group %u: %s cannot be written: %s", (unsigned)member->group.value,
                    member->incoming_path, strerror(errno));
        close_incoming(incoming);
        return;
    }
    if (incoming->received == incoming->bytes) {
        incoming->preparing = true;
        return;
    }
    const struct raft_snapshot_point point = incoming->point;
    (void)node_step_raft(node, member,
                         (struct raft_event){.kind = RAFT_EVENT_SNAPSHOT_RECEIVED,
                                             .point = &point,
                                             .offset = incoming->received});
}

enum status node_transfer_prepare(struct node_member *member)
{
    const struct node_application *application = &member->application;
    return application->ops->prepare(application->state, member->incoming_path,
                                     sizeof(struct incoming_head), member->incoming.digest);
}

/* Raft would take it: nothing has gone past it meanwhile. */
static bool is_still_wanted(const struct raft *raft, const struct raft_snapshot_point *point)
{
    return raft_commit(raft).value < point->index.value && raft_role(raft) != RAFT_LEADER &&
           point->term.value <= raft_term(raft).value;
}

static enum status adopt(struct node *node, struct node_member *member,
                         const struct raft_snapshot_point *point)
{
    struct kv_buffer mark = {0};
    struct raft_snapshot_point marked;
    kv_slice order;
    enum status status = member->application.ops->adopt(member->application.state, &mark);
    if (status == STATUS_OK && (!node_mark_decode(kv_buffer_slice(&mark), &marked, &order) ||
                                marked.index.value != point->index.value)) {
        status = STATUS_CORRUPT;
    }
    if (status == STATUS_OK) {
        struct order_event event = {
            .kind = ORDER_EVENT_INSTALLED,
            .raft = {.kind = RAFT_EVENT_SNAPSHOT_INSTALLED, .now = node->now, .point = point},
            .physical = node_clock_physical(),
            .snapshot = order};
        member->touched = true;
        status = order_step(member->order, &event, &member->effects);
    }
    kv_buffer_close(&mark);
    return status;
}

void node_transfer_on_prepared(struct node *node, struct node_member *member, enum status result)
{
    struct node_incoming *incoming = &member->incoming;
    const struct raft_snapshot_point point = incoming->point;
    const bool wanted = is_still_wanted(order_raft(member->order), &point);
    close_incoming(incoming);
    (void)unlink(member->incoming_path);
    if (result != STATUS_OK || !wanted) {
        node_report(node, "group %u: an image up to %llu is not taken: %s",
                    (unsigned)member->group.value, (unsigned long long)point.index.value,
                    result != STATUS_OK ? status_text(result) : "not needed any more");
        return;
    }
    const enum status status = adopt(node, member, &point);
    if (status != STATUS_OK) {
        node->failure = status;
        snprintf(node->failure_text.text, sizeof node->failure_text.text,
                 "group %u: the state of another member cannot be taken over: %s",
                 (unsigned)member->group.value, status_text(status));
        return;
    }
    node_backup_forget(member); /* what was to be written is not the state any more */
    member->executed = point.index;
    member->position = order_delivered(member->order);
    member->cut.at = node->now;
    member->cut.log_bytes = 0;
    node_checkpoint_moved(node, member, &point);
    node_report(node, "group %u: goes on from an image up to %llu", (unsigned)member->group.value,
                (unsigned long long)point.index.value);
}

void node_transfer_begin_due(struct node *node, struct node_member *member)
{
    struct node_image *image = &member->image;
    if (member->incoming.preparing) {
        node_writer_start(node, member, NODE_JOB_PREPARE);
        return;
    }
    if (image->wanted) {
        drop_image(member);
        image->next = member->cut.last;
        node_writer_start(node, member, NODE_JOB_DUMP);
    }
}

void node_transfer_close(struct node_member *member)
{
    drop_image(member);
    close_incoming(&member->incoming);
}
