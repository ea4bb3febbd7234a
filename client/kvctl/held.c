/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kvctl/held.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/kvctl/request.h"
#include "client/kvctl/target.h"

/* How often it is looked whether the command has ended; short, since others wait. */
#define CHILD_LOOK_MS 20

/* What a shell says of a command that cannot be run. */
#define EXIT_NOT_RUN 127
#define EXIT_SIGNAL  128

void kvctl_token_text(kv_token token, char text[KVCTL_TOKEN_BYTES_MAX])
{
    snprintf(text, KVCTL_TOKEN_BYTES_MAX, "%" PRIu64 ".%u", token.clock,
             (unsigned)token.group % 1000);
}

int kvctl_run_held(const struct kvctl_options *options, kv_client *client, const char *name,
                   const char *variable, kv_token token, const char *const *words)
{
    char text[KVCTL_TOKEN_BYTES_MAX];
    kvctl_token_text(token, text);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        setenv(variable, text, 1);
        execvp(words[0], (char *const *)words);
        fprintf(stderr, "kvctl: %s: %s\n", words[0], strerror(errno));
        _exit(EXIT_NOT_RUN);
    }
    int status = 0;
    bool told = false;
    while (child > 0 && waitpid(child, &status, WNOHANG) == 0) {
        (void)kv_client_run(client, CHILD_LOOK_MS);
        if (!told && kv_lock_is_lost(client, token)) {
            told = true;
            kvctl_note(options, "%s: lost; what is done with its token has no effect any more",
                       name);
        }
    }
    if (child < 0) {
        kvctl_note(options, "%s: no process could be made: %s", name, strerror(errno));
        return EXIT_NOT_RUN;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SIGNAL + WTERMSIG(status);
}

void kvctl_print_rows(const struct kvctl_options *options, struct kvctl_table *table, json_t *list)
{
    if (options->output == KVCTL_OUTPUT_JSON) {
        kvctl_table_clear(table);
        kvctl_print_json(stdout, list);
    } else {
        kvctl_table_print(table, stdout);
        json_decref(list);
    }
}

enum kvctl_exit kvctl_ask(const struct kvctl_options *options, const kv_op *op, const char *name,
                          void (*print)(const struct kvctl_options *options,
                                        const kv_result *result))
{
    kv_client *client = NULL;
    kv_result *result = NULL;
    enum kvctl_exit code = kvctl_connect_any(options, &client);
    if (code == KVCTL_EXIT_OK) {
        const kv_status status = kvctl_execute(&client, op, &result);
        if (status == KV_OK) {
            print(options, result);
            code = kvctl_flush(options, KVCTL_EXIT_OK);
        } else {
            code = kvctl_fail_status(options, client, status, name);
        }
    }
    kv_result_free(result);
    kv_client_close(&client);
    return code;
}
