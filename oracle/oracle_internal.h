/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_internal: what the files of the oracle machine share.
 *
 * 1. oracle_machine.c is the vtable; oracle_read.c answers questions.
 * 2. oracle_places.c is the map of placed keys, with counts and history; oracle_vote.c votes on changes of it and carries them out.
 * 3. oracle_pins.c runs commands in their clients' names: pin lists and dispatch.
 * 4. oracle_leases.c knows locks, and ordered time.
 * 5. oracle_sessions.c is the registry of sessions, oracle_save.c makes bytes of everything. */
#ifndef KV_ORACLE_ORACLE_INTERNAL_H
#define KV_ORACLE_ORACLE_INTERNAL_H

#include <sys/queue.h>

#include "multicast/base/assert.h"
#include "multicast/base/hash_table.h"
#include "oracle/oracle_leases.h"
#include "oracle/oracle_machine.h"
#include "partition/store/store.h"
#include "partition/engine/state_bytes.h"
#include "partition/placement/placement.h"

/* XXH3-64, for the digest. */
uint64_t oracle_hash(const void *data, size_t size);

/* The only bucket map there is: bucket b lives in partition 1 + b % partitions. */
#define ORACLE_MAP_VERSION 1

/* Changes of placement that are remembered: what an operator wants to look back at, and one page of an answer. */
#define ORACLE_HISTORY_MAX KV_SCAN_ROWS_MAX

/* Dispatches of one command: rule D7 says that one is enough, so more of them are an alarm, and an end to it. */
#define ORACLE_DISPATCHES_MAX 16

/* Commands that are run for clients at once, and bytes of them: each is a client's last resort, and each holds its body twice. Beyond it
 * no EXEC is ordered, and its client asks again. How many are under way depends on when votes arrive, so members may not ask at its turn:
 * what has been ordered before the bound was reached, ENGINE_RUNS_MAX and KV_UNCOMMITTED_ENTRIES_MAX at most, goes beyond it. */
#define ORACLE_EXECS_MAX      1024
#define ORACLE_EXEC_BYTES_MAX (64 * 1024 * 1024)

/* ---- Sessions ---- */

/* An open session. */
struct oracle_session {
    struct oracle_session_key id;
    uint64_t nonce;
    uint64_t hash; /* its share in the digest */
    UT_hash_handle by_id;
    UT_hash_handle by_nonce;
};

/* Open sessions. uthash keeps them in the order of insertion: the head of by_id was opened first.
 */
struct oracle_sessions {
    struct oracle_session *by_id;
    struct oracle_session *by_nonce;
    uint32_t count;
    uint32_t max;
    uint64_t digest; /* sum of the hashes, modulo 2^64 */
};

/* ---- Places ---- */

/* A change of placement. */
struct oracle_change {
    kv_timestamp version;
    kv_group_id from, to; /* 0: the key came into being, or ended */
    uint16_t key_size;
    uint8_t key[KV_KEY_BYTES_MAX];
};

struct oracle_places {
    struct store
        *placed; /* a value is one byte, the partition; a version that of the last change */
    uint64_t counts[KV_GROUPS_MAX];
    struct oracle_change *history; /* a ring, ascending version: those with the largest */
    uint32_t history_first, history_count;
};

/* ---- Pins ---- */

struct oracle_exec;

/* An EXEC in the pin list of one of its keys. */
struct oracle_pin {
    struct oracle_exec *exec;
    struct oracle_pinned *key;
    TAILQ_ENTRY(oracle_pin) link;
};
TAILQ_HEAD(oracle_pin_list, oracle_pin);

/* A key that has pins. */
struct oracle_pinned {
    struct oracle_pin_list pins; /* first come, first dispatched */
    UT_hash_handle hh;
    uint32_t size;
    uint8_t key[];
};

/* A command that the oracle runs for a client.
 *
 *   WAITING -> DISPATCHED -> gone    [oracle_pins.c: first in all pin lists; finished here] */
struct oracle_exec {
    struct kv_message_key key;
    kv_message_id id; /* of the EXEC */
    uint64_t floor;
    uint32_t dispatches;    /* 0: WAITING */
    uint64_t number;        /* of the last dispatch */
    struct kv_buffer asked; /* the EXEC's body */
    struct kv_buffer body;  /* DISPATCHED: what is sent */
    kv_group_set destinations;
    uint32_t pin_count;
    struct oracle_pin *pins;
    TAILQ_ENTRY(oracle_exec) link; /* in the order of their turns */
    UT_hash_handle hh;
};
TAILQ_HEAD(oracle_exec_list, oracle_exec);

