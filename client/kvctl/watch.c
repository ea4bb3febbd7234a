/* SPDX-License-Identifier: Apache-2.0 */
/* watch: the changes of keys, a line for each, until interrupted. Where they begin, where to go on and what is missing is no change, and goes to
 * stderr; with -o json it is an object among the others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/kvctl/command.h"
#include "client/kvctl/request.h"
#include "client/kvctl/target.h"
#include "multicast/base/limits.h"

/* Between two looks at whether somebody wants it to end. */
#define WATCH_LOOK_MS 100

/* "1:10,2:20" as positions. False: it has another form. */
static bool parse_positions(const char *text, kv_watch_position *ret, uint32_t *ret_count)
{
    *ret_count = 0;
    while (*text != '\0') {
        char group[24], index[24];
        int size = 0;
        uint64_t numbers[2];
        if (*ret_count == KV_GROUPS_MAX ||
            sscanf(text, "%23[0-9]:%23[0-9]%n", group, index, &size) != 2 ||
            !kvctl_number_parse(group, KV_GROUPS_MAX - 1, &numbers[0]) || numbers[0] == 0 ||
            !kvctl_number_parse(index, UINT64_MAX, &numbers[1])) {
            return false;
        }
        ret[(*ret_count)++] = (kv_watch_position){(uint32_t)numbers[0], numbers[1]};
        text += size;
        if (*text == ',' && text[1] != '\0') {
            text++;
        } else if (*text != '\0') {
            return false;
        }
    }
    return *ret_count > 0;
}

static json_t *event_json(const char *event)
{
    json_t *json = json_object();
    json_object_set_new(json, "schema", json_integer(KVCTL_JSON_SCHEMA));
    json_object_set_new(json, "event", json_string(event));
    return json;
}

/* Where to go on, as --from takes it. */
static void tell_positions(const struct kvctl_options *options, const kv_watch *watch,
                           const char *event)
{
    kv_watch_position positions[KV_GROUPS_MAX];
    struct kv_buffer text = {0};
    const uint32_t count = kv_watch_positions(watch, positions, KV_GROUPS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        char position[64];
        const int size = snprintf(position, sizeof position, "%s%u:%llu", i == 0 ? "" : ",",
                                  positions[i].group, (unsigned long long)positions[i].index);
        kv_buffer_append(&text, position, (size_t)size);
    }
    kv_buffer_append(&text, "", 1);
    if (options->output == KVCTL_OUTPUT_JSON) {
        json_t *json = event_json(event);
        json_object_set_new(json, "positions", json_string((const char *)text.data));
        kvctl_print_json(stdout, json);
    } else {
        kvctl_note(options, "watch: %s; --from %s", event, (const char *)text.data);
    }
    kv_buffer_close(&text);
}

static void print_json(const struct kvctl_options *options, const kv_change *change)
{
    const bool gap = change->kind == KV_CHANGE_GAP;
    json_t *json = event_json(gap ? "gap" : change->kind == KV_CHANGE_PUT ? "put" : "deleted");
    json_object_set_new(json, "group", json_integer(change->group));
    json_object_set_new(json, "index", json_integer((json_int_t)change->index));
    if (gap) {
        json_object_set_new(json, "first", json_integer((json_int_t)change->first));
    } else {
        json_object_set_new(json, "key", kvctl_bytes_json(options->encoding, change->key));
        json_object_set_new(json, "version", json_integer((json_int_t)change->version));
        json_object_set_new(json, "version_group", json_integer(change->version_group));
    }
    if (change->kind == KV_CHANGE_PUT) {
        json_object_set_new(json, "value", kvctl_bytes_json(options->encoding, change->value));
    }
    kvctl_print_json(stdout, json);
}

