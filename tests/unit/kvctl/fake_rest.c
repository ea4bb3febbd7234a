/* SPDX-License-Identifier: Apache-2.0 */
/* fake_rest: what of the library the fake store has no state for. */
#include <stdlib.h>

#include "tests/unit/kvctl/fake_client.h"

/* ---- Watches: of what has been put in `fake`, and nothing more ---- */

struct kv_watch {
    uint32_t taken;
    kv_watch_position from;
};

kv_status kv_watch_open(kv_client *client, kv_bytes prefix, const kv_watch_position *positions,
                        uint32_t count, uint64_t timeout_ms, kv_watch **ret)
{
    (void)client;
    (void)prefix;
    (void)timeout_ms;
    *ret = calloc(1, sizeof(**ret));
    (*ret)->from = count > 0 ? positions[count - 1] : (kv_watch_position){1, 1024};
    return KV_OK;
}

bool kv_watch_next(kv_watch *watch, int timeout_ms, kv_change *ret)
{
    (void)timeout_ms;
    if (watch->taken == fake.change_count) {
        return false;
    }
    *ret = fake.changes[watch->taken++];
    watch->from = (kv_watch_position){ret->group, ret->index + 1};
    return true;
}

uint32_t kv_watch_positions(const kv_watch *watch, kv_watch_position *ret, uint32_t capacity)
{
    if (capacity > 0) {
        ret[0] = watch->from;
    }
    return 1;
}

void kv_watch_close(kv_watch **watch)
{
    free(*watch);
    *watch = NULL;
}

/* ---- Backups: a fake cluster makes none; tests/system/backup.sh has a real one ---- */

kv_status kv_backup_prepare(kv_client *client, uint64_t timeout_ms)
{
    (void)client;
    (void)timeout_ms;
    return KV_OK;
}

kv_status kv_backup_read(kv_client *client, uint64_t cut, uint32_t group, uint64_t offset,
                         uint64_t timeout_ms, kv_backup_piece *ret)
{
    (void)client;
    (void)cut;
    (void)group;
    (void)offset;
    (void)timeout_ms;
    (void)ret;
    return KV_REFUSED;
}

void kv_backup_drop(kv_client *client, uint64_t cut)
{
    (void)client;
    (void)cut;
}

/* ---- Locks: none can be had here ---- */

kv_status kv_lock(kv_client *client, const kv_bytes *keys, uint32_t count,
                  const kv_lock_options *options, kv_token *ret)
{
    (void)client;
    (void)keys;
    (void)count;
    (void)options;
    (void)ret;
    return KV_LOCKED;
}

kv_status kv_unlock(kv_client *client, kv_token token)
{
    (void)client;
    (void)token;
    return KV_LOCK_LOST;
}

kv_status kv_session_open(kv_client *client, uint32_t ttl_ms, kv_token *ret)
{
    (void)client, (void)ttl_ms, (void)ret;
    return KV_UNAVAILABLE;
}

kv_status kv_session_close(kv_client *client, kv_token session)
{
    (void)client, (void)session;
    return KV_SESSION_ENDED;
}

bool kv_lock_is_lost(const kv_client *client, kv_token token)
{
    (void)client;
    (void)token;
    return true;
}
