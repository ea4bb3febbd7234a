/* SPDX-License-Identifier: Apache-2.0 */
/* application: engine and machine of a group behind the driver's vtable. */
#ifndef KV_KVD_APPLICATION_H
#define KV_KVD_APPLICATION_H

#include "multicast/node/node.h"

/* The application of a group: the oracle machine for group 0, a KV machine otherwise; context is the node_config. */
struct node_application application_new(kv_group_id group, void *context);

#endif
