/* SPDX-License-Identifier: Apache-2.0 */
/* model: what commands mean, written a second time and as simply as possible: the reference of the
 * checkers.
 *
 * A command on several keys is a list of steps, one per key. Keys and values are numbers of an
 * intern table, so that the state of a key is one number and comparing two is free; value 0 is
 * "absent". */
#ifndef KV_SIM_MODEL_H
#define KV_SIM_MODEL_H

#include "multicast/wire/command.h"

/* Steps of one command: the workload's mget and mput have fewer keys than that. */
#define MODEL_STEPS_MAX 8

#define MODEL_ABSENT    0u

struct model_intern {
    struct kv_buffer bytes; /* of all strings, one behind the other */
    struct model_string {
        size_t offset;
        size_t size;
    } * strings; /* number n is strings[n - 1] */
    uint32_t count, capacity;
    uint32_t *slots; /* open addressing; 0: free */
    uint32_t slot_count;
};

struct model {
    struct model_intern keys;
    struct model_intern values;
};

/* One key's part of a command. */
struct model_step {
    enum wire_op op;
    uint32_t key;
    uint32_t values[2];
    int64_t number;
};

/* One key's part of an answer: value is that of the row, MODEL_ABSENT without one. */
struct model_result {
    enum wire_verdict verdict;
    int64_t number; /* INCR */
    uint32_t value;
};

struct model_operation {
    bool read_only;
    uint32_t count;
    struct model_step steps[MODEL_STEPS_MAX];
    struct model_result results[MODEL_STEPS_MAX];
};

void model_close(struct model *model);

uint32_t model_intern(struct model_intern *intern, kv_slice bytes);
kv_slice model_string(const struct model_intern *intern, uint32_t number);

/* Run one step on the state of its key: returns the new state, fills *ret. */
uint32_t model_apply(struct model *model, const struct model_step *step, uint32_t state,
                     struct model_result *ret);

bool model_result_equal(const struct model_result *a, const struct model_result *b);

/* Take an encoded command apart. False: not a command of the workload. A TXN and a MOVE have no steps here. */
bool model_decode_command(struct model *model, kv_slice body, struct model_operation *ret);

/* Take the encoded answer to it apart, into ret->results. *ret_verdict is that of the whole
 * command. False: it does not have the form of an answer to this command; a refusal has, and gives
 * no results. */
bool model_decode_answer(struct model *model, kv_slice answer, struct model_operation *operation,
                         enum wire_verdict *ret_verdict);

/* The machine did not execute the command at all. */
bool model_is_refusal(enum wire_verdict verdict);

#endif
