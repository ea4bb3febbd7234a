/* SPDX-License-Identifier: Apache-2.0 */
/* client_limits: how much a client has in flight, and how patient it is. */
#ifndef KV_CLIENT_CLIENT_LIMITS_H
#define KV_CLIENT_CLIENT_LIMITS_H

#include "multicast/base/limits.h"

/* Bytes by which naming the owners makes a body larger, at most, beside one for each key. */
#define CLIENT_PLACEMENT_BYTES_MAX 16

/* Endpoints to begin with; more are learnt from the cluster. */
#define CLIENT_ENDPOINTS_MAX 16

/* A slot is a connection: first those of the endpoints, then one per node id. */
#define CLIENT_SLOTS_MAX (CLIENT_ENDPOINTS_MAX + KV_NODES_MAX)

/* Operations in flight: what one session may have unanswered. */
#define CLIENT_OUTSTANDING_MAX KV_SESSION_OUTSTANDING_MAX

/* KEEPALIVEs that are taken beyond outstanding_max: locks must not be lost because everything in flight waits for others. */
#define CLIENT_RENEWALS_MAX 64

/* Those in doubt that are still being resent; beyond it the newest is dropped and the session left. */
#define CLIENT_ABANDONED_MAX KV_SESSION_OUTSTANDING_MAX

/* How long one in doubt is resent before its session is left: covers an election and a restart of a node. */
#define CLIENT_ABANDONED_US (10 * 1000 * 1000)

/* Answers STALE and PINNED to one operation before the oracle is asked to run it [placement C1]. */
#define CLIENT_NOES_MAX 3

/* How long the oracle's word on how full partitions are is good: long enough that a burst of creates asks once, short enough
 * that the creates of others are seen before they matter. */
#define CLIENT_LOADS_US (1000 * 1000)

/* Time until an unanswered sending is repeated: first, and at most. Longer than a sync and an
 * election step. */
#define CLIENT_TIMEOUT_US     (200 * 1000)
#define CLIENT_TIMEOUT_US_MAX (2 * 1000 * 1000)

/* Pause before asking again who leads, and before the next attempt after PINNED: first, and at most. */
#define CLIENT_PAUSE_US     (10 * 1000)
#define CLIENT_PAUSE_US_MAX (200 * 1000)

/* Pause after BUSY: first, and at most. */
#define CLIENT_BUSY_US     (5 * 1000)
#define CLIENT_BUSY_US_MAX (500 * 1000)

/* How long a node that does not answer is skipped: two of the longest reconnection pauses of net. */
#define CLIENT_SILENT_US (1000 * 1000)

/* Time to answer a HELLO before the next endpoint is asked, and at most; and the least time between
 * two of them once the map is known. */
#define CLIENT_HELLO_US     (200 * 1000)
#define CLIENT_HELLO_US_MAX (2 * 1000 * 1000)
#define CLIENT_REFRESH_US   (1000 * 1000)

/* Age at which a session is exchanged for a new one, so that the groups' session floors move. */
#define CLIENT_SESSION_AGE_US (UINT64_C(86400) * 1000 * 1000)

/* How long an operation may keep others waiting that have no room behind it in the window: when its groups are well, nothing but
 * the locks of others delays one for so long. Among those that wait are the renewals of our own locks. */
#define CLIENT_PINNED_US (1000 * 1000)

/* Time that the end of a session is given to be heard. */
#define CLIENT_CLOSE_US (1000 * 1000)

#endif
