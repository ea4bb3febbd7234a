/* SPDX-License-Identifier: Apache-2.0 */
/* capture: descriptors 0..2 become temporary files for the time of one run. */
#include "tests/unit/kvctl/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/kvctl/command.h"

static char *content_of(FILE *file, size_t *ret_size)
{
    fseek(file, 0, SEEK_END);
    const size_t size = (size_t)ftell(file);
    char *text = kv_alloc(size + 1);
    rewind(file);
    *ret_size = fread(text, 1, size, file);
    text[*ret_size] = '\0';
    fclose(file);
    return text;
}

struct captured captured_run(const char *input, size_t input_size, const char *const *words)
{
    static struct captured captured;
    FILE *files[3] = {tmpfile(), tmpfile(), tmpfile()};
    int saved[3];
    int count = 0;
    size_t err_size;
    kv_free(captured.out);
    kv_free(captured.err);
    while (words[count] != NULL) {
        count++;
    }
    fwrite(input, 1, input_size, files[0]);
    rewind(files[0]);
    fflush(NULL);
    for (int i = 0; i < 3; i++) {
        saved[i] = dup(i);
        dup2(fileno(files[i]), i);
    }
    captured.code = (int)kvctl_main(count, (char *const *)(uintptr_t)words);
    fflush(NULL);
    for (int i = 0; i < 3; i++) {
        dup2(saved[i], i);
        close(saved[i]);
    }
    fclose(files[0]);
    captured.out = content_of(files[1], &captured.out_size);
    captured.err = content_of(files[2], &err_size);
    return captured;
}

json_t *json_line(const char *text, unsigned n)
{
    static json_t *json;
    json_error_t error;
    for (; n > 0 && text != NULL; n--) {
        text = strchr(text, '\n');
        text = text == NULL ? NULL : text + 1;
    }
    assert_non_null(text);
    json_decref(json);
    json = json_loadb(text, strcspn(text, "\n"), JSON_ALLOW_NUL, &error);
    if (json == NULL) {
        fail_msg("not a JSON line: %s", text);
    }
    return json;
}
