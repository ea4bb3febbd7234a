/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_leases: locks and sessions as the oracle knows them, and ordered time. [docs/protocol/locks.md, T1-T9, K1, K2] */
#ifndef KV_ORACLE_ORACLE_LEASES_H
#define KV_ORACLE_ORACLE_LEASES_H

#include <sys/queue.h>

#include "multicast/base/hash_table.h"
#include "partition/engine/machine.h"
#include "partition/engine/state_bytes.h"

struct oracle_machine;

/* A holder or waiter as text. */
#define ORACLE_LEASE_TEXT_BYTES 128

/* As the bytes of a hash key: without padding. */
struct oracle_session_key {
    uint64_t clock;
    uint64_t group;
};

/* Locks and sessions that there are, those that wait included: each TICK looks at each of them. Beyond it LOCK and SESSION_BEGIN are BUSY. */
#define ORACLE_LEASES_MAX 65536

/* REVOKEs under way at once, and SESSION_ENDs: if many leases end in one TICK, the others wait for these. Each for its own kind: a
 * SESSION_END may wait for a command that waits for a lock. */
#define ORACLE_ENDS_MAX 256

/* A lock or a session, as the oracle knows it: what a client renews, and what ends when it does not. [locks.md]
 *
 *   WAITING -> HELD -> ENDING -> SENT -> gone    [oracle_leases.c: granted everywhere; its time is over; dispatched; revoked]
 *                 <----------------'              renewed before that */
struct oracle_lease {
    struct oracle_session_key key; /* the token */
    kv_session_id session;         /* whose client asked */
    bool held;                     /* else it waits: only to be shown, no part of the state */
    bool unlocked;                 /* its end was asked for: no renewal counts any more */
    uint64_t renewals;
    uint64_t since; /* ordered time, as this member has executed it: of the last change of `held` */
    uint64_t left;  /* us that it lasts; as this member has executed it, so no part of the state */
    kv_timestamp armed;     /* TICKs that began to measure before this was delivered do not count */
    bool locks;             /* else it is a session's */
    bool ending;            /* it is in `ending`, or, with a number, in `sent` */
    uint64_t number;        /* of the REVOKE or SESSION_END */
    struct kv_buffer asked; /* the LOCK, with owners, or the SESSION_BEGIN */
    struct kv_buffer body;  /* of the REVOKE or SESSION_END */
    TAILQ_ENTRY(oracle_lease) link;
    UT_hash_handle hh;
};
TAILQ_HEAD(oracle_lease_list, oracle_lease);

struct oracle_leases {
    struct oracle_lease *by_token; /* uthash */
    struct oracle_lease_list ending[2],
        sent; /* of sessions, and of locks; `sent` by ascending number */
    uint32_t held, sent_count[2];
    uint64_t now;                           /* ordered time, us: all TICKs together */
    kv_timestamp seen;                      /* the largest timestamp that was opened here */
    uint64_t digest;                        /* sum of hashes over those that are held */
    struct kv_buffer tick;                  /* the body of the last one that was handed on */
    uint8_t variable[KV_KEY_BYTES_MAX + 1]; /* of the token that is open: longer than any key */
    char (*texts)[ORACLE_LEASE_TEXT_BYTES]; /* of the rows of an answer; NULL: none was asked for */
};

void oracle_leases_init(struct oracle_leases *leases);
void oracle_leases_clear(struct oracle_leases *leases);
void oracle_leases_close(struct oracle_leases *leases);

/* Whether there is no room for what the command that is open begins. */
bool oracle_lease_is_full(const struct oracle_machine *machine);

/* The variable that commands about one token share, so that they have their turns in the order of their deliveries. */
void oracle_lease_footprint(struct oracle_machine *machine, struct machine_footprint *ret);

/* The EXEC that is open, under a token: as it is sent to the owners that the lock's keys have for as long as it is held. False: it is not
 * held, or not of these keys, or the command would concern a place. The command that is open is another one then. */
bool oracle_lease_address(struct oracle_machine *machine, struct kv_buffer *ret);

enum wire_verdict oracle_lease_vote(struct oracle_machine *machine);

/* LOCK, REVOKE, SESSION_BEGIN or SESSION_END has executed with this verdict. */
void oracle_lease_execute(struct oracle_machine *machine, enum wire_verdict verdict);

/* UNLOCK, KEEPALIVE or TICK. */
void oracle_lease_alone(struct oracle_machine *machine, struct wire_answer *ret);

/* Leases whose end is wanted get the numbers of their messages, as far as there is room. */
void oracle_leases_send(struct oracle_machine *machine);

/* The REVOKE or SESSION_END with the lowest number between the two. */
bool oracle_lease_next(struct oracle_machine *machine, uint64_t after, uint64_t before,
                       struct machine_dispatch *ret);
bool oracle_lease_tick(struct oracle_machine *machine, uint64_t us, kv_timestamp since,
                       struct machine_dispatch *ret);

/* LOCKS, or SESSIONS: behind them the clients that are registered. */
void oracle_lease_read(struct oracle_machine *machine, struct wire_answer *ret);
void oracle_leases_save(const struct oracle_leases *leases, struct kv_buffer *ret);
bool oracle_leases_load(struct oracle_machine *machine, struct state_reader *reader);

#endif
