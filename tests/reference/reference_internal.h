/* SPDX-License-Identifier: Apache-2.0 */
/* reference_internal: what the files of the reference share: reference.c is who may do what and where keys are, reference_steps.c what
 * steps do to values. */
#ifndef KV_TESTS_REFERENCE_INTERNAL_H
#define KV_TESTS_REFERENCE_INTERNAL_H

#include "multicast/base/assert.h"
#include "tests/reference/reference.h"

#define REFERENCE_VALUE_BYTES 4096 /* of a value; workloads of tests have short ones */

struct variable {
    char key[64];
    size_t key_size;
    bool present;
    kv_group_id group;
    kv_timestamp version;
    char value[REFERENCE_VALUE_BYTES];
    size_t size;
};

/* A command that the oracle runs for a client. */
struct errand {
    kv_message_id id;
    uint32_t count;
    char keys[KV_TXN_STEPS_MAX][64];
    size_t sizes[KV_TXN_STEPS_MAX];
};

/* A variable while a command runs: what it is, and what it becomes. */
struct draft {
    bool present;
    kv_slice value;
    bool written;
};

struct reference {
    uint32_t partitions;
    struct reference_sessions *sessions[KV_GROUPS_MAX];
    struct variable **variables;
    uint32_t count, capacity;
    struct errand *errands;
    uint32_t errand_count, errand_capacity;
    uint32_t alarms;

    struct wire_command command; /* being run */
    const struct reference_message *message;
    enum wire_verdict refusals[KV_GROUPS_MAX]; /* of its destinations */
    struct draft drafts[KV_COMMAND_KEYS_MAX];
    char *texts; /* of answers and drafts; used up by one command */
    size_t text_size;
};

#define REFERENCE_TEXTS_BYTES (1u << 20)

/* Run the steps of an ACCESS command on drafts of its keys, whatever their places. */
void reference_do_access(struct reference *reference, struct wire_answer *ret);

#endif
