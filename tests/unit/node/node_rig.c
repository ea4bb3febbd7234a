/* SPDX-License-Identifier: Apache-2.0 */
/* node_rig: see the header. */
#include "tests/unit/node/node_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

void node_rig_open(struct node_rig *rig, uint32_t partitions, struct node_settings settings)
{
    struct node_error error = {{0}};
    strcpy(rig->directory, "/tmp/kv-node-XXXXXX");
    KV_ASSERT(mkdtemp(rig->directory) != NULL);
    node_config_single(&rig->config, "tcp://127.0.0.1:*", partitions);
    rig->stop_fd = eventfd(0, EFD_CLOEXEC);
    settings.config = &rig->config;
    settings.self = (kv_node_id){1};
    settings.directory = rig->directory;
    settings.unsafe_no_sync = true;
    settings.stop_fd = rig->stop_fd;
    settings.segment_bytes = 1024 * 1024;
    const enum status status = node_open(&settings, &rig->node, &error);
    KV_ASSERT(status == STATUS_OK);
}

void node_rig_stop(struct node_rig *rig)
{
    const uint64_t one = 1;
    const ssize_t written = write(rig->stop_fd, &one, sizeof one);
    KV_ASSERT(written == sizeof one);
}

void node_rig_close(struct node_rig *rig)
{
    char command[64];
    node_close(&rig->node);
    close(rig->stop_fd);
    snprintf(command, sizeof command, "rm -rf %s", rig->directory);
    const int failed = system(command);
    KV_ASSERT(failed == 0);
}

/* ---- An application that does nothing ---- */

static enum node_admission admit(void *state, const struct wire_request *request,
                                 struct node_answer *ret)
{
    (void)state, (void)request, (void)ret;
    return NODE_MALFORMED;
}

static void deliver(void *state, const struct node_port *port, struct wire_entry *entry,
                    kv_timestamp timestamp, uint64_t position)
{
    (void)state, (void)port, (void)entry, (void)timestamp, (void)position;
}

static void read_none(void *state, const struct node_port *port, uint64_t token, kv_slice body)
{
    (void)state, (void)body;
    node_port_refuse_read(port, token);
}

static bool stale_read(void *state, kv_slice body, struct node_read_answer *ret)
{
    (void)state, (void)body, (void)ret;
    return false;
}

static struct node_application_status status_of(const void *state)
{
    (void)state;
    return (struct node_application_status){0};
}

struct node_application_ops node_rig_ops(void)
{
    return (struct node_application_ops){.admit = admit,
                                         .deliver = deliver,
                                         .read = read_none,
                                         .stale_read = stale_read,
                                         .status = status_of,
                                         .destroy = kv_free};
}
