/* SPDX-License-Identifier: Apache-2.0 */
/* node_backup: see the header. */
#include "multicast/node/node_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "multicast/node/node_internal.h"

/* How long a PREPARE keeps checkpoints from beginning: until the mark that follows it is delivered. And when the next one may: the log
 * must not grow because somebody asks all the time. */
#define HOLD_US      5000000
#define HOLD_NEXT_US 10000000

static bool is_busy(const struct node_backup *backup)
{
    return backup->phase == NODE_BACKUP_CUTTING || backup->phase == NODE_BACKUP_WRITING ||
           backup->phase == NODE_BACKUP_DUMPING;
}

void node_backup_forget(struct node_member *member)
{
    if (member->backup.phase == NODE_BACKUP_READY) {
        close(member->backup.file);
    }
    member->backup = (struct node_backup){.phase = NODE_BACKUP_NONE};
    if (member->backup_path[0] != '\0') {
        (void)unlink(member->backup_path);
    }
}

static void fail(struct node *node, struct node_member *member, const char *why)
{
    node_report(node, "group %u: no backup at %llu: %s", (unsigned)member->group.value,
                (unsigned long long)member->backup.cut.clock.value, why);
    member->backup.phase = NODE_BACKUP_FAILED;
}

bool node_backup_holds(const struct node *node, const struct node_member *member)
{
    return is_busy(&member->backup) || node->now.us < node->hold_until.us;
}

/* ---- The cut ---- */

static bool is_of(const struct node_backup *backup, kv_timestamp cut)
{
    return backup->phase != NODE_BACKUP_NONE && kv_timestamp_compare(backup->cut, cut) == 0;
}

/* The backup of this mark; false: another one is under way. */
static bool begin(struct node_member *member, kv_timestamp cut)
{
    if (is_of(&member->backup, cut)) {
        return true;
    }
    if (is_busy(&member->backup)) {
        return false;
    }
    node_backup_forget(member);
    member->backup = (struct node_backup){.phase = NODE_BACKUP_CUTTING, .cut = cut};
    return true;
}

static void on_reached(struct node *node, struct node_member *member, kv_timestamp cut)
{
    const struct node_application *application = &member->application;
    if (!begin(member, cut) || member->backup.phase != NODE_BACKUP_CUTTING) {
        application->ops->pass_mark(application->state, false);
        return;
    }
    if (raft_is_sending_snapshot(order_raft(member->order))) {
        application->ops->pass_mark(application->state, false);
        fail(node, member, "the state is being sent to another member");
        return; /* for long: nobody shall wait for that */
    }
    if (node_writer_has(node, member) || member->incoming.preparing ||
        !node_checkpoint_can_begin(member)) {
        return; /* in one of the next turns, or the application gives up */
    }
    node_checkpoint_freeze(node, member);
    application->ops->pass_mark(application->state, true);
    member->backup.phase = NODE_BACKUP_WRITING;
}

static void look_at_mark(struct node *node, struct node_member *member)
{
    const struct node_application *application = &member->application;
    const struct node_order_mark mark = application->ops->marked(application->state);
    switch (mark.state) {
    case NODE_MARK_NONE:
        return;
    case NODE_MARK_WAITING:
        (void)begin(member, mark.timestamp);
        return;
    case NODE_MARK_REACHED:
        on_reached(node, member, mark.timestamp);
        return;
    case NODE_MARK_MISSED:
        if (begin(member, mark.timestamp) && member->backup.phase == NODE_BACKUP_CUTTING) {
            fail(node, member, "the state before the mark was not reached in time");
        }
        return;
    }
}

void node_backup_turn(struct node *node)
{
    for (uint32_t i = 0; i < node->member_count; i++) {
        struct node_member *member = &node->members[i];
        const struct node_backup *backup = &member->backup;
        if (member->application.ops->marked != NULL) {
            look_at_mark(node, member);
        }
        if (backup->phase == NODE_BACKUP_READY && kv_instant_reached(backup->until, node->now)) {
            node_report(node, "group %u: nobody reads the image at %llu any more: dropped",
                        (unsigned)member->group.value, (unsigned long long)backup->cut.clock.value);
            node_backup_forget(member);
        }
    }
}

/* ---- The writer ---- */

void node_backup_begin_due(struct node *node, struct node_member *member)
{
    struct node_backup *backup = &member->backup;
    if (!node_writer_is_free(node) || backup->started) {
        return;
    }
    if (backup->phase == NODE_BACKUP_WRITING) {
        backup->started = true;
        node_writer_start(node, member, NODE_JOB_WRITE);
    } else if (backup->phase == NODE_BACKUP_DUMPING) {
        backup->started = true;
        node_writer_start(node, member, NODE_JOB_BACKUP);
    }
}

