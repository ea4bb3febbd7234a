/* SPDX-License-Identifier: Apache-2.0 */
/* history: what the clients asked and were told, in the order in which it happened.
 *
 * Moments are numbers of one counter of the whole run, so "A was answered before B was asked" is
 * exact even for things that happen in one microsecond of virtual time. */
#ifndef KV_SIM_HISTORY_H
#define KV_SIM_HISTORY_H

#include "client/core/client.h"

#define HISTORY_NEVER UINT64_MAX

enum history_state {
    HISTORY_PENDING,
    HISTORY_ANSWERED,
    HISTORY_NOT_EXECUTED, /* its client was told that it was not executed and never will be */
    HISTORY_UNKNOWN       /* in doubt, or its client died: may have been executed */
};

struct history_operation {
    uint32_t client;
    bool read;  /* it was not ordered */
    bool stale; /* and may have seen any state */
    bool scan;  /* a read of one partition's keys in a range */
    enum history_state state;
    uint64_t asked;                 /* moment */
    uint64_t answered;              /* moment; HISTORY_NEVER unless ANSWERED */
    uint64_t asked_us, answered_us; /* virtual time */
    kv_message_id id;               /* of the last attempt */
    kv_group_id group;              /* that answered */
    kv_timestamp timestamp;
    struct kv_buffer body;   /* encoded command, as the client was asked for it */
    struct kv_buffer answer; /* encoded answer, as it was given */
};

struct history {
    struct history_operation *operations;
    uint32_t count, capacity;
    uint64_t moment;
};

/* A client asks; returns the number of the operation. */
uint32_t history_ask(struct history *history, uint32_t client, bool stale, kv_slice body);

/* It is completed, or left by its client. */
void history_complete(struct history *history, uint32_t number,
                      const struct client_completion *completion);
void history_leave(struct history *history, uint32_t number);

/* A scan at one partition, asked at that moment and answered now. */
void history_scan(struct history *history, uint64_t asked, kv_slice body, kv_group_id group,
                  kv_timestamp timestamp, kv_slice answer);

void history_close(struct history *history);

#endif
