/* SPDX-License-Identifier: Apache-2.0 */
/* client_hello: the first program with libkv.
 *
 *   cc client_hello.c $(pkg-config --cflags --libs libkv) -o client_hello
 *   ./client_hello localhost:7400
 *
 * Puts a value, reads it back, counts with a counter, and shows what each kind of status means for a program. */
#include <stdio.h>
#include <string.h>

#include <kv.h>

static kv_bytes text(const char *words)
{
    return kv_bytes_of(words, strlen(words));
}

/* Print what a status means for the caller; 0 if the operation was answered. */
static int report(const kv_client *client, const char *what, kv_status status)
{
    if (status >= 0) { /* an answer: definitive, and exactly once */
        printf("%s: %s\n", what, kv_status_text(status));
        return 0;
    }
    if (kv_status_in_doubt(
            status)) { /* read the key, or use an operation that may safely be repeated */
        printf("%s: it may or may not have happened: %s\n", what, kv_client_error(client));
    } else { /* it has not happened and never will: just try again */
        printf("%s: it has not happened: %s\n", what, kv_client_error(client));
    }
    return 1;
}

int main(int argc, char **argv)
{
    kv_client *client = NULL;
    kv_result *result = NULL;
    int64_t sum = 0;
    int failed = 0;

    kv_status status = kv_client_open(argc > 1 ? argv[1] : "localhost:7400", NULL, &client);
    if (status != KV_OK) {
        printf("open: %s\n", kv_status_text(status));
        return 1;
    }

    failed |= report(client, "put", kv_put(client, text("greeting"), text("hello")));

    status = kv_get(client, text("greeting"), &result);
    failed |= report(client, "get", status);
    if (status == KV_OK) {
        const kv_bytes value = kv_result_value(result, 0);
        printf("greeting = %.*s\n", (int)value.size, (const char *)value.data);
    }
    kv_result_free(result); /* NULL is fine */

    status = kv_incr(client, text("visits"), 1, &sum);
    failed |= report(client, "incr", status);
    if (status == KV_OK) {
        printf("visits = %lld\n", (long long)sum);
    }

    kv_client_close(&client);
    return failed;
}
