/* SPDX-License-Identifier: Apache-2.0 */
/* help: help texts, completion and version, made from the tables of commands, options and exit
 * codes. */
#include <stdio.h>
#include <string.h>

#include "client/kvctl/command.h"
#include "client/kvctl/report.h"
#include "multicast/base/limits.h"

/* Where the program's version comes from: the build gives it. */
#ifndef KVCTL_VERSION
#define KVCTL_VERSION "0"
#endif

#define LINE_WIDTH 96

/* Paragraphs are broken at LINE_WIDTH; lines that begin with a space are examples and stay. */
static void print_text(const char *text, FILE *file)
{
    while (*text != '\0') {
        const char *end = strchr(text, '\n');
        size_t size = end == NULL ? strlen(text) : (size_t)(end - text);
        const char *next = end == NULL ? text + size : end + 1;
        while (text[0] != ' ' && size > LINE_WIDTH) {
            size_t cut = LINE_WIDTH;
            while (cut > 0 && text[cut] != ' ') {
                cut--;
            }
            fprintf(file, "%.*s\n", (int)cut, text);
            text += cut + 1;
            size -= cut + 1;
        }
        fprintf(file, "%.*s\n", (int)size, text);
        text = next;
    }
}

static void print_options(uint64_t options, FILE *file)
{
    struct kvctl_table table = {.columns = 2};
    for (int i = 0; i < KVCTL_OPTIONS; i++) {
        const struct kvctl_option_text *text = kvctl_option_text((enum kvctl_option)i);
        if ((options & UINT64_C(1) << i) == 0) {
            continue;
        }
        char letter[8] = "    ";
        if (text->letter != 0) {
            snprintf(letter, sizeof(letter), "-%c, ", text->letter);
        }
        kvctl_table_add(&table, "  %s--%s%s%s", letter, text->name,
                        text->argument == NULL ? "" : " ",
                        text->argument == NULL ? "" : text->argument);
        kvctl_table_add(&table, "%s", text->help);
    }
    kvctl_table_print(&table, file);
}

static void print_exit_codes(FILE *file)
{
    fprintf(file, "Exit codes:\n");
#define X(name, code, text) fprintf(file, "  %3d  %s\n", code, text);
    KVCTL_EXIT_MAP(X)
#undef X
}

void kvctl_help_all(FILE *file)
{
    uint32_t count;
    const struct kvctl_command *commands = kvctl_commands(&count);
    struct kvctl_table table = {.columns = 2};
    fprintf(file, "kvctl - the command line of the key-value store\n\n"
                  "usage: kvctl COMMAND [ARGUMENT...] [OPTION...]\n\nCommands:\n");
    uint64_t options = KVCTL_OPTIONS_ALL | KVCTL_BIT(VERSION);
    for (uint32_t i = 0; i < count; i++) {
        kvctl_table_add(&table, "  %s %s", commands[i].name, commands[i].arguments);
        kvctl_table_add(&table, "%s", commands[i].summary);
        options |= commands[i].options;
    }
    kvctl_table_print(&table, file);
    fprintf(file, "\nOptions (each command knows some of them, see 'kvctl help COMMAND'):\n");
    print_options(options, file);
    fprintf(file,
            "\nResults go to stdout, everything else to stderr. With -o json both are JSON.\n"
            "The cluster is the first given of --endpoints, --cluster, $KV_ENDPOINTS, $KV_CLUSTER\n"
            "and ./kv-cluster.\n\n");
    print_exit_codes(file);
}

void kvctl_help_command(const struct kvctl_command *command, FILE *file)
{
    fprintf(file, "kvctl %s - %s\n\n", command->name, command->summary);
    fprintf(file, "usage: kvctl %s%s%s [OPTION...]\n", command->name,
            command->arguments[0] == '\0' ? "" : " ", command->arguments);
    if (command->text[0] != '\0') {
        fprintf(file, "%s", command->text[0] == '\n' ? "" : "\n");
        print_text(command->text, file);
    }
    fprintf(file, "\nOptions:\n");
    print_options(command->options | KVCTL_OPTIONS_ALL, file);
    fputc('\n', file);
    print_exit_codes(file);
}

/* The words that can follow a word of a two-word command. */
static void print_seconds(const char *first, FILE *file)
{
    uint32_t count;
    const struct kvctl_command *commands = kvctl_commands(&count);
    const size_t size = strlen(first);
    for (uint32_t i = 0; i < count; i++) {
        if (strncmp(commands[i].name, first, size) == 0 && commands[i].name[size] == ' ') {
            fprintf(file, " %s", commands[i].name + size + 1);
        }
    }
}

