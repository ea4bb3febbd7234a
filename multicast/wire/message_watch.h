/* SPDX-License-Identifier: Apache-2.0 */
/* message_watch: the messages of those who watch the changes of keys. A part of message.h.
 *
 * An index names a change within its group: the number of the command in the group's delivered sequence, and the place among the changes of
 * that command. So it is the same at all members, whatever order they executed in, and ascends without being dense. */
#ifndef KV_WIRE_MESSAGE_WATCH_H
#define KV_WIRE_MESSAGE_WATCH_H

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"
#include "multicast/base/limits.h"

/* Changes of one command in one group at most: one for each key. */
#define WIRE_WATCH_PLACES KV_COMMAND_KEYS_MAX

/* Bytes of changes in an answer, beyond which no other change is put into it: a few frames' worth, so that others are not held up. */
#define WIRE_WATCH_BYTES_MAX (256 * 1024)

/* The index of the first change that a command at this position could make. */
static inline uint64_t wire_watch_index(uint64_t position)
{
    return position * WIRE_WATCH_PLACES;
}

struct wire_watch_request {
    uint64_t number; /* of the question, for the client to know its answer by */
    kv_slice prefix; /* only keys that begin so; at most KV_KEY_BYTES_MAX */
    uint64_t from;   /* index; 0: what is the next one, now */
    uint32_t bytes; /* of changes that the client wants at once; the node may give fewer, but one */
};

enum wire_watch_state {
    WIRE_WATCH_CHANGES = 1,  /* here are some */
    WIRE_WATCH_NONE = 2,     /* there is none before `next` */
    WIRE_WATCH_GAP = 3,      /* this member has nothing before `first` any more */
    WIRE_WATCH_NOT_HERE = 4, /* no member is here, or none that can be watched: ask another node */
    WIRE_WATCH_LATER =
        5 /* it is cut off from its group, or has too many to serve: ask again, or another one */
};

struct wire_watch_reply {
    uint64_t number;
    enum wire_watch_state state;
    uint64_t first;   /* what the member could give from */
    uint64_t next;    /* where to go on */
    kv_slice changes; /* wire_changes_take; at most KV_BODY_BYTES_MAX */
};

enum wire_change_kind { WIRE_CHANGE_PUT = 1, WIRE_CHANGE_DELETED = 2 };

struct wire_change {
    uint64_t index;
    enum wire_change_kind kind;
    kv_timestamp version; /* final timestamp of the command */
    kv_slice key;
    kv_slice value; /* PUT */
};

/* Append a change to a list of changes. */
void wire_changes_append(struct kv_buffer *changes, const struct wire_change *change);

/* The first change of a list, and the list without it; slices borrow. False: there is none. */
bool wire_changes_take(kv_slice *changes, struct wire_change *ret);

/* Whether these bytes are a list of changes, by ascending index. */
bool wire_changes_are_sound(kv_slice changes);

#endif