struct oracle_pins {
    struct oracle_pinned *by_key; /* uthash */
    struct oracle_exec *by_id;    /* uthash */
    struct oracle_exec_list execs;
    size_t bytes;        /* of all that was asked */
    uint64_t dispatched; /* number of the last dispatch of this member */
    uint64_t digest;     /* sum of hashes over execs */
    uint64_t alarms;     /* executions that had to be dispatched again */
};

struct oracle_machine {
    uint32_t partitions;
    struct oracle_leases leases;
    struct oracle_sessions sessions;
    struct oracle_places places;
    struct oracle_pins pins;

    struct machine_context context; /* of the command that is open */
    kv_slice body;
    struct wire_command command;
    struct wire_command dispatch; /* scratch: a command that is being dispatched */
    struct placement_vote own, others;
    struct placement_tally tally;
    char text[KV_SCAN_ROWS_MAX][16]; /* of the rows of an answer */
};

/* ---- oracle_sessions.c ---- */

kv_session_id oracle_session_id(const struct oracle_session *session);
struct oracle_session *oracle_session_by_id(const struct oracle_sessions *sessions,
                                            kv_session_id id);
struct oracle_session *oracle_session_by_nonce(const struct oracle_sessions *sessions,
                                               uint64_t nonce);

/* Register a session with an id and a nonce that no open one has; beyond the maximum the one opened
 * first ends. */
void oracle_session_open(struct oracle_sessions *sessions, kv_session_id id, uint64_t nonce);
void oracle_session_close(struct oracle_sessions *sessions, struct oracle_session *session);
void oracle_sessions_clear(struct oracle_sessions *sessions);

/* ---- oracle_places.c ---- */

void oracle_places_init(struct oracle_places *places);
void oracle_places_clear(struct oracle_places *places);
void oracle_places_close(struct oracle_places *places);

/* Where a key is if it exists: placed, else home. *ret_version: of the change that brought it there, {0,0} at home. */
kv_group_id oracle_place_of(const struct oracle_machine *machine, kv_slice key,
                            kv_timestamp *ret_version);
bool oracle_is_placed(const struct oracle_machine *machine, kv_slice key);

/* The key is at `group` now, which may be its home; or nowhere (0). */
void oracle_place(struct oracle_machine *machine, kv_slice key, kv_group_id group);

/* Remember a change; only those with the largest versions are kept. */
void oracle_remember(struct oracle_places *places, const struct oracle_change *change);

/* Change i of history_count, by ascending version. */
static inline struct oracle_change *oracle_change_at(const struct oracle_places *places, uint32_t i)
{
    return &places->history[(places->history_first + i) % ORACLE_HISTORY_MAX];
}

/* ---- oracle_pins.c ---- */

void oracle_pins_init(struct oracle_pins *pins);
void oracle_pins_clear(struct oracle_pins *pins);

/* Whether an EXEC leaves room for the owners of its keys. */
bool oracle_exec_fits(const struct wire_command *command, kv_slice body);

/* Whether the command that is open is an EXEC for which there is no room. To be asked before it is ordered. */
bool oracle_exec_is_full(const struct oracle_machine *machine);

/* D1: the EXEC that is open appends itself to the pin lists of its keys. LOCK_LOST: nobody holds its token. */
enum wire_verdict oracle_exec_begin(struct oracle_machine *machine);

/* The same for one that was saved. False: it is none. */
bool oracle_exec_load(struct oracle_machine *machine, kv_message_id id, uint64_t floor,
                      uint32_t dispatches, kv_slice asked);

/* D4: the execution that is open has executed with this verdict. MACHINE_PENDING: it has to be dispatched again. */
enum machine_outcome oracle_exec_end(struct oracle_machine *machine, enum wire_verdict verdict);

bool oracle_is_pinned(const struct oracle_machine *machine, kv_slice key);
bool oracle_next_dispatch(struct oracle_machine *machine, uint64_t after,
                          struct machine_dispatch *ret);

/* ---- oracle_vote.c ---- */

enum wire_verdict oracle_vote(struct oracle_machine *machine);
void oracle_payload(struct oracle_machine *machine, struct kv_buffer *ret);
enum machine_outcome oracle_execute_shared(struct oracle_machine *machine,
                                           const struct machine_vote *votes, uint32_t count,
                                           struct wire_answer *ret);

/* ---- oracle_read.c ---- */

/* MAP, WHERE, PARTITIONS or HISTORY. */
void oracle_read(struct oracle_machine *machine, struct wire_answer *ret);

/* ---- oracle_save.c ---- */

/* With the placed keys, or with a sum of them only. */
void oracle_save(const struct oracle_machine *machine, bool rows, struct kv_buffer *ret);

/* With the placed keys (base NULL), or on a base that has them. False: the bytes are no saved state of this cluster's oracle, or
 * of another base; a part of them is loaded. */
bool oracle_load(struct oracle_machine *machine, kv_slice bytes, const struct store_base *base);

#endif
