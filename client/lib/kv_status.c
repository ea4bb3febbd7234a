/* SPDX-License-Identifier: Apache-2.0 */
/* kv_status: names and texts of statuses from their table, and the counters of a client as JSON. */
#include <stdio.h>

#include "client/lib/kv_internal.h"

const char *kv_status_name(kv_status status)
{
    switch (status) {
#define X(name, code, text)                                                                        \
    case KV_##name:                                                                                \
        return #name;
        KV_STATUS_MAP(X)
#undef X
    }
    return "UNKNOWN";
}

const char *kv_status_text(kv_status status)
{
    switch (status) {
#define X(name, code, text)                                                                        \
    case KV_##name:                                                                                \
        return text;
        KV_STATUS_MAP(X)
#undef X
    }
    return "not a status";
}

bool kv_status_in_doubt(kv_status status)
{
    return status == KV_IN_DOUBT || status == KV_PROTOCOL;
}

const char *kv_client_stats_json(kv_client *client)
{
    const struct client_counters counters = client_counters(client->core);
    size_t used = 0;
#define X(name, meaning)                                                                           \
    used += (size_t)snprintf(client->stats + used, sizeof client->stats - used, "%s\"%s\":%llu",   \
                             used == 0 ? "{" : ",", #name, (unsigned long long)counters.name);     \
    KV_ASSERT(used < sizeof client->stats);
    CLIENT_COUNTER_MAP(X)
#undef X
    used += (size_t)snprintf(client->stats + used, sizeof client->stats - used,
                             ",\"frames_in\":%llu,\"frames_out\":%llu,\"frames_dropped\":%llu}",
                             (unsigned long long)client->frames_in,
                             (unsigned long long)client->frames_out,
                             (unsigned long long)client->frames_dropped);
    KV_ASSERT(used < sizeof client->stats);
    return client->stats;
}
