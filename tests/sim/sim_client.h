/* SPDX-License-Identifier: Apache-2.0 */
/* sim_client: clients, each one the real client core (client/core/client.h) on the simulated network, and the workload that they run.
 *
 * 1. A client has several operations in flight. The core finds nodes and keys, resends, tries again, asks the oracle.
 * 2. What is asked and what becomes of it is written to the history.
 * 3. A client may die: its operations are then of unknown outcome, and it comes back as a new one. */
#ifndef KV_SIM_CLIENT_H
#define KV_SIM_CLIENT_H

#include "client/core/client.h"
#include "tests/sim/sim_disk.h"

struct sim;

/* Keys of one group and one family. */
#define SIM_KEYS_MAX 4u

/* What may be done to a key, so that check_once can count and check_linear can project. All may be moved. */
enum sim_family {
    SIM_FAMILY_APPEND,
    SIM_FAMILY_COUNTER,
    SIM_FAMILY_MIXED,  /* everything but TXN */
    SIM_FAMILY_SHARED, /* TXN, too */
    SIM_FAMILIES
};

/* Keys of one lock. */
#define SIM_LOCK_KEYS_MAX 3u

/* Nodes that a client can know. */
#define SIM_CLIENT_NODES_MAX 5u

struct engine;

struct sim_client {
    uint32_t number;
    uint32_t endpoint;
    struct client *core;
    struct client_effects effects;
    kv_node_id slots[CLIENT_SLOTS_MAX];         /* which node each connection leads to */
    uint32_t slot_of[SIM_CLIENT_NODES_MAX + 1]; /* by node: the connection that was used last */
    uint32_t outstanding;
    uint32_t lives;   /* this one included */
    uint64_t next_at; /* next operation */
    uint64_t death_at;
    uint32_t probes; /* of the liveness phase, still to be asked */
    uint64_t timer_at;
    struct sim_lock {
        kv_timestamp
            token;     /* the last one that this client was given, in this life or the one before */
        uint32_t asks; /* what it wants to do under it */
        uint32_t count;
        bool shared;
        char keys[SIM_LOCK_KEYS_MAX][16];
    } lock;
    kv_timestamp session; /* for keys: the last one that it was given, in this life or before */
};

#define SIM_TEXTS 24u

struct sim_workload {
    char keys[SIM_GROUPS_MAX][SIM_FAMILIES][SIM_KEYS_MAX][16];
    char guesses[SIM_GROUPS_MAX][SIM_KEYS_MAX]
                [24]; /* a value that a mixed key was given: what a cas expects */
    uint64_t asked;
    uint64_t values;             /* handed out, each unique */
    uint64_t brief_keys;         /* keys that do not last, so far */
    char texts[SIM_TEXTS][24];   /* scratch: the values of the command being made */
    struct wire_command command; /* scratch: tens of kilobytes */
    struct wire_answer answer;   /* scratch, too */
};

/* Put something about locks into the workload's command, or do not. And an answer OK to the operation, if it is a LOCK. */
bool sim_lock_draw(struct sim *sim, struct sim_client *client);
/* When its client dies in the middle of the operation just asked for; UINT64_MAX: it does not. */
uint64_t sim_lock_death(struct sim *sim);
void sim_lock_granted(struct sim *sim, struct sim_client *client, uint32_t number);

/* The same for keys that do not last. */
bool sim_life_draw(struct sim *sim, const struct sim_client *client);
void sim_life_begun(struct sim *sim, struct sim_client *client, uint32_t number);

/* None of them is left. `engines`: one of each group. */
bool sim_lives_are_over(struct sim *sim, struct engine *const *engines);

void sim_clients_start(struct sim *sim);
void sim_client_on_timer(struct sim *sim, struct sim_client *client, uint64_t at);
void sim_client_on_packet(struct sim *sim, struct sim_client *client, kv_node_id from,
                          const struct wire_message *message);

/* The liveness phase has begun: no more deaths; finish what is in flight, then one write and one
 * read of every group's keys. */
void sim_clients_heal(struct sim *sim);

/* Nothing is in flight and nothing is to be asked any more. */
bool sim_clients_idle(const struct sim *sim);

void sim_client_close(struct sim_client *client);

/* The endpoint of a node; the same text for ever. */
const char *sim_endpoint_of(kv_node_id node);

/* ---- sim_workload.c ---- */

/* Name the keys: each has its home in the group that it is meant for. */
void sim_workload_keys(struct sim *sim);

/* Draw an operation into sim->work.command and *ret, deadline and context excepted. */
void sim_workload_draw(struct sim *sim, struct client_submit *ret);

/* One write, or one read, of a key of this home that nobody can have broken. */
void sim_workload_probe(struct sim *sim, kv_group_id home, bool read, struct client_submit *ret);

#endif
