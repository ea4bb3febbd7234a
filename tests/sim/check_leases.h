/* SPDX-License-Identifier: Apache-2.0 */
/* check_leases: does anybody hold a lock for longer than its lease?
 *
 * We note when the oracle first executes a LOCK, its renewals and its UNLOCK, and when each group first executes the REVOKE: until then others
 * wait there. What its client does meanwhile, and whether it lives, makes no difference: behind the last renewal that the oracle has
 * executed a lock is over everywhere after its ttl and `slack_us`, behind an UNLOCK after `slack_us`. So a client that dies at any step of
 * taking, using, renewing or giving back a lock delays others by no more than that, and what it had on its way.
 *
 * Where there are faults, this holds for what there is when they have ended, from then on. */
#ifndef KV_SIM_CHECK_LEASES_H
#define KV_SIM_CHECK_LEASES_H

#include "multicast/order/order.h"
#include "multicast/wire/command.h"
#include "partition/engine/engine.h"
#include "tests/sim/sim_report.h"

/* When, on which clocks. */
struct check_leases_moment {
    uint64_t now;
    uint64_t quiet_from;    /* since when there have been no faults; later than now: there are */
    uint64_t slack_us;      /* what a lock may outlast its ttl by without faults */
    uint64_t rate_permille; /* how much slower than true a monotonic clock may be */
};

struct check_leases {
    struct check_leases_message {
        kv_timestamp timestamp; /* final, of the message */
        enum wire_op op;
        kv_timestamp token;    /* of the lock that it is about */
        kv_group_set answered; /* groups that have executed it */
        /* of a LOCK */
        uint64_t ttl_us;
        uint64_t since; /* of the grant, or of the last renewal; 0: it has not been granted */
        bool unlocked;  /* since then, and it has no ttl any more */
    } * messages;
    uint32_t count, capacity;
    struct wire_command command; /* scratch */
    struct wire_answer answer;
};

void check_leases_delivered(struct check_leases *check, const struct order_delivery *delivery);
void check_leases_answered(struct check_leases *check, kv_group_id group,
                           const struct engine_reply *reply,
                           const struct check_leases_moment *moment, struct sim_report *report);
void check_leases_close(struct check_leases *check);

#endif
