/* SPDX-License-Identifier: Apache-2.0 */
/* sim_client: clients that keep the rules of exactly once, and the workload that they run.
 *
 * 1. A client has a session, numbers its operations, and has several in flight. It sends one to the
 *    believed leader of its group, and sends the same id again, to any node, until it is ANSWERED:
 *    nothing else is a verdict (X2).
 * 2. The floor that a request carries covers answered operations only, and never the current one
 *    (X5).
 * 3. A client may die: its operations are then of unknown outcome, and it comes back with a new
 *    session. */
#ifndef KV_SIM_CLIENT_H
#define KV_SIM_CLIENT_H

#include "multicast/wire/command.h"
#include "multicast/wire/message.h"
#include "tests/sim/sim_disk.h"

struct sim;

#define SIM_OUTSTANDING_MAX 4u

/* Keys of one group and one family. */
#define SIM_KEYS_MAX 4u

/* What may be done to a key, so that check_once can count. */
enum sim_family { SIM_FAMILY_APPEND, SIM_FAMILY_COUNTER, SIM_FAMILY_MIXED, SIM_FAMILIES };

struct sim_operation {
    bool used;
    uint32_t number; /* in the history */
    kv_message_id id;
    kv_group_id group;
    enum wire_request_mode mode;
    struct kv_buffer body;
    kv_node_id target; /* where it is sent next */
    uint64_t resend_at;
};

struct sim_client {
    uint32_t number;
    uint32_t endpoint;
    kv_session_id session;
    uint64_t sequence; /* last one used */
    struct sim_operation operations[SIM_OUTSTANDING_MAX];
    kv_node_id leaders[SIM_GROUPS_MAX]; /* believed */
    uint64_t next_at;                   /* next operation */
    uint64_t death_at;
    uint32_t probes; /* of the liveness phase, still to be asked */
    uint64_t timer_at;
};

struct sim_workload {
    char keys[SIM_GROUPS_MAX][SIM_FAMILIES][SIM_KEYS_MAX][16];
    char guesses[SIM_GROUPS_MAX][SIM_KEYS_MAX]
                [24];  /* a value that a mixed key was given: what a cas expects */
    uint64_t sessions; /* handed out */
    uint64_t asked;
    uint64_t values;              /* handed out, each unique */
    char texts[SIM_KEYS_MAX][24]; /* scratch: the values of the command being made */
    struct wire_command command;  /* scratch: tens of kilobytes */
    struct wire_answer answer;    /* scratch, too */
};

void sim_clients_start(struct sim *sim);
void sim_client_on_timer(struct sim *sim, struct sim_client *client, uint64_t at);
void sim_client_on_packet(struct sim *sim, struct sim_client *client,
                          const struct wire_message *message);

/* The liveness phase has begun: no more deaths; finish what is in flight, then one write and one
 * read in every group. */
void sim_clients_heal(struct sim *sim);

/* Nothing is in flight and nothing is to be asked any more. */
bool sim_clients_idle(const struct sim *sim);

void sim_client_close(struct sim_client *client);

/* ---- sim_workload.c ---- */

/* Name the keys: each lives in the group that it is meant for. */
void sim_workload_keys(struct sim *sim);

/* Draw a command for a group. Returns whether it only reads; the encoded command is appended. */
bool sim_workload_draw(struct sim *sim, kv_group_id group, struct kv_buffer *ret);

/* One write, or one read, of a key that nobody can have broken. */
void sim_workload_probe(struct sim *sim, kv_group_id group, bool read, struct kv_buffer *ret);

#endif
