/* SPDX-License-Identifier: Apache-2.0 */
/* commands: the table of all commands, and kvctl_main, which finds, checks and runs one. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "client/kvctl/command.h"
#include "client/kvctl/report.h"
#include "client/kvctl/txn.h"
#include "multicast/base/limits.h"

#define CLIENT (KVCTL_BIT(ENDPOINTS) | KVCTL_BIT(CLUSTER) | KVCTL_BIT(TIMEOUT))
#define UNDER  (KVCTL_BIT(TOKEN) | KVCTL_BIT(NO_WAIT))
#define LIFE   (KVCTL_BIT(TTL) | KVCTL_BIT(SESSION))
#define WRITE  (CLIENT | KVCTL_BIT(ENCODING) | KVCTL_BIT(LITERAL) | UNDER | LIFE)
#define READ   (CLIENT | KVCTL_BIT(ENCODING) | KVCTL_BIT(STALE) | UNDER)
#define SPREAD (KVCTL_BIT(POLICY) | KVCTL_BIT(ON))
#define LOCAL  (KVCTL_BIT(DIR) | KVCTL_BIT(TIMEOUT))

/* Words of a command with many keys; the number of keys is checked where it is known what they are. */
#define MANY KVCTL_ARGUMENTS_MAX

#define POLICY_TEXT                                                                                \
    "Over several partitions, --policy says how: exchange (each does its part), move (the keys "   \
    "move to one partition first, and stay there: for keys that are used together again) or "      \
    "borrow (their values are lent to one partition). It changes what it costs, not what it "      \
    "does. --on is that one partition; default: where most of the keys are.\n"

#define X(code, word, operands, synopsis, text) "  " word " KEY" synopsis "\n      " text "\n"
#define TXN_TEXT                                "Guards:\n" KVCTL_GUARD_MAP(X) "\nSteps:\n" KVCTL_STEP_MAP(X)