void node_backup_on_written(struct node *node, struct node_member *member, bool written)
{
    struct node_backup *backup = &member->backup;
    if (backup->phase != NODE_BACKUP_WRITING || !backup->started) {
        return;
    }
    backup->started = false;
    if (written) {
        backup->phase = NODE_BACKUP_DUMPING;
    } else {
        fail(node, member, "there is no room for a checkpoint");
    }
}

enum status node_backup_dump(struct node_member *member)
{
    const struct node_application *application = &member->application;
    return application->ops->dump(application->state, member->backup_path, &member->backup.bytes,
                                  &member->backup.digest);
}

void node_backup_on_dumped(struct node *node, struct node_member *member, enum status result)
{
    struct node_backup *backup = &member->backup;
    const int file = result == STATUS_OK ? open(member->backup_path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) {
        fail(node, member, result == STATUS_OK ? strerror(errno) : status_text(result));
        return;
    }
    backup->file = file;
    backup->phase = NODE_BACKUP_READY;
    backup->until = kv_instant_add(node->now, NODE_BACKUP_KEEP_US);
    node_report(node, "group %u: an image of its state at %llu for a backup, %llu bytes",
                (unsigned)member->group.value, (unsigned long long)backup->cut.clock.value,
                (unsigned long long)backup->bytes);
}

/* ---- Requests ---- */

static enum wire_backup_state prepare(struct node *node, const struct node_member *member)
{
    if (member == NULL || member->application.ops->marked == NULL ||
        raft_role(order_raft(member->order)) != RAFT_LEADER) {
        return WIRE_BACKUP_NONE;
    }
    if (kv_instant_reached(node->hold_next, node->now)) {
        node->hold_until = kv_instant_add(node->now, HOLD_US);
        node->hold_next = kv_instant_add(node->now, HOLD_NEXT_US);
    }
    return node_writer_is_free(node) && !raft_is_sending_snapshot(order_raft(member->order))
               ? WIRE_BACKUP_READY
               : WIRE_BACKUP_WORKING;
}

static enum wire_backup_state read_piece(struct node *node, struct node_member *member,
                                         const struct wire_backup_request *request,
                                         struct wire_backup_reply *ret)
{
    struct node_backup *backup = member == NULL ? NULL : &member->backup;
    if (backup == NULL || backup->phase == NODE_BACKUP_NONE ||
        backup->cut.clock.value != request->cut) {
        return WIRE_BACKUP_NONE;
    }
    ret->cut = backup->cut;
    if (backup->phase != NODE_BACKUP_READY) {
        return backup->phase == NODE_BACKUP_FAILED ? WIRE_BACKUP_FAILED : WIRE_BACKUP_WORKING;
    }
    if (request->offset > backup->bytes) {
        return WIRE_BACKUP_NONE;
    }
    const uint64_t left = backup->bytes - request->offset;
    const size_t size =
        left < KV_SNAPSHOT_CHUNK_BYTES_MAX ? (size_t)left : KV_SNAPSHOT_CHUNK_BYTES_MAX;
    if (!node_transfer_read(backup->file, request->offset, size, &node->piece)) {
        close(backup->file);
        fail(node, member, "its image cannot be read");
        return WIRE_BACKUP_FAILED;
    }
    backup->until = kv_instant_add(node->now, NODE_BACKUP_KEEP_US);
    ret->total = backup->bytes;
    ret->digest = backup->digest;
    ret->offset = request->offset;
    ret->bytes = kv_buffer_slice(&node->piece);
    return WIRE_BACKUP_READY;
}

static enum wire_backup_state drop(struct node_member *member, uint64_t cut)
{
    if (member == NULL || is_busy(&member->backup) || member->backup.phase == NODE_BACKUP_NONE ||
        member->backup.cut.clock.value != cut) {
        return WIRE_BACKUP_NONE;
    }
    if (member->backup.phase ==
        NODE_BACKUP_READY) { /* of one that failed it is remembered that it did */
        node_backup_forget(member);
    }
    return WIRE_BACKUP_READY;
}

void node_backup_on_request(struct node *node, const struct net_route *route, kv_group_id group,
                            const struct wire_backup_request *request)
{
    struct node_member *member = node_member_of(node, group);
    struct wire_message message = {.kind = WIRE_MESSAGE_BACKUP_REPLY, .group = group};
    struct wire_backup_reply *reply = &message.as.backup_reply;
    switch (request->step) {
    case WIRE_BACKUP_PREPARE:
        reply->state = prepare(node, member);
        break;
    case WIRE_BACKUP_READ:
        reply->state = read_piece(node, member, request, reply);
        break;
    case WIRE_BACKUP_DROP:
        reply->state = drop(member, request->cut);
        break;
    }
    node_outbox_answer(&node->outbox, route, &message);
}
