/* SPDX-License-Identifier: Apache-2.0 */
/* script: commands for the KV machine, run straight on it without engine. */
#ifndef KV_TESTS_KV_SCRIPT_H
#define KV_TESTS_KV_SCRIPT_H

#include "partition/engine/machine.h"

struct script {
    struct machine machine;
    uint64_t clock; /* of the last command; its version */
    kv_group_id group;
    struct wire_command command;
    struct wire_answer answer;
    struct kv_buffer body;
    struct machine_footprint footprint;
};

struct script *script_new(uint16_t group, uint32_t partitions);
void script_destroy(struct script **script);

/* Begin a command without keys. */
void script_command(struct script *script, enum wire_op op);
void script_key(struct script *script, kv_slice key);
void script_value(struct script *script, kv_slice value);

/* Run it, or run it as a read. */
enum wire_verdict script_execute(struct script *script);
enum wire_verdict script_read(struct script *script);

/* One-key commands in one line; texts are borrowed, NULL: no such part. */
enum wire_verdict script_run(struct script *script, enum wire_op op, const char *key,
                             const char *value, const char *second);
enum wire_verdict script_incr(struct script *script, const char *key, int64_t number);

uint64_t script_digest(const struct script *script);

#endif