/* name, arguments, least and most of them, options, detail, function, summary, text */
static const struct kvctl_command commands[] = {
    {"get", "KEY", 1, 1, READ | KVCTL_BIT(RAW), KV_OP_GET, kvctl_run_data,
     "print the value of a key",
     "Exit code 3 if there is none.\n"
     "\n"
     "  kvctl get user:1\n"
     "  kvctl get --raw picture > picture.png      the bytes only, without a line end\n"
     "  kvctl get -o json --encoding base64 user:1\n"},
    {"put", "KEY VALUE", 2, 2, WRITE, KV_OP_PUT, kvctl_run_data, "set a key to a value",
     "VALUE is taken as it is; '-' reads it from stdin, '@FILE' from a file, exactly, with the "
     "line end if there is one.\n"
     "\n"
     "  kvctl put user:1 Ada\n"
     "  kvctl put picture @picture.png\n"
     "  date | kvctl put now -\n"
     "  kvctl put --literal handle @ada            the value is '@ada'\n"
     "  kvctl put -- -key -value                   both begin with '-'\n"
     "  kvctl put --encoding hex 00ff 0a           key and value in hex\n"
     "  kvctl put code:7 3141 --ttl 5m             gone in five minutes\n"
     "  kvctl put node:7 here --session $KV_SESSION    gone with its session\n"},
    {"put-if-absent", "KEY VALUE", 2, 2, WRITE, KV_OP_PUT_IF_ABSENT, kvctl_run_data,
     "set a key that does not exist",
     "Exit code 4 if the key exists; the present value is told if it is small.\n"
     "\n"
     "  kvctl put-if-absent lock:7 me\n"},
    {"create", "KEY [VALUE]", 1, 2, WRITE | KVCTL_BIT(ON) | KVCTL_BIT(LEAST_LOADED), KV_OP_CREATE,
     kvctl_run_data, "make a key that does not exist, on a partition of your choice",
     "Without VALUE the value is empty; VALUE is as in 'kvctl put'. Without --on and "
     "--least-loaded "
     "the key lives at home, the partition that its hash names. Exit code 4 if the key exists.\n"
     "\n"
     "  kvctl create user:1 Ada --on 2\n"
     "  kvctl create user:2 Bob --least-loaded\n"},
    {"delete", "KEY...", 1, MANY, CLIENT | KVCTL_BIT(ENCODING) | UNDER, KV_OP_DELETE,
     kvctl_run_data, "remove keys",
     "Of several keys each is removed on its own. Exit code 3 if there is no such key; of several, "
     "stderr names those that were not there, and the others are gone.\n"
     "\n"
     "  kvctl delete user:1\n"
     "  kvctl delete user:1 user:2\n"},
    {"cas", "KEY EXPECT VALUE", 3, 3, WRITE, KV_OP_CAS, kvctl_run_data,
     "set a key to VALUE if its value is EXPECT",
     "Compare and set. Exit code 4 if the present value is another one (it is told if it is "
     "small), 3 if there is no such key.\n"
     "\n"
     "  kvctl cas state idle busy\n"},
    {"incr", "KEY [BY]", 1, 2, CLIENT | KVCTL_BIT(ENCODING) | UNDER | LIFE, KV_OP_INCR,
     kvctl_run_data, "add to a decimal 64-bit number, print the sum",
     "BY is 1 if it is left out and may be negative; an absent key counts as 0. Exit code 4 if the "
     "value is not a number, 8 if the "
     "sum does not fit.\n"
     "\n"
     "  kvctl incr visits\n"
     "  kvctl incr stock -3\n"},
    {"append", "KEY VALUE", 2, 2, WRITE, KV_OP_APPEND, kvctl_run_data,
     "append to the value of a key",
     "An absent key counts as empty.\n"
     "\n"
     "  kvctl append log 'one more line'\n"},
    {"mget", "KEY...", 1, MANY, READ | SPREAD, KV_OP_MGET, kvctl_run_data,
     "print several keys, as of one moment",
     "One line for each key that exists: key, tab, value. Exit code 3 if one does not exist; the "
     "others are printed all the same.\n" POLICY_TEXT "\n"
     "  kvctl mget user:1 user:1:mail\n"},
    {"mput", "KEY VALUE...", 2, MANY, WRITE | SPREAD, KV_OP_MPUT, kvctl_run_data,
     "set several keys at one moment",
     "All of them or none.\n" POLICY_TEXT "\n"
     "  kvctl mput a 1 b 2\n"
     "  kvctl mput a 1 b 2 --policy move --on 3\n"},
    {"txn", "[FILE|-]", 0, 1, CLIENT | KVCTL_BIT(ENCODING) | SPREAD | UNDER | LIFE, KV_OP_TXN,
     kvctl_run_txn, "run a transaction: if guards hold do these steps, else those",
     "Read from FILE or stdin as a whole first; all of it is done at one moment, or nothing. One "
     "guard or step per line; without 'if' there are only steps.\n"
     "\n"
     "  kvctl txn <<'END'\n"
     "  if\n"
     "    eq account:1 \"open\"                       # comment\n"
     "    at-least account:1:balance 5\n"
     "  then\n"
     "    incr account:1:balance -5\n"
     "    incr account:2:balance 5\n"
     "  else\n"
     "    get account:1:balance\n"
     "  END\n"
     "\n" TXN_TEXT "\n"
     "Words are separated by blanks; '...' is taken as it is, in \"...\" stand \\n \\r \\t \\\\ "
     "\\\" and \\xNN. Output: a line 'then' or 'else', then a line for each of its steps: the key, "
     "and behind a tab what get has found and incr has made.\n"
     "\n"
     "Exit code 0 if a branch was executed; 4 if the guards do not hold and there is no 'else', or "
     "if "
     "put-if-absent, cas or incr could not be done; 3 if cas found no key; 2, with the number of "
     "the "
     "line, if the text is not valid. With 2, 3 and 4 nothing was done.\n" POLICY_TEXT},
    {"scan", "[FROM [TO]]", 0, 2, READ | KVCTL_BIT(LIMIT) | KVCTL_BIT(PREFIX), KV_OP_SCAN,
     kvctl_run_data, "print keys and values in the order of the keys",
     "From FROM (inclusive) to TO (exclusive), over all partitions; each partition's part is "
     "linearizable by itself. One line for each "
     "key: key, tab, value. If there are more rows than --limit, stderr says how to go on.\n"
     "\n"
     "  kvctl scan\n"
     "  kvctl scan user:1 user:2 --limit 10\n"
     "  kvctl scan --prefix user: -o table\n"},
    {"watch", "[PREFIX]", 0, 1, CLIENT | KVCTL_BIT(ENCODING) | KVCTL_BIT(FROM) | KVCTL_BIT(COUNT),
     0, kvctl_run_watch, "print the changes of keys as they are made",
     "A line for each: GROUP:INDEX, 'put' or 'deleted', key, timestamp of the command, and of put "
     "the value, with tabs between; each change once, in the order in which its partition made "
     "them. stderr says where it begins, and at the end where to go on with --from. A partition "
     "that is not in --from begins now. What nobody knows any more is told on stderr as a gap, "
     "and the watch goes on behind it. Runs until interrupted, or --count changes were seen, or "
     "nothing has changed for --timeout (exit code 5).\n"
     "\n"
     "  kvctl watch user:\n"
     "  kvctl watch user: --from 1:2048,2:4096\n"
     "  kvctl watch -o json --count 10 --timeout 5s\n"},
    {"pipe", "", 0, 0, CLIENT, 0, kvctl_run_pipe,
     "run one JSON operation per line of stdin, many at once",
     "Each line of stdin is one operation, each line of stdout one answer, in the order in which "
     "they complete. Up to 1024 operations "
     "are in flight, so do not send an operation that needs the result of another before that has "
     "been answered.\n"
     "\n"
     "  {\"id\":1,\"op\":\"get\",\"key\":\"a\"}             result: value, or null if there is no "
     "such key\n"
     "  {\"id\":2,\"op\":\"put\",\"key\":\"a\",\"value\":\"1\"}\n"
     "  {\"id\":3,\"op\":\"put_if_absent\",\"key\":\"a\",\"value\":\"1\"}\n"
     "  {\"id\":4,\"op\":\"delete\",\"key\":\"a\"}\n"
     "  {\"id\":5,\"op\":\"cas\",\"key\":\"a\",\"expect\":\"1\",\"value\":\"2\"}\n"
     "  {\"id\":6,\"op\":\"incr\",\"key\":\"n\",\"by\":-3}         result: the sum; \"by\" is 1 if "
     "left out\n"
     "  {\"id\":7,\"op\":\"append\",\"key\":\"a\",\"value\":\"x\"}\n"
     "  {\"id\":8,\"op\":\"mget\",\"keys\":[\"a\",\"b\"]}         result: array of value or null\n"
     "  {\"id\":9,\"op\":\"mput\",\"pairs\":{\"a\":\"1\"}}         or [[\"a\",\"1\"]]\n"
     "  {\"id\":10,\"op\":\"scan\",\"from\":\"a\",\"to\":\"b\",\"limit\":10}   result: array of "
     "[key, value]; \"more\"\n"
     "  {\"id\":11,\"op\":\"create\",\"key\":\"k\",\"value\":\"1\",\"on\":2}   or "
     "\"on\":\"least-loaded\"; "
     "\"verdicts\"\n"
     "  {\"id\":12,\"op\":\"delete\",\"keys\":[\"k\",\"l\"]}       \"verdicts\": one for each key\n"
     "  {\"id\":13,\"op\":\"move\",\"keys\":[\"a\",\"b\"],\"to\":3}  or \"key\"; \"verdicts\"\n"
     "  {\"id\":14,\"op\":\"where\",\"keys\":[\"a\",\"b\"]}        or \"key\"; result: array of "
     "objects\n"
     "  {\"id\":15,\"op\":\"partitions\"}  {\"id\":16,\"op\":\"history\",\"limit\":10}\n"
     "  {\"id\":17,\"op\":\"txn\",\"guards\":[[\"eq\",\"a\",\"1\"]],\"ops\":[[\"incr\",\"b\",-5]],"
     "\"else\":[[\"get\",\"a\"]]}\n"
     "      \"guards_held\", \"rows\": array of [key, value]; words as in 'kvctl help txn'\n"
     "\n"
     "mget, mput and txn may have \"policy\": \"exchange\", \"move\" or \"borrow\", and with the "
     "last two "
     "\"on\". Every operation may have \"timeout_ms\", every read \"stale\": true. Bytes that are "
     "not "
     "UTF-8 are {\"hex\":\"...\"}, both ways. An "
     "answer has id (as sent), status (ok, failed, in_doubt), result, group, index, and for writes "
     "timestamp; a failed one has error "
     "and text. Exit code 0 if every line has been answered, 6 if one of the answers is "
     "in_doubt. With -v the client's counters are told on stderr at the end.\n"},
    {"status", "", 0, 0, CLIENT | KVCTL_BIT(WATCH) | KVCTL_BIT(INTERVAL), 0, kvctl_run_status,
     "print the nodes, groups and members",
     "What every member says of itself: role, term, log positions, state digest. Exit code 9 if a "
     "group has no leader or no quorum, or "
     "if members differ in state.\n"
     "\n"
     "  kvctl status\n"
     "  kvctl status -w --interval 500ms\n"
     "  kvctl status -o json\n"},
    {"where", "KEY...", 1, MANY, CLIENT | KVCTL_BIT(ENCODING), KV_OP_WHERE, kvctl_run_where,
     "ask the oracle which partition keys live in",
     "A line for each key: key, tab, partition; with -q and one key only the partition. -o table "
     "also tells whether a key lives at home (the partition that its hash names) or was placed "
     "elsewhere; one that was placed exists, of one at home the oracle does not know it: 'at home' "
     "is "
     "where it would be created.\n"
     "\n"
     "  kvctl where user:1\n"
     "  kvctl where -o table user:1 user:2\n"},
    {"move", "KEY... --to PARTITION", 1, MANY,
     CLIENT | KVCTL_BIT(ENCODING) | KVCTL_BIT(TO) | KVCTL_BIT(DRY_RUN), KV_OP_MOVE, kvctl_run_move,
     "move keys to a partition",
     "Each key moves on its own, and commands on it go on meanwhile. A line for each: key, verdict "
     "(moved, already there, no such key), and the partitions from and to, with tabs between. Exit "
     "code 3 if there is no such key. --dry-run asks the oracle where the keys are and tells what "
     "would be moved; whether keys at home exist it does not tell.\n"
     "\n"
     "  kvctl move user:1 user:2 --to 3\n"
     "  kvctl move user:1 --to 3 --dry-run\n"},
    {"lock", "KEY... [-- COMMAND...]", 1, MANY,
     CLIENT | KVCTL_BIT(ENCODING) | KVCTL_BIT(TTL) | KVCTL_BIT(SHARED) | KVCTL_BIT(NO_WAIT),
     KV_OP_LOCK, kvctl_run_lock, "hold keys while a command runs",
     "Waits until the keys are free, in the order of those who wait (--timeout at most; default: "
     "as long as it takes), runs COMMAND, renews the lock meanwhile, and unlocks. Others that want "
     "the keys wait, with or without a lock of their own. $KV_LOCK_TOKEN is the token: what "
     "'kvctl' does with it in COMMAND takes effect only while the lock is held, and touches only "
     "its keys; else exit code 4. Exit code that of COMMAND. Without COMMAND the token is printed, "
     "and the lock ends by --ttl unless 'kvctl unlock' comes first.\n"
     "\n"
     "  kvctl lock account:1 account:2 --ttl 10s -- ./transfer\n"
     "  kvctl lock report --shared -- kvctl get report\n"
     "  kvctl lock job --no-wait -- ./job              exit code 4 if it is locked\n"},
    {"unlock", "TOKEN", 1, 1, CLIENT, KV_OP_UNLOCK, kvctl_run_unlock, "end a lock",
     "Exit code 4 if it has ended before.\n"
     "\n"
     "  kvctl unlock 1732700000000.1\n"},
    {"locks", "", 0, 0, CLIENT | KVCTL_BIT(ENCODING) | KVCTL_BIT(LIMIT), KV_OP_LOCKS,
     kvctl_run_locks, "print who holds keys, and who waits for them",
     "A line for each key of each lock: held or waits, for read or write, token, session, age, and "
     "the time that is left of the lease. A lock that waits may hold some of its keys already. "
     "Times are those of the oracle, which counts while there are locks, ten times a second.\n"
     "\n"
     "  kvctl locks\n"
     "  kvctl locks -o json\n"},
    {"session open", "[-- COMMAND...]", 0, MANY, CLIENT | KVCTL_BIT(TTL), 0, kvctl_run_session_open,
     "hold a session while a command runs",
     "Keys that are put with --session last until it ends: when COMMAND has ended, or, if kvctl "
     "dies, "
     "by --ttl. $KV_SESSION is the session. Exit code that of COMMAND. Without COMMAND the session "
     "is "
     "printed, and ends by --ttl unless 'kvctl session end' comes first.\n"
     "\n"
     "  kvctl session open --ttl 5s -- sh -c 'kvctl put node:7 up --session $KV_SESSION; "
     "./serve'\n"},
    {"session list", "", 0, 0, CLIENT | KVCTL_BIT(LIMIT), KV_OP_SESSIONS, kvctl_run_session_list,
     "print the sessions, and the clients",
     "A line for each: first the sessions, with who opened it, its age, and the time that is left; "
     "then the clients that are registered, each of which has its commands executed once. A client "
     "that was killed stays in the list until 65536 others have come.\n"
     "\n"
     "  kvctl session list\n"
     "  kvctl session list -o json\n"},
    {"session end", "ID", 1, 1, CLIENT, 0, kvctl_run_session_end,
     "end a session, or shut a client out",
     "The keys of a session go at once. Of a client no command is executed any more that comes "
     "behind, at any partition. Exit code 4 if there is no such session or client.\n"
     "\n"
     "  kvctl session end 1732700000000.0\n"},
    {"partition list", "", 0, 0, CLIENT, KV_OP_PARTITIONS, kvctl_run_partition_list,
     "print the partitions: how many keys, how many of them placed, who leads",
     "KEYS as its leader says (or the member that is ahead); PLACED, as the oracle counts, are "
     "those "
     "among them whose home is another partition.\n"
     "\n"
     "  kvctl partition list\n"},
    {"partition history", "", 0, 0, CLIENT | KVCTL_BIT(ENCODING) | KVCTL_BIT(LIMIT), KV_OP_HISTORY,
     kvctl_run_partition_history, "print the last changes of placement, newest first",
     "A line for each: key, change ('create 2', 'move 1 2', 'delete 2'), timestamp, with tabs "
     "between. The oracle remembers 1000. A key that is created or deleted at home is no change.\n"
     "\n"
     "  kvctl partition history --limit 10\n"},
    {"leader transfer", "GROUP", 1, 1, CLIENT | KVCTL_BIT(TO), 0, kvctl_run_leader_transfer,
     "hand the lead of a group to another node",
     "GROUP is the number of a partition, or 0 or oracle. Waits until another node leads.\n"
     "\n"
     "  kvctl leader transfer 1\n"
     "  kvctl leader transfer oracle --to 2\n"},
    {"checkpoint", "[NODE]", 0, 1, CLIENT, 0, kvctl_run_checkpoint,
     "write checkpoints of the state now",
     "Nodes write checkpoints by themselves; this is for before a planned restart, or to have the "
     "log pruned. Of all "
     "nodes, or of one; waits until every member has one of what it had, --timeout (60s) at most.\n"
     "\n"
     "  kvctl checkpoint\n"
     "  kvctl checkpoint 2\n"},
    {"workers", "[N|auto [NODE]]", 0, 2, CLIENT, 0, kvctl_run_workers,
     "show or set the threads that compute for commands",
     "Of all nodes, or of one. With auto a node has as many as it finds useful, from 0 to the "
     "number "
     "of its cores. "
     "Answers and states are the same with any number, so every node may have its own, and change "
     "it "
     "at any time. WAIT and "
     "WORK are means of one job: until it began, and from there to its end.\n"
     "\n"
     "  kvctl workers\n"
     "  kvctl workers 2\n"
     "  kvctl workers auto 3\n"},
    {"backup", "FILE", 1, 1, CLIENT, 0, kvctl_run_backup,
     "write the state of all groups at one moment into a file, while commands go on",
     "The moment is a point in the order of all commands: what stands before it is in the file, of "
     "all "
     "groups, and nothing that stands behind it. FILE is written as FILE.partial and gets its name "
     "when it is whole; progress is told on stderr. Commands may wait for a moment, two seconds at "
     "most. Exit code 5 if a group could not be cut in time or its image could not be read "
     "(--timeout is for the answer of one node, default 30s); try again then.\n"
     "\n"
     "  kvctl backup monday.kvb\n"
     "  kvctl backup -o json monday.kvb\n"},
    {"restore", "FILE", 1, 1,
     LOCAL | KVCTL_BIT(NODES) | KVCTL_BIT(PARTITIONS) | KVCTL_BIT(REPLICAS) | KVCTL_BIT(NAME) |
         KVCTL_BIT(KVD),
     0, kvctl_run_restore, "start a new local cluster from a backup",
     "As 'kvctl cluster start', in a directory that is missing or empty. The number of partitions "
     "is "
     "that of the file; the number of nodes and the name are free (default: the file's name). The "
     "file is checked as a whole before anything is made: exit code 1 if it is damaged, 2 if "
     "--partitions says another number or the directory is not empty. Clients of the old cluster "
     "that "
     "come to the new one have to register anew; what they were not yet told about is in doubt.\n"
     "\n"
     "  kvctl restore monday.kvb --dir /tmp/kv-monday\n"
     "  kvctl restore monday.kvb --dir /tmp/kv-monday --nodes 5 --name monday\n"},
    {"cluster start", "", 0, 0,
     LOCAL | KVCTL_BIT(NODES) | KVCTL_BIT(PARTITIONS) | KVCTL_BIT(REPLICAS) | KVCTL_BIT(NAME) |
         KVCTL_BIT(KVD),
     0, kvctl_run_cluster_start, "start a local cluster, make it if there is none",
     "Real kvd processes on 127.0.0.1. A new cluster gets free ports and D/cluster.yaml; of one "
     "that exists the nodes that do not run "
     "are started. Waits until every group has a leader, --timeout (15s) at most. With -q only the "
     "export line is printed.\n"
     "\n"
     "  kvctl cluster start\n"
     "  kvctl cluster start --dir /tmp/kv --nodes 5 --partitions 4\n"
     "  eval \"$(kvctl cluster start -q)\"\n"},
    {"cluster stop", "", 0, 0, LOCAL, 0, kvctl_run_cluster_stop,
     "stop all nodes of a local cluster",
     "SIGTERM, and SIGKILL for those that are still there after --timeout (10s). The data stays.\n"
     "\n"
     "  kvctl cluster stop\n"},
    {"cluster status", "", 0, 0, LOCAL, 0, kvctl_run_cluster_status,
     "print the processes of a local cluster and its status",
     "Exit code 9 as with 'kvctl status'.\n"
     "\n"
     "  kvctl cluster status -o json\n"},
    {"cluster kill", "NODE...", 1, KV_NODES_MAX, KVCTL_BIT(DIR), SIGKILL, kvctl_run_cluster_signal,
     "kill nodes as a power cut would (SIGKILL)",
     "\n"
     "  kvctl cluster kill 2\n"},
    {"cluster restart", "NODE...", 1, KV_NODES_MAX, LOCAL | KVCTL_BIT(KVD), 0,
     kvctl_run_cluster_restart, "stop nodes if they run, and start them",
     "Waits until all members of the nodes answer and know a leader.\n"
     "\n"
     "  kvctl cluster restart 2\n"},
    {"cluster pause", "NODE...", 1, KV_NODES_MAX, KVCTL_BIT(DIR), SIGSTOP, kvctl_run_cluster_signal,
     "freeze nodes (SIGSTOP)",
     "\n"
     "  kvctl cluster pause 1\n"},
    {"cluster resume", "NODE...", 1, KV_NODES_MAX, KVCTL_BIT(DIR), SIGCONT,
     kvctl_run_cluster_signal, "let frozen nodes go on (SIGCONT)",
     "\n"
     "  kvctl cluster resume 1\n"},
    {"cluster destroy", "", 0, 0, KVCTL_BIT(DIR), 0, kvctl_run_cluster_destroy,
     "kill all nodes of a local cluster and remove its data",
     "Removes D/cluster.yaml and D/node-*, and D if nothing else is in it.\n"
     "\n"
     "  kvctl cluster destroy --dir /tmp/kv\n"},
    {"version", "", 0, 0, 0, 0, kvctl_run_version, "print the version", ""},
    {"help", "[COMMAND]", 0, 2, 0, 0, kvctl_run_help, "print the commands, or all about one", ""},
    {"completion", "bash", 1, 1, 0, 0, kvctl_run_completion, "print a completion script for bash",
     "\n"
     "  source <(kvctl completion bash)\n"},
};
#undef X

