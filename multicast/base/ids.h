/* SPDX-License-Identifier: Apache-2.0 */
/* ids: one struct type for each kind of identifier, so that the compiler refuses a mix-up.
 *
 * All are values: copied freely, compared with the functions below, printed field by field. */
#ifndef KV_BASE_IDS_H
#define KV_BASE_IDS_H

#include <stdbool.h>
#include <stdint.h>

/* A kvd process. 1..KV_NODES_MAX; 0 means "none". A member of a group is named by its node. */
typedef struct {
    uint16_t value;
} kv_node_id;

/* A group. 0 is the oracle, 1..KV_GROUPS_MAX-1 are partitions. */
typedef struct {
    uint16_t value;
} kv_group_id;

/* Raft term; 0 before the first election. */
typedef struct {
    uint64_t value;
} kv_term;

/* Position in one group's log; the first entry is 1, 0 means "before the first". */
typedef struct {
    uint64_t value;
} kv_index;

/* Logical time of one group (order.h): hybrid clock in microseconds. */
typedef struct {
    uint64_t value;
} kv_clock;

/* Total order over all groups: by clock, then by group. {0, 0} is before every message. */
typedef struct {
    kv_clock clock;
    kv_group_id group;
} kv_timestamp;

/* A client's exactly-once context: the final timestamp of its registration; {0, 0} means "no session". */
typedef struct {
    kv_timestamp registered;
} kv_session_id;

/* One attempt of one command. Fixes destinations and body for ever (placement-rule X1). Without a session (a
 * registration) sequence is a random nonce. */
typedef struct {
    kv_session_id session;
    uint64_t sequence;
    uint32_t attempt;
} kv_message_id;

/* Attempts of clients are 16 bits wide. The bits above say that the oracle sends the command in its client's name, and
 * for which time (placement rule D2). */
#define KV_ATTEMPT_DISPATCH_SHIFT 16
#define KV_ATTEMPT_MAX            0xffffu /* no client's: the oracle's own (kv_message_id_is_own) */
#define KV_ATTEMPT_LAST           (KV_ATTEMPT_MAX - 1) /* a client's */
#define KV_ATTEMPT_OWN            (UINT32_C(1) << KV_ATTEMPT_DISPATCH_SHIFT | KV_ATTEMPT_MAX)

/* A set of groups: bit g stands for group g. */
typedef struct {
    uint64_t bits;
} kv_group_set;

/* A point of monotonic time, microseconds since an arbitrary start that is the same within one process. */
typedef struct {
    uint64_t us;
} kv_instant;

/* A cluster, from its name in the cluster file; a frame or a file of another cluster is refused. */
typedef struct {
    uint64_t value;
} kv_cluster_id;

#define KV_NODE_NONE     ((kv_node_id){0})
#define KV_GROUP_ORACLE  ((kv_group_id){0})
#define KV_INSTANT_NEVER ((kv_instant){UINT64_MAX})

static inline bool kv_node_equal(kv_node_id a, kv_node_id b)
{
    return a.value == b.value;
}
static inline bool kv_group_equal(kv_group_id a, kv_group_id b)
{
    return a.value == b.value;
}

/* <0, 0, >0 like memcmp. */
static inline int kv_timestamp_compare(kv_timestamp a, kv_timestamp b)
{
    if (a.clock.value != b.clock.value) {
        return a.clock.value < b.clock.value ? -1 : 1;
    }
    if (a.group.value != b.group.value) {
        return a.group.value < b.group.value ? -1 : 1;
    }
    return 0;
}

static inline int kv_session_compare(kv_session_id a, kv_session_id b)
{
    return kv_timestamp_compare(a.registered, b.registered);
}

static inline bool kv_session_is_none(kv_session_id session)
{
    return session.registered.clock.value == 0;
}

static inline bool kv_message_id_equal(kv_message_id a, kv_message_id b)
{
    return kv_session_compare(a.session, b.session) == 0 && a.sequence == b.sequence &&
           a.attempt == b.attempt;
}

/* The id under which the client knows the command. */
static inline kv_message_id kv_message_id_of_client(kv_message_id id)
{
    id.attempt &= KV_ATTEMPT_MAX;
    return id;
}

/* Whether the oracle sends it in its client's name. */
static inline bool kv_message_id_is_execution(kv_message_id id)
{
    return id.attempt > KV_ATTEMPT_MAX;
}

/* Whether the oracle sends it in its own name: no client asked, and no session remembers it. */
static inline bool kv_message_id_is_own(kv_message_id id)
{
    return kv_message_id_is_execution(id) && (id.attempt & KV_ATTEMPT_MAX) == KV_ATTEMPT_MAX;
}

/* A message id without padding, so that its bytes can be hashed and compared. */
struct kv_message_key {
    uint64_t clock;
    uint64_t sequence;
    uint32_t group;
    uint32_t attempt;
};

static inline struct kv_message_key kv_message_key_of(kv_message_id id)
{
    return (struct kv_message_key){
        .clock = id.session.registered.clock.value,
        .sequence = id.sequence,
        .group = id.session.registered.group.value,
        .attempt = id.attempt,
    };
}

static inline kv_group_set kv_group_set_of(kv_group_id group)
{
    return (kv_group_set){UINT64_C(1) << group.value};
}

static inline bool kv_group_set_has(kv_group_set set, kv_group_id group)
{
    return ((set.bits >> group.value) & 1) != 0;
}

static inline int kv_group_set_count(kv_group_set set)
{
    const bool several = (set.bits & (set.bits - 1)) != 0; /* nearly always there is one: no call */
    return several ? __builtin_popcountll(set.bits) : set.bits != 0;
}

static inline kv_group_set kv_group_set_without(kv_group_set set, kv_group_id group)
{
    return (kv_group_set){set.bits & ~kv_group_set_of(group).bits};
}

/* The lowest group of a set that is not empty; removed from it. */
static inline kv_group_id kv_group_set_take(kv_group_set *set)
{
    const kv_group_id group = {(uint16_t)__builtin_ctzll(set->bits)};
    set->bits &= set->bits - 1;
    return group;
}

static inline kv_instant kv_instant_add(kv_instant at, uint64_t us)
{
    return at.us > UINT64_MAX - us ? KV_INSTANT_NEVER : (kv_instant){at.us + us};
}

static inline bool kv_instant_reached(kv_instant deadline, kv_instant now)
{
    return now.us >= deadline.us;
}

static inline kv_instant kv_instant_min(kv_instant a, kv_instant b)
{
    return a.us < b.us ? a : b;
}

#endif
