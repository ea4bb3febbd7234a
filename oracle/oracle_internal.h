/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_internal: what the files of the oracle machine share: oracle_machine.c (operations),
 * oracle_sessions.c (the registry), oracle_save.c (bytes). */
#ifndef KV_ORACLE_ORACLE_INTERNAL_H
#define KV_ORACLE_ORACLE_INTERNAL_H

#define uthash_malloc(size)            kv_alloc(size)
#define uthash_free(memory, size)      kv_free(memory)
#define uthash_fatal(message)          KV_UNREACHABLE()
#define HASH_FUNCTION(key, size, hash) ((hash) = (unsigned)oracle_hash((key), (size)))

#include "multicast/base/assert.h"
#include "oracle/oracle_machine.h"

/* XXH3-64, for the tables and the digest. */
uint64_t oracle_hash(const void *data, size_t size);

#include <uthash.h>

/* The only bucket map there is: bucket b lives in partition 1 + b % partitions. */
#define ORACLE_MAP_VERSION 1

/* As the bytes of a hash key: without padding. */
struct oracle_session_key {
    uint64_t clock;
    uint64_t group;
};

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

struct oracle_machine {
    uint32_t partitions;
    struct oracle_sessions sessions;
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

/* ---- oracle_save.c ---- */

void oracle_save(const struct oracle_machine *machine, struct kv_buffer *ret);

/* False: the bytes are no saved state of this cluster's oracle; a part of them is loaded. */
bool oracle_load(struct oracle_machine *machine, kv_slice bytes);

#endif
