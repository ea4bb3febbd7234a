/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the sources, and endpoints given as a list. Files are read in endpoints_file.c. */
#include "client/endpoints/endpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/endpoints/endpoints_internal.h"

#define SCHEME     "tcp://"
#define SCHEME_LEN (sizeof SCHEME - 1)

/* Bytes of "host:port": a DNS name has at most 253, a port 5. */
#define ENDPOINT_BYTES_MAX 260

/* 1..65535 in decimal, without sign or blanks. */
static bool is_port(const char *text, size_t size)
{
    uint32_t port = 0;

    if (size == 0 || size > 5) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

/* Letters, digits and what stands in host names and addresses; colons only inside of brackets. */
static bool is_host(const char *text, size_t size)
{
    bool bracketed = size > 2 && text[0] == '[' && text[size - 1] == ']';

    if (bracketed) {
        text++;
        size -= 2;
    }
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '-' || c == '_';

        if (!plain && !(bracketed && (c == ':' || c == '%'))) {
            return false;
        }
    }
    return size > 0;
}

/* Whether the list holds exactly these bytes between its commas. */
static bool has_endpoint(const struct kv_buffer *list, const char *text, size_t size)
{
    size_t at = 0;

    while (at < list->size) {
        const uint8_t *comma = memchr(list->data + at, ',', list->size - at);
        size_t end = comma == NULL ? list->size : (size_t)(comma - list->data);

        if (end - at == size && memcmp(list->data + at, text, size) == 0) {
            return true;
        }
        at = end + 1;
    }
    return false;
}

enum status endpoints_add(struct endpoints_builder *builder, const char *text, size_t size,
                          const char **ret_why)
{
    const char *colon;

    *ret_why = NULL;
    if (size >= SCHEME_LEN && memcmp(text, SCHEME, SCHEME_LEN) == 0) {
        text += SCHEME_LEN;
        size -= SCHEME_LEN;
    }
    colon = memrchr(text, ':', size);
    if (size == 0) {
        *ret_why = "is empty";
    } else if (size > ENDPOINT_BYTES_MAX) {
        *ret_why = "is too long";
    } else if (colon == NULL) {
        *ret_why = "has no port: write host:port";
    } else if (!is_port(colon + 1, (size_t)(text + size - colon - 1))) {
        *ret_why = "has no port between 1 and 65535";
    } else if (!is_host(text, (size_t)(colon - text))) {
        *ret_why = "has no valid host (an IPv6 address stands in brackets)";
    } else if (has_endpoint(&builder->text, text, size)) {
        *ret_why = "is there twice";
    } else if (builder->count == KV_ENDPOINTS_MAX) {
        *ret_why = "is one too many: 16 are enough, the others are learnt from them";
    }
    if (*ret_why != NULL) {
        return STATUS_INVALID;
    }
    if (builder->count > 0) {
        kv_buffer_append(&builder->text, ",", 1);
    }
    kv_buffer_append(&builder->text, text, size);
    builder->count++;
    return STATUS_OK;
}

_Static_assert(KV_ENDPOINTS_MAX == 16, "a text above names the number");

void endpoints_finish(struct endpoints_builder *builder, struct kv_endpoints *ret)
{
    kv_buffer_append(&builder->text, "", 1);
    ret->list = (char *)builder->text.data;
    ret->count = builder->count;
    *builder = (struct endpoints_builder){0};
}

enum status kv_endpoints_from_list(const char *list, const char *origin, struct kv_endpoints *ret,
                                   struct kv_endpoints_error *error)
{
    struct endpoints_builder builder = {0};
    const char *at = list;

    for (;;) {
        size_t size = strcspn(at, ",");
        const char *why;

        if (endpoints_add(&builder, at, size, &why) != STATUS_OK) {
            snprintf(error->text, sizeof error->text, "%s: endpoint %u \"%.*s\" %s", origin,
                     builder.count + 1, (int)(size > 100 ? 100 : size), at, why);
            kv_buffer_close(&builder.text);
            return STATUS_INVALID;
        }
        if (at[size] == '\0') {
            break;
        }
        at += size + 1;
    }
    *ret = (struct kv_endpoints){0};
    endpoints_finish(&builder, ret);
    return STATUS_OK;
}

enum status kv_endpoints_find(const struct kv_endpoints_options *options, struct kv_endpoints *ret,
                              struct kv_endpoints_error *error)
{
    const char *list = getenv("KV_ENDPOINTS");
    const char *path = getenv("KV_CLUSTER");

    if (options->list != NULL) {
        return kv_endpoints_from_list(options->list, "--endpoints", ret, error);
    }
    if (options->path != NULL) {
        return kv_endpoints_from_file(options->path, ret, error);
    }
    /* A variable that is set to nothing counts as not set, as everywhere in a shell. */
    if (list != NULL && list[0] != '\0') {
        return kv_endpoints_from_list(list, "KV_ENDPOINTS", ret, error);
    }
    if (path != NULL && path[0] != '\0') {
        return kv_endpoints_from_file(path, ret, error);
    }
    if (access(KV_ENDPOINTS_DEFAULT_PATH "/cluster.yaml", F_OK) == 0) {
        return kv_endpoints_from_file(KV_ENDPOINTS_DEFAULT_PATH, ret, error);
    }
    snprintf(error->text, sizeof error->text,
             "no cluster is given: use --endpoints HOST:PORT,... or --cluster PATH, set "
             "KV_ENDPOINTS or KV_CLUSTER, or start one here with: kvctl cluster start");
    return STATUS_NOT_FOUND;
}

void kv_endpoints_close(struct kv_endpoints *endpoints)
{
    kv_free(endpoints->list);
    kv_free(endpoints->cluster);
    kv_free(endpoints->file);
    *endpoints = (struct kv_endpoints){0};
}
