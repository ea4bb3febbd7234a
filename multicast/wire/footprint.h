/* SPDX-License-Identifier: Apache-2.0 */
/* footprint: which groups a command goes to, and what each of them has to do with each of its keys. Pure functions of the
 * command and the number of partitions, the same at clients, oracle and partitions. Rules: docs/protocol/placement.md.
 *
 * A key has an owner (the partition that the command believes it to be in), a home (by the bucket map), perhaps a target
 * (where the command brings it), and the oracle, which knows the keys that are away from home. Home is the authority on
 * existence and keeps a stub of a key that is away [P1, P2]. Whoever's knowledge a command changes is a destination [P10]. */
#ifndef KV_WIRE_FOOTPRINT_H
#define KV_WIRE_FOOTPRINT_H

#include "multicast/wire/command.h"

/* What a group is to a key of a command: bits. */
enum wire_duty {
    WIRE_DUTY_OWNER = 1,  /* judges whether it has the key, reads and writes it */
    WIRE_DUTY_HOME = 2,   /* sets or drops the stub; judges existence for CREATE */
    WIRE_DUTY_TARGET = 4, /* takes the key in, or executes on its borrowed value */
    WIRE_DUTY_ORACLE = 8  /* notes where the key is; refuses while it is pinned */
};

/* Bits of enum wire_use: what the command does to key i, whichever branch it takes. */
unsigned wire_command_use(const struct wire_command *command, uint32_t i);

/* Sets of operations as bits: every command is asked several times what it is. */
#define WIRE_OP_BIT(NAME) (UINT64_C(1) << WIRE_OP_##NAME)
#define WIRE_OPS_THAT_WRITE                                                                        \
    (WIRE_OP_BIT(PUT) | WIRE_OP_BIT(PUT_IF_ABSENT) | WIRE_OP_BIT(CAS) | WIRE_OP_BIT(INCR) |        \
     WIRE_OP_BIT(APPEND) | WIRE_OP_BIT(MPUT) | WIRE_OP_BIT(TXN))

static inline bool wire_op_is_in(enum wire_op op, uint64_t set)
{
    return (set >> op & 1) != 0;
}

/* Commands that read and write keys where they are: GET, PUT, PUT_IF_ABSENT, CAS, INCR, APPEND, MGET, MPUT, TXN. A policy
 * concerns only these. CREATE, DELETE, MOVE and EXPIRE give a verdict for each key; a NO to one of them does not touch the others. */
static inline bool wire_op_is_access(enum wire_op op)
{
    return wire_op_is_in(op, WIRE_OP_BIT(GET) | WIRE_OP_BIT(MGET) | WIRE_OPS_THAT_WRITE);
}
static inline bool wire_op_is_per_key(enum wire_op op)
{
    return wire_op_is_in(op, WIRE_OP_BIT(CREATE) | WIRE_OP_BIT(DELETE) | WIRE_OP_BIT(MOVE) |
                                 WIRE_OP_BIT(EXPIRE));
}

/* Commands that may give keys a value: it can have a ttl, or be bound to a session. */
static inline bool wire_op_sets(enum wire_op op)
{
    return wire_op_is_in(op, WIRE_OP_BIT(CREATE) | WIRE_OPS_THAT_WRITE);
}

/* SESSION_BEGIN and SESSION_END: to all groups [locks.md, K1]. */
bool wire_op_is_session(enum wire_op op);

/* LOCK and REVOKE: to the owners of their keys and the oracle [locks.md, L1]. */
bool wire_op_is_lock(enum wire_op op);

/* Whether it has its place inside of the lock of its token [locks.md, L4, L5]. */
bool wire_command_is_inside(const struct wire_command *command);

/* What is always a read, never ordered: it has no queues to wait in, so it waits for whatever was delivered before it. */
bool wire_op_reads_everything(enum wire_op op);

/* Steps of an ACCESS command that is no TXN are made up: GET of each key of an MGET, and so on. */
uint32_t wire_command_steps(const struct wire_command *command, enum wire_branch branch);
struct wire_step wire_command_step(const struct wire_command *command, enum wire_branch branch,
                                   uint32_t i);

/* The partition that the command believes key i to be in. `destinations`: of the message; of one group, if there are no owners. */
kv_group_id wire_command_owner(const struct wire_command *command, uint32_t i,
                               kv_group_set destinations);

/* Bits of enum wire_duty: what `group` is to key i. */
unsigned wire_command_duties(const struct wire_command *command, uint32_t i, kv_group_id group,
                             kv_group_set destinations, uint32_t partitions);

/* Whether `group` takes key i's queue for writing: exclusively. */
bool wire_command_writes(const struct wire_command *command, uint32_t i, kv_group_id group,
                         kv_group_set destinations, uint32_t partitions);

/* The groups of a command that has owners for all its keys, whoever is concerned with one of them; of one that goes to all
 * groups all there are. {0}: of one with `exec`. */
bool wire_command_goes_to_all(const struct wire_command *command);
kv_group_set wire_command_destinations(const struct wire_command *command, uint32_t partitions);

/* Whether a message with this body may go to exactly these groups. An `execution` is dispatched by the oracle, which is then
 * one more destination. What does not fit is refused before ordering, and not executed by anyone if it is ordered all the
 * same: every destination comes to the same conclusion. */
bool wire_command_fits(const struct wire_command *command, kv_group_set destinations,
                       bool execution, uint32_t partitions);

/* The one group that has the whole answer: the oracle if it is a destination (it is where the client's request went), else
 * the one that executes for others, else the owner of the first key. */
kv_group_id wire_command_replier(const struct wire_command *command, kv_group_set destinations);

#endif
