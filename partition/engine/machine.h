/* SPDX-License-Identifier: Apache-2.0 */
/* machine: what commands mean. The engine says when and whether they run; a machine says what they
 * do.
 *
 * Two machines exist: the KV machine of partitions (partition/kv) and the oracle (oracle/). A
 * machine is deterministic: its answers and its digest are functions of the commands executed, in
 * order, and of nothing else. It keeps no pointers to its inputs. */
#ifndef KV_ENGINE_MACHINE_H
#define KV_ENGINE_MACHINE_H

#include "multicast/wire/command.h"

/* What a command is told about itself. */
struct machine_context {
    kv_group_id group; /* where it runs */
    kv_timestamp
        timestamp; /* final; versions are made of it. Of a read: the cursor of the member */
    kv_message_id id;
};

/* X1: slots are called by one thread at a time, never block and never fail but by their answer. */
struct machine_ops {
    /* Run a command that changes or reads; fill *ret (rows may borrow from the machine's state
     * until the next call). */
    void (*execute)(void *state, const struct machine_context *context,
                    const struct wire_command *command, struct wire_answer *ret);
    /* Run a read-only command without changing anything, its digest included. */
    void (*read)(void *state, const struct machine_context *context,
                 const struct wire_command *command, struct wire_answer *ret);
    /* Digest of the whole content; equal for equal contents however they came about; O(1). */
    uint64_t (*digest)(const void *state);
    /* Number of keys, for status. */
    uint64_t (*keys)(const void *state);
    /* Append the whole content; load replaces the content. load: STATUS_CORRUPT leaves the machine
     * empty. */
    void (*save)(const void *state, struct kv_buffer *ret);
    enum status (*load)(void *state, kv_slice bytes);
    void (*destroy)(void *state);
};

struct machine {
    const struct machine_ops *ops;
    void *state;
};

#endif