const struct kvctl_command *kvctl_commands(uint32_t *ret_count)
{
    *ret_count = sizeof(commands) / sizeof(commands[0]);
    return commands;
}

static uint32_t words_in(const char *name)
{
    return strchr(name, ' ') == NULL ? 1 : 2;
}

const struct kvctl_command *kvctl_command_find(const char *const *words, uint32_t count)
{
    for (uint32_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const char *name = commands[i].name;
        const size_t first = strcspn(name, " ");
        if (count < words_in(name) || strlen(words[0]) != first ||
            strncmp(name, words[0], first) != 0) {
            continue;
        }
        if (name[first] == '\0' || strcmp(name + first + 1, words[1]) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

struct kvctl_arguments kvctl_arguments_of(const struct kvctl_command *command,
                                          const struct kvctl_options *options)
{
    const uint32_t skip = words_in(command->name);
    return (struct kvctl_arguments){options->arguments + skip, options->argument_count - skip};
}

/* Whether the first word begins two-word commands. */
static bool is_family(const char *word)
{
    return strcmp(word, "cluster") == 0 || strcmp(word, "leader") == 0 ||
           strcmp(word, "partition") == 0;
}

static enum kvctl_exit check_command(const struct kvctl_command *command,
                                     const struct kvctl_options *options)
{
    const uint64_t foreign = options->given & ~(command->options | KVCTL_OPTIONS_ALL);
    if (foreign != 0) {
        const enum kvctl_option option = (enum kvctl_option)__builtin_ctzll(foreign);
        return kvctl_fail(options, KVCTL_EXIT_USAGE, "%s has no option --%s; see 'kvctl help %s'",
                          command->name, kvctl_option_text(option)->name, command->name);
    }
    const uint32_t count = kvctl_arguments_of(command, options).count;
    if (count < command->arguments_min || count > command->arguments_max) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE, "usage: kvctl %s%s%s; see 'kvctl help %s'",
                          command->name, command->arguments[0] == '\0' ? "" : " ",
                          command->arguments, command->name);
    }
    return KVCTL_EXIT_OK;
}

static enum kvctl_exit run(const struct kvctl_options *options, const char *error)
{
    const bool help = kvctl_given(options, KVCTL_BIT(HELP));
    const struct kvctl_command *command =
        kvctl_command_find(options->arguments, options->argument_count);
    if (error[0] != '\0') {
        return kvctl_fail(options, KVCTL_EXIT_USAGE, "%s", error);
    }
    if (kvctl_given(options, KVCTL_BIT(VERSION))) {
        return kvctl_run_version(command, options);
    }
    if (options->argument_count == 0) {
        kvctl_help_all(help ? stdout : stderr);
        return help ? kvctl_flush(options, KVCTL_EXIT_OK) : KVCTL_EXIT_USAGE;
    }
    if (command == NULL) {
        const bool family = is_family(options->arguments[0]);
        const char *second = options->argument_count > 1 ? options->arguments[1] : "";
        return kvctl_fail(options, KVCTL_EXIT_USAGE, "unknown command '%s%s%s'; see 'kvctl help'",
                          options->arguments[0], family && second[0] != '\0' ? " " : "",
                          family ? second : "");
    }
    if (help) {
        kvctl_help_command(command, stdout);
        return kvctl_flush(options, KVCTL_EXIT_OK);
    }
    const enum kvctl_exit code = check_command(command, options);
    return code == KVCTL_EXIT_OK ? command->run(command, options) : code;
}

enum kvctl_exit kvctl_main(int argc, char *const *argv)
{
    char error[512];
    struct kvctl_options *options = kv_alloc(sizeof(*options));
    json_set_alloc_funcs(kv_alloc, kv_free);
    kvctl_options_parse(options, argc, argv, error, sizeof(error));
    const enum kvctl_exit code = run(options, error);
    kv_free(options);
    return code;
}
