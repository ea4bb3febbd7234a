/* SPDX-License-Identifier: Apache-2.0 */
/* client_scan: one page of a scan from every partition, merged in key order.
 *
 * 1. Each partition is asked for the whole page: all rows wanted may live on one of them.
 * 2. A partition that stopped early (`more`) says nothing about keys behind its last row. So rows
 *    behind the smallest such last key, the horizon, are not given out: the next page, from there
 *    on, brings them.
 * 3. Only the first `limit` rows of the merge can be needed, so no more are kept.
 * 4. The parts are of different moments: a key that moved from one partition to another in between
 *    may be in both, and is given once; or in none. */
#include "client/core/client_internal.h"

#include <string.h>

struct client_scan {
    uint32_t limit;
    uint32_t left; /* parts without an answer */
    uint32_t part_count;
    uint32_t row_count;
    bool more;
    bool has_horizon;
    kv_slice horizon;
    struct wire_row *rows;                         /* limit; they point into answers */
    struct client_operation *parts[KV_GROUPS_MAX]; /* NULL: answered */
    struct kv_buffer answers[KV_GROUPS_MAX];
};

void client_scan_start(struct client *client, struct client_operation *operation)
{
    const struct wire_command *command =
        client_decode(client, kv_buffer_slice(&operation->command));
    if (client->parts + client->partitions > CLIENT_PARTS_MAX) {
        client_fail(client, operation, CLIENT_UNAVAILABLE, "too many scans are under way");
        return;
    }
    struct client_scan *scan = kv_alloc_zero(1, sizeof *scan);
    scan->limit = command->limit;
    scan->part_count = client->partitions;
    scan->left = client->partitions;
    scan->rows = kv_alloc_zero(scan->limit, sizeof *scan->rows);
    operation->scan = scan;
    client_set_state(operation, CLIENT_OPERATION_GATHERING);
    for (uint32_t i = 0; i < scan->part_count; i++) {
        struct client_operation *part = client_acquire(client, CLIENT_ROLE_PART);
        client->parts++;
        part->parent = operation;
        part->part = i;
        part->op = WIRE_OP_SCAN;
        part->read_only = true;
        part->stale_ok = operation->stale_ok;
        part->deadline = operation->deadline;
        kv_buffer_append(&part->command, operation->command.data, operation->command.size);
        scan->parts[i] = part;
        client_route_alone(part, (kv_group_id){(uint16_t)(1 + i)});
        operation->destinations.bits |= part->destinations.bits;
        client_start(client, part);
    }
}

void client_scan_drop(struct client *client, struct client_operation *operation)
{
    struct client_scan *scan = operation->scan;
    for (uint32_t i = 0; scan != NULL && i < scan->part_count; i++) {
        if (scan->parts[i] != NULL) {
            client_release(client, scan->parts[i]);
            scan->parts[i] = NULL;
        }
    }
}

void client_scan_free(struct client_operation *operation)
{
    struct client_scan *scan = operation->scan;
    if (scan == NULL) {
        return;
    }
    for (uint32_t i = 0; i < scan->part_count; i++) {
        kv_buffer_close(&scan->answers[i]);
    }
    kv_free(scan->rows);
    kv_free(scan);
    operation->scan = NULL;
}

/* A page: at most `limit` rows in key order, and some if more are said to follow. */
static bool client_is_page_sound(const struct wire_answer *answer, uint32_t limit)
{
    bool sound = answer->verdict == WIRE_VERDICT_OK && answer->row_count <= limit;
    sound = sound && (answer->row_count > 0 || !answer->more);
    for (uint32_t i = 1; sound && i < answer->row_count; i++) {
        sound = kv_slice_compare(answer->rows[i - 1].key, answer->rows[i].key) < 0;
    }
    return sound;
}

/* Which of two rows comes first, <0: row a of the merge, >0: row b of the page, 0: they have one key. */
static int client_scan_order(const struct client_scan *scan, uint32_t a,
                             const struct wire_answer *page, uint32_t b)
{
    if (b == page->row_count) {
        return -1;
    }
    return a == scan->row_count ? 1 : kv_slice_compare(scan->rows[a].key, page->rows[b].key);
}

static void client_scan_merge(struct client *client, struct client_scan *scan,
                              const struct wire_answer *page)
{
    uint32_t a = 0;
    uint32_t b = 0;
    uint32_t count = 0;
    while (count < scan->limit && (a < scan->row_count || b < page->row_count)) {
        const int order = client_scan_order(scan, a, page, b);
        client->merged[count++] = order <= 0 ? scan->rows[a] : page->rows[b];
        a += order <= 0;
        b += order >= 0;
    }
    scan->more = scan->more || page->more || a < scan->row_count || b < page->row_count;
    scan->row_count = count;
    memcpy(scan->rows, client->merged, count * sizeof *scan->rows);
    if (page->more) {
        const kv_slice last = page->rows[page->row_count - 1].key;
        if (!scan->has_horizon || kv_slice_compare(last, scan->horizon) < 0) {
            scan->has_horizon = true;
            scan->horizon = last;
        }
    }
}

static void client_scan_finish(struct client *client, struct client_operation *operation,
                               const struct wire_reply *reply)
{
    struct client_scan *scan = operation->scan;
    while (scan->has_horizon && scan->row_count > 0 &&
           kv_slice_compare(scan->rows[scan->row_count - 1].key, scan->horizon) > 0) {
        scan->row_count--;
    }
    wire_answer_begin(&client->answer, WIRE_VERDICT_OK);
    client->answer.more = scan->more;
    client->answer.row_count = scan->row_count;
    memcpy(client->answer.rows, scan->rows, scan->row_count * sizeof *scan->rows);
    const bool alone = scan->part_count == 1;
    operation->answered_by = (kv_group_id){alone ? 1 : 0};
    client_tell(client, operation, CLIENT_ANSWERED, alone ? reply : NULL, "");
    client_release(client, operation);
}

void client_scan_on_part(struct client *client, struct client_operation *part,
                         const struct wire_reply *reply)
{
    struct client_operation *operation = part->parent;
    struct client_scan *scan = operation->scan;
    struct kv_buffer *copy = &scan->answers[part->part];
    kv_buffer_append(copy, reply->body.data, reply->body.size);
    const enum status status = wire_answer_decode(kv_buffer_slice(copy), &client->answer);
    KV_ASSERT(status == STATUS_OK); /* the same bytes were decoded a moment ago */
    if (!client_is_page_sound(&client->answer, scan->limit)) {
        client_fail(client, operation, CLIENT_PROTOCOL, "an answer could not be understood");
        return;
    }
    client_scan_merge(client, scan, &client->answer);
    operation->sendings += part->sendings;
    scan->parts[part->part] = NULL;
    scan->left--;
    client_release(client, part);
    if (scan->left == 0) {
        client_scan_finish(client, operation, reply);
    }
}
