/* SPDX-License-Identifier: Apache-2.0 */
/* capture: runs kvctl in this process with stdin, stdout and stderr of its own. */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <jansson.h>
#include <stddef.h>

struct captured {
    int code;
    size_t out_size;
    char *out, *err; /* NUL-terminated; freed by the next run */
};

/* Run "kvctl" with the words up to NULL; input is what stdin has. */
struct captured captured_run(const char *input, size_t input_size, const char *const *words);

/* run("get", "a") with nothing on stdin. */
#define run(...) captured_run("", 0, (const char *const[]){"kvctl", __VA_ARGS__, NULL})
#define run_with(input, ...)                                                                       \
    captured_run(input, strlen(input), (const char *const[]){"kvctl", __VA_ARGS__, NULL})

/* The n-th line (from 0) of a text as JSON; fails the test if it is not. Valid until the next
 * call. */
json_t *json_line(const char *text, unsigned n);

#endif
