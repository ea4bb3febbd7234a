/* SPDX-License-Identifier: Apache-2.0 */
/* message_backup: the messages of a backup. A part of message.h. */
#ifndef KV_WIRE_MESSAGE_BACKUP_H
#define KV_WIRE_MESSAGE_BACKUP_H

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"

enum wire_backup_step {
    WIRE_BACKUP_PREPARE = 1, /* be ready to cut: begin no checkpoints for a moment */
    WIRE_BACKUP_READ = 2,    /* the piece of the group's image at `offset` */
    WIRE_BACKUP_DROP = 3     /* the image is not needed any more */
};

struct wire_backup_request {
    enum wire_backup_step step;
    uint64_t cut; /* clock of the mark's final timestamp; PREPARE: 0 */
    uint64_t offset;
};

enum wire_backup_state {
    WIRE_BACKUP_READY = 1, /* prepared; or here is the piece; or dropped */
    WIRE_BACKUP_WORKING =
        2,                /* ask again: the image is being made, or a checkpoint must end first */
    WIRE_BACKUP_NONE = 3, /* this node does not lead the group, or has no such image */
    WIRE_BACKUP_FAILED =
        4 /* the cut could not be made: commands before it took too long, or the disk has no room */
};

struct wire_backup_reply {
    enum wire_backup_state state;
    kv_timestamp cut;
    uint64_t total; /* bytes of the image, and their XXH3-64 */
    uint64_t digest;
    uint64_t offset;
    kv_slice bytes; /* at most KV_SNAPSHOT_CHUNK_BYTES_MAX; none at the end */
};

#endif