static void print_change(const struct kvctl_options *options, const kv_change *change)
{
    if (options->output == KVCTL_OUTPUT_JSON) {
        print_json(options, change);
        return;
    }
    if (change->kind == KV_CHANGE_GAP) { /* also with -q: it is what a watcher must know */
        fprintf(stderr,
                "kvctl: watch: gap: group %u: changes from %llu to before %llu are not known any "
                "more\n",
                change->group, (unsigned long long)change->index,
                (unsigned long long)change->first);
        return;
    }
    printf("%u:%llu\t%s\t", change->group, (unsigned long long)change->index,
           change->kind == KV_CHANGE_PUT ? "put" : "deleted");
    kvctl_print_bytes(options, change->key);
    printf("\t%llu", (unsigned long long)change->version);
    if (change->kind == KV_CHANGE_PUT) {
        fputc('\t', stdout);
        kvctl_print_bytes(options, change->value);
    }
    fputc('\n', stdout);
}

/* Until there were enough, or none for long, or somebody wants it to end. */
static enum kvctl_exit follow(const struct kvctl_options *options, kv_watch *watch)
{
    uint64_t seen = 0, idle_since_us = kv_now_us();
    kv_change change;
    while (!kvctl_interrupted() && !ferror(stdout)) {
        if (!kv_watch_next(watch, /* timeout_ms */ 0, &change)) {
            (void)fflush(stdout);
            if (!kv_watch_next(watch, WATCH_LOOK_MS, &change)) {
                if (options->timeout_ms > 0 &&
                    kv_now_us() - idle_since_us >= options->timeout_ms * 1000) {
                    return kvctl_fail(options, KVCTL_EXIT_UNAVAILABLE,
                                      "watch: nothing has changed for %llu ms",
                                      (unsigned long long)options->timeout_ms);
                }
                continue;
            }
        }
        print_change(options, &change);
        idle_since_us = kv_now_us();
        seen += change.kind != KV_CHANGE_GAP;
        if (options->count > 0 && seen >= options->count) {
            return KVCTL_EXIT_OK;
        }
    }
    return kvctl_interrupted() ? KVCTL_EXIT_INTERRUPTED : KVCTL_EXIT_OK;
}

enum kvctl_exit kvctl_run_watch(const struct kvctl_command *command,
                                const struct kvctl_options *options)
{
    const struct kvctl_arguments arguments = kvctl_arguments_of(command, options);
    kv_watch_position positions[KV_GROUPS_MAX];
    uint32_t count = 0;
    struct kv_buffer prefix = {0};
    kv_client *client = NULL;
    kv_watch *watch = NULL;
    if (options->from != NULL && !parse_positions(options->from, positions, &count)) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE,
                          "watch: --from takes GROUP:INDEX,..., as in 1:2048,2:4096, not '%s'",
                          options->from);
    }
    const char *why = "";
    if (arguments.count > 0 &&
        !kvctl_decode(options->encoding,
                      kv_bytes_of(arguments.words[0], strlen(arguments.words[0])), &prefix, &why)) {
        kv_buffer_close(&prefix);
        return kvctl_fail(options, KVCTL_EXIT_USAGE, "watch: '%s' is not %s: %s",
                          arguments.words[0], kvctl_encoding_name(options->encoding), why);
    }
    kvctl_catch_signals();
    enum kvctl_exit code = kvctl_connect_any(options, &client);
    if (code == KVCTL_EXIT_OK) {
        const kv_status status =
            kv_watch_open(client, kv_bytes_of(prefix.data, prefix.size), positions, count,
                          kvctl_timeout_ms(options, KVCTL_TIMEOUT_MS_DEFAULT), &watch);
        if (status == KV_OK) {
            tell_positions(options, watch, "begins");
            code = follow(options, watch);
            tell_positions(options, watch, "ends");
        } else {
            code = kvctl_fail_status(options, client, status, "watch");
        }
    }
    kv_watch_close(&watch);
    kv_client_close(&client);
    kv_buffer_close(&prefix);
    return kvctl_flush(options, code);
}