void kvctl_completion_bash(FILE *file)
{
    uint32_t count;
    const struct kvctl_command *commands = kvctl_commands(&count);
    fprintf(file,
            "# bash completion for kvctl; use: source <(kvctl completion bash)\n"
            "_kvctl() {\n"
            "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} list\n"
            "    case $before in\n"
            "    --encoding) list='utf8 hex base64 escape' ;;\n"
            "    -o|--output) list='plain json table' ;;\n"
            "    --policy) list='exchange move borrow' ;;\n"
            "    --cluster|--dir|--kvd|txn) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n");
    fprintf(file, "    cluster) list='");
    print_seconds("cluster", file);
    fprintf(file, "' ;;\n    leader) list='");
    print_seconds("leader", file);
    fprintf(file, "' ;;\n    partition) list='");
    print_seconds("partition", file);
    fprintf(file, "' ;;\n    session) list='");
    print_seconds("session", file);
    fprintf(file, "' ;;\n    completion) list='bash' ;;\n    *) list='");
    const char *last = "";
    for (uint32_t i = 0; i < count; i++) {
        const size_t size = strcspn(commands[i].name, " ");
        if (strncmp(commands[i].name, last, size) != 0 || last[size] != ' ') {
            fprintf(file, " %.*s", (int)size, commands[i].name);
        }
        last = commands[i].name;
    }
    fprintf(file, "' ;;\n    esac\n    [[ $word == -* ]] && list='");
    for (int i = 0; i < KVCTL_OPTIONS; i++) {
        fprintf(file, " --%s", kvctl_option_text((enum kvctl_option)i)->name);
    }
    fprintf(file, "'\n    COMPREPLY=($(compgen -W \"$list\" -- \"$word\"))\n}\n"
                  "complete -o default -F _kvctl kvctl\n");
}

enum kvctl_exit kvctl_run_version(const struct kvctl_command *command,
                                  const struct kvctl_options *options)
{
    (void)command;
    if (options->output == KVCTL_OUTPUT_JSON) {
        json_t *json = json_object();
        json_object_set_new(json, "version", json_string(KVCTL_VERSION));
        json_object_set_new(json, "api_version", json_integer(KV_API_VERSION));
        json_object_set_new(json, "json_schema", json_integer(KVCTL_JSON_SCHEMA));
        json_object_set_new(json, "key_bytes_max", json_integer(KV_KEY_BYTES_MAX));
        json_object_set_new(json, "value_bytes_max", json_integer(KV_VALUE_BYTES_MAX));
        json_object_set_new(json, "command_keys_max", json_integer(KV_COMMAND_KEYS_MAX));
        kvctl_print_json(stdout, json);
    } else {
        printf("kvctl %s\n", KVCTL_VERSION);
    }
    return kvctl_flush(options, KVCTL_EXIT_OK);
}

enum kvctl_exit kvctl_run_help(const struct kvctl_command *command,
                               const struct kvctl_options *options)
{
    const struct kvctl_arguments arguments = kvctl_arguments_of(command, options);
    if (arguments.count == 0) {
        kvctl_help_all(stdout);
        return kvctl_flush(options, KVCTL_EXIT_OK);
    }
    uint32_t count;
    const struct kvctl_command *commands = kvctl_commands(&count);
    const struct kvctl_command *found = kvctl_command_find(arguments.words, arguments.count);
    if (found != NULL) {
        kvctl_help_command(found, stdout);
        return kvctl_flush(options, KVCTL_EXIT_OK);
    }
    struct kvctl_table table = {.columns = 2}; /* 'kvctl help cluster' lists what can follow */
    const size_t size = strlen(arguments.words[0]);
    for (uint32_t i = 0; i < count && arguments.count == 1; i++) {
        if (strncmp(commands[i].name, arguments.words[0], size) == 0 &&
            commands[i].name[size] == ' ') {
            kvctl_table_add(&table, "kvctl %s %s", commands[i].name, commands[i].arguments);
            kvctl_table_add(&table, "%s", commands[i].summary);
        }
    }
    const bool family = table.cell_count > 0;
    kvctl_table_print(&table, stdout);
    return family ? kvctl_flush(options, KVCTL_EXIT_OK)
                  : kvctl_fail(options, KVCTL_EXIT_USAGE,
                               "there is no command '%s'; see 'kvctl help'", arguments.words[0]);
}

enum kvctl_exit kvctl_run_completion(const struct kvctl_command *command,
                                     const struct kvctl_options *options)
{
    const char *shell = kvctl_arguments_of(command, options).words[0];
    if (strcmp(shell, "bash") != 0) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE, "completion: only bash is known, not '%s'",
                          shell);
    }
    kvctl_completion_bash(stdout);
    return kvctl_flush(options, KVCTL_EXIT_OK);
}
