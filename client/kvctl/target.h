/* SPDX-License-Identifier: Apache-2.0 */
/* target: which cluster a command speaks to, and a client for it.
 *
 * endpoints.h says where to look. With a file the name of the cluster is known, and any other
 * cluster is refused. */
#ifndef KVCTL_TARGET_H
#define KVCTL_TARGET_H

#include "client/endpoints/endpoints.h"
#include "client/kvctl/report.h"
#include "multicast/node/node_config.h"

#define KVCTL_FILE_NAME "cluster.yaml"

/* Default deadline of an operation. */
#define KVCTL_TIMEOUT_MS_DEFAULT 5000

struct kvctl_target {
    struct kv_endpoints endpoints;
    struct node_config *config; /* NULL if only endpoints are known */
};

/* Find it. A failure has been reported. Close it in any case. */
enum kvctl_exit kvctl_target_find(const struct kvctl_options *options, struct kvctl_target *target);

/* The same for a cluster file or the directory of one. */
enum kvctl_exit kvctl_target_of_path(const struct kvctl_options *options, const char *path,
                                     struct kvctl_target *target);
void kvctl_target_close(struct kvctl_target *target);

/* Open a client. A failure has been reported. */
enum kvctl_exit kvctl_connect(const struct kvctl_options *options,
                              const struct kvctl_target *target, kv_client **ret);

/* Both in one, for commands that do not need the target any more. */
enum kvctl_exit kvctl_connect_any(const struct kvctl_options *options, kv_client **ret);

/* Submit and wait, like kv_execute, but end when the user interrupts: the client is then closed
 * and NULL, and the status tells whether the operation is in doubt. *ret_result may be NULL;
 * free it. */
kv_status kvctl_execute(kv_client **client, const kv_op *op, kv_result **ret_result);

/* Report a status of the library other than KV_OK. what is the command and its key. */
enum kvctl_exit kvctl_fail_status(const struct kvctl_options *options, const kv_client *client,
                                  kv_status status, const char *what);

static inline uint64_t kvctl_timeout_ms(const struct kvctl_options *options, uint64_t otherwise)
{
    return options->timeout_ms == 0 ? otherwise : options->timeout_ms;
}

/* Wait up to ms, or until interrupted. */
void kvctl_pause(uint64_t ms);

#endif
