/* SPDX-License-Identifier: Apache-2.0 */
/* history: what the clients asked and were told, in the order in which it happened.
 *
 * Moments are numbers of one counter of the whole run, so "A was answered before B was asked" is
 * exact even for things that happen in one microsecond of virtual time. */
#ifndef KV_SIM_HISTORY_H
#define KV_SIM_HISTORY_H

#include "multicast/wire/message.h"

#define HISTORY_NEVER UINT64_MAX

enum history_state {
    HISTORY_PENDING,
    HISTORY_ANSWERED,
    HISTORY_UNKNOWN /* its client died or its session ended: may have been executed */
};

struct history_operation {
    uint32_t client;
    kv_group_id group;
    kv_message_id id;
    enum wire_request_mode mode;
    enum history_state state;
    uint64_t asked;    /* moment */
    uint64_t answered; /* moment; HISTORY_NEVER unless ANSWERED */
    kv_index index;    /* of the reply */
    kv_timestamp timestamp;
    struct kv_buffer body;   /* encoded command */
    struct kv_buffer answer; /* encoded answer */
};

struct history {
    struct history_operation *operations;
    uint32_t count, capacity;
    uint64_t moment;
};

/* A client asks; returns the number of the operation. */
uint32_t history_ask(struct history *history, uint32_t client, kv_group_id group, kv_message_id id,
                     enum wire_request_mode mode, kv_slice body);

/* It is answered, or left by its client. */
void history_answer(struct history *history, uint32_t number, const struct wire_reply *reply);
void history_leave(struct history *history, uint32_t number);

void history_close(struct history *history);

#endif
