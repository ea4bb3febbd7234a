/* SPDX-License-Identifier: Apache-2.0 */
/* kv_branch: runs guards and steps on the keys that are here, one after the other, each on what the ones before it left. The
 * machine's maps change only when a key's outcome is applied. */
#include "partition/kv/kv_internal.h"

void kv_branch_reset(struct kv_machine *machine)
{
    for (uint32_t i = 0; i < machine->command.key_count; i++) {
        machine->pending[i].known = false;
        machine->pending[i].changed = false;
    }
    kv_arena_reset(&machine->arena);
}

void kv_branch_lend(struct kv_machine *machine, uint32_t i, const struct kv_state *state)
{
    machine->pending[i] = (struct kv_pending){.known = true, .state = *state};
}

static struct kv_pending *branch_pending(struct kv_machine *machine, uint32_t i)
{
    struct kv_pending *pending = &machine->pending[i];
    if (!pending->known) {
        pending->known = true;
        pending->changed = false;
        (void)kv_presence_of(machine, machine->command.keys[i], &pending->state);
    }
    return pending;
}

struct kv_state *kv_branch_state(struct kv_machine *machine, uint32_t i)
{
    return &branch_pending(machine, i)->state;
}

bool kv_branch_guards(struct kv_machine *machine, const bool *mine)
{
    const struct wire_command *command = &machine->command;
    bool hold = true;
    for (uint32_t i = 0; i < command->guard_count; i++) {
        const struct wire_step *guard = &command->steps[i];
        if (mine == NULL || mine[guard->key]) {
            hold = hold && kv_guard_holds(guard, kv_branch_state(machine, guard->key));
        }
    }
    return hold;
}

/* Back to the state before any step: branches are tried one after the other. */
static void branch_begin(struct kv_machine *machine, const bool *mine)
{
    for (uint32_t i = 0; i < machine->command.key_count; i++) {
        if ((mine == NULL || mine[i]) && machine->pending[i].changed) {
            machine->pending[i].known = false;
            machine->pending[i].changed = false;
        }
    }
}

/* Among several, a key that is not there is an answer. */
static bool step_is_done(const struct wire_step *step, enum wire_verdict verdict)
{
    return verdict == WIRE_VERDICT_OK ||
           (verdict == WIRE_VERDICT_NOT_FOUND &&
            (step->kind == WIRE_STEP_GET || step->kind == WIRE_STEP_DELETE));
}

/* [V3] The step cannot be done, or what it would make has no room. */
static bool branch_ends(const struct kv_machine *machine, const struct wire_step *step,
                        enum wire_verdict *verdict, bool bounded, size_t bytes, size_t taken)
{
    if (!step_is_done(step, *verdict)) {
        return true;
    }
    const bool too_large = bounded && (bytes > KV_BODY_BYTES_MAX ||
                                       machine->arena.taken - taken > KV_BRANCH_BYTES_MAX);
    *verdict = too_large ? WIRE_VERDICT_TOO_LARGE : *verdict;
    return too_large;
}

void kv_branch_run(struct kv_machine *machine, enum wire_branch branch, const bool *mine,
                   bool bounded, struct placement_result *rows, struct placement_branch *ret)
{
    const struct wire_command *command = &machine->command;
    const uint32_t steps = wire_command_steps(command, branch);
    const size_t taken = machine->arena.taken;
    *ret = (struct placement_branch){.verdict = WIRE_VERDICT_OK};
    branch_begin(machine, mine);
    for (uint32_t s = 0; s < steps; s++) {
        const struct wire_step step = wire_command_step(command, branch, s);
        if (mine != NULL && !mine[step.key]) {
            continue;
        }
        struct kv_pending *pending = branch_pending(machine, step.key);
        struct kv_outcome outcome;
        kv_step_run(machine, &step, &pending->state, &outcome);
        const bool written = (wire_command_use(command, step.key) & WIRE_USE_WRITE) != 0;
        rows[s] = (struct placement_result){
            .present = outcome.row_present,
            /* What the map holds is about to change under the row. */
            .value = outcome.row_present && written ? kv_arena_copy(&machine->arena, outcome.row)
                                                    : outcome.row,
        };
        ret->bytes +=
            (uint32_t)(outcome.row_present ? outcome.row.size : 0) + KV_ANSWER_ROW_OVERHEAD_MAX;
        if (branch_ends(machine, &step, &outcome.verdict, bounded, ret->bytes, taken)) {
            rows[s].present = rows[s].present && outcome.verdict != WIRE_VERDICT_TOO_LARGE;
            ret->verdict = outcome.verdict;
            ret->step = s;
            return;
        }
        if (outcome.changed) {
            pending->changed = true;
            pending->state = outcome.after;
            pending->state.version = machine->context.timestamp;
        }
    }
}

void kv_branch_apply(struct kv_machine *machine, uint32_t i)
{
    const struct kv_pending *pending = &machine->pending[i];
    const kv_slice key = machine->command.keys[i];
    if (!pending->known || !pending->changed) {
        return;
    }
    if (pending->state.present) {
        kv_put_row(machine, key, pending->state.value, pending->state.version,
                   &pending->state.bond);
    } else {
        (void)kv_remove_row(machine, key);
    }
}
