/* A step of many positions: who leaves by what the rows say, and where they land. It is compiled after
 * `floored_sums.c`, in one piece with it. */

typedef void uniforms(const int64_t *first, const int64_t *position, const int64_t *index, uint64_t key, int64_t n,
                      double *out);

enum { EXPONENTIAL, LINEAR, SINGLE }; /* `Leaving` of floored_step.py */

/* Rows of both predictions, and the positions of a batch that leave or stay by them. */
struct step {
    struct floored_task asked; /* not looked at: `present`, `known`, `found`; `served` becomes what is said below */
    int64_t whole, leaving;    /* `Combination` and `Leaving` of floored_step.py */
    double share;
    uniforms *draw; /* that of random.c */
    uint64_t seed;
    int64_t landing, clock;                 /* the streams, where they stand in a counter */
    const int64_t *flat, *index, *position; /* where each row is in a batch, and its counters */
    int64_t *tokens, *jumps;
    double *clocks;
};

/* Of a row: not touched; stayed, or left and landed; left, and a token is to be drawn by other means. */
enum { LEFT_OUT, DONE, NOT_LANDED };

/* -log P(stay) and log P(leave) of some rows with integrated exit rates e^x. */
static ALWAYS void leave_by(int64_t leaving, const double *x, int count, double *exits, double *log_leave) {
    double rate[GROUP];
    for (int j = 0; j < count; j++) rate[j] = exp_of(x[j] < 700 ? x[j] : 700);
    if (leaving == EXPONENTIAL) {
        for (int j = 0; j < count; j++) exits[j] = rate[j];
        for (int j = 0; j < count; j++) {
            const double kept = exp_of(-rate[j]); /* 1 - kept loses digits that this factor gives back */
            const double lost = kept < 1 ? (1 - kept) * (rate[j] / -log_of(kept > DBL_MIN ? kept : 0.5)) : rate[j];
            log_leave[j] = kept < 0x1p-54 ? -kept : log_of(lost > DBL_MIN ? lost : DBL_MIN);
        }
    } else {
        for (int j = 0; j < count; j++) log_leave[j] = leaving == LINEAR ? (x[j] < 0 ? x[j] : 0) : x[j] - rate[j];
        for (int j = 0; j < count; j++) exits[j] = lost_of(exp_of(log_leave[j]));
    }
}

/* (1 + w) c - w u of what may be -infinite, as `law.tilt` has it. */
static ALWAYS double tilted_log(double c, double u, double w) {
    const double further = c > -INFINITY && u > -INFINITY ? c - u : 0;
    return w == -1 ? u : c + w * further;
}

/* -log P(stay) of some rows from the logs of their exit rates by each prediction; without a reference u is NULL. Not
 * inlined, since then fewer of its loops become vectors. */
__attribute__((noinline)) static void guided_exits(const struct step *step, const double *c, const double *u,
                                                   const double *w, const double *log_z, int count, double *exits) {
    double x[GROUP], log_leave[GROUP], u_exits[GROUP], u_leave[GROUP];
    if (!u || !step->whole) {
        for (int j = 0; j < count; j++) x[j] = u ? tilted(c[j], u[j], w[j]) + step->share * log_z[j] : c[j];
        leave_by(step->leaving, x, count, exits, log_leave);
        return;
    }
    leave_by(step->leaving, c, count, exits, log_leave);
    leave_by(step->leaving, u, count, u_exits, u_leave);
    for (int j = 0; j < count; j++) {
        const double stays = tilted_log(-exits[j], -u_exits[j], w[j]);
        const double over = tilted_log(log_leave[j], u_leave[j], w[j]) + log_z[j] - stays;
        const double small = exp_of(over < 0 ? over : -over), sum = 1 + small;
        const double log_sum = sum == 1 ? small : log_of(sum) * (small / (sum - 1));
        exits[j] = over > 0 ? over + log_sum : log_sum; /* log(1 + e^over) */
    }
}

/* Positions that leave, until there are enough of them to draw their uniforms together. */
struct leavers {
    int count;
    int64_t number[GROUP], at[GROUP];
    double uniform[GROUP];
};

/* Whether a clock runs out in this step; then it has a new one later. A row that says nothing is left out. */
static ALWAYS int runs_out(const struct step *step, int64_t number, int64_t at, double exit) {
    unsigned char *served = step->asked.rows.served + number;
    *served = exit >= 0 ? DONE : LEFT_OUT;
    if (!*served) return 0;
    const double left = step->clocks[at];
    step->clocks[at] = left - exit;
    return left <= exit;
}

/* New clocks for those who leave, and what decides where they land. */
static void wind(const struct step *step, struct leavers *who) {
    int64_t first[2 * GROUP], position[2 * GROUP], index[2 * GROUP];
    double found[2 * GROUP], log_found[GROUP];
    for (int j = 0; j < who->count; j++) {
        const int64_t jumps = step->jumps[who->at[j]]++, number = who->number[j];
        first[j] = step->landing | jumps;
        first[who->count + j] = step->clock | (jumps + 1);
        position[j] = position[who->count + j] = step->position[number];
        index[j] = index[who->count + j] = step->index[number];
    }
    step->draw(first, position, index, step->seed, 2 * who->count, found);
    for (int j = 0; j < GROUP; j++) log_found[j] = log_of(j < who->count ? found[who->count + j] : 0.5);
    for (int j = 0; j < who->count; j++) {
        who->uniform[j] = found[j];
        step->clocks[who->at[j]] = -log_found[j];
    }
}

static ALWAYS void arrive(const struct step *step, int64_t number, int64_t at, int served, int64_t token) {
    if (served) step->tokens[at] = token;
    else step->asked.rows.served[number] = NOT_LANDED;
}

/* One of the rows of a group that leave is put among those of another. */
static void move_row(const struct floored_task *asked, const struct group *from, int j, struct group *to) {
    const int n = (int)asked->rows.vocab, last = asked->rows.ref.values ? REF : COND, k = to->count++;
    to->number[k] = from->number[j];
    to->present[k] = from->present[j];
    for (int which = COND; which <= last; which++) {
        to->rest[which][k] = from->rest[which][j];
        to->own[which][k] = from->own[which][j];
        for (int i = 0; i < n; i++) to->e[which][i][k] = from->e[which][i][j];
    }
}

/* Lets those land that were put together. */
static void land_group(const struct step *step, const struct workspace *work, struct group *group,
                       struct leavers *who) {
    if (!who->count) return;
    gather(&step->asked, group);
    weigh_group(&step->asked, work, group);
    wind(step, who);
    for (int j = 0; j < who->count; j++)
        arrive(step, who->number[j], who->at[j], group->served[j], pick(&step->asked, group, j, who->uniform[j]));
    group->count = who->count = 0;
}

/* Reads up to GROUP rows. Who leaves lands if the weights are known, else is put into `going`. */
static void step_group(const struct step *step, const struct workspace *work, struct group *group, struct group *going,
                       struct leavers *who) {
    const struct floored_task *asked = &step->asked;
    const int guided = asked->rows.ref.values != NULL;
    double exits[GROUP];
    int leaves[GROUP];
    gather(asked, group);
    read_group(asked, work, COND, group);
    if (guided) read_group(asked, work, REF, group);
    if (asked->rows.partition) {
        weigh_group(asked, work, group);
        log_z_group(asked, group);
    } else {
        memset(group->log_z, 0, sizeof group->log_z);
    }
    guided_exits(step, group->told[COND], guided ? group->told[REF] : NULL, group->weight, group->log_z, GROUP, exits);
    for (int j = 0; j < group->count; j++) {
        const int64_t number = group->number[j], at = step->flat[number];
        leaves[j] = runs_out(step, number, at, group->served[j] ? exits[j] : NAN);
        if (!leaves[j]) continue;
        who->number[who->count] = number;
        who->at[who->count++] = at;
        if (asked->rows.partition) continue;
        move_row(asked, group, j, going);
        if (who->count == GROUP) land_group(step, work, going, who);
    }
    if (!asked->rows.partition) return;
    wind(step, who);
    for (int j = 0, k = 0; j < group->count; j++)
        if (leaves[j]) {
            arrive(step, who->number[k], who->at[k], 1, pick(asked, group, j, who->uniform[k]));
            k++;
        }
    who->count = 0;
}

/* Returns 0, or -1 if there is no such row. */
static int step_few(const struct step *step, const struct workspace *work, int64_t start, int64_t stop) {
    struct group group, going = {0};
    struct leavers who = {0};
    struct floored row;
    for (int64_t number = start; number < stop; number += GROUP) {
        group.count = stop - number < GROUP ? (int)(stop - number) : GROUP;
        for (int j = 0; j < group.count; j++) {
            group.number[j] = number + j;
            group.present[j] = step->tokens[step->flat[number + j]];
            if (!start_row(&step->asked, number + j, group.present[j], &row)) return -1;
        }
        step_group(step, work, &group, &going, &who);
    }
    land_group(step, work, &going, &who);
    return 0;
}

/* Reads a row, and all of it that is looked at again while it is near. Returns 0, or -1 if there is no such row. */
static int step_row(const struct step *step, const struct shelf *shelf, int64_t number) {
    const struct floored_task *asked = &step->asked;
    const int guided = asked->rows.ref.values != NULL, partition = (int)asked->rows.partition;
    const int64_t at = step->flat[number];
    struct floored row;
    struct landing landing;
    double told[2] = {0, 0}, log_z = 0, exit;
    int served = 1;
    if (!start_row(asked, number, step->tokens[at], &row)) return -1;
    for (int which = COND; which <= (guided ? REF : COND); which++) {
        survey(asked, shelf, &row, which, 0, partition && !row.bare);
        served &= settle_floor(asked, &row, which);
        if (served) log_intensities(asked, &row.rest[which], &row.own[which], 1, &told[which]);
    }
    served = served && told[COND] == told[COND] && told[REF] == told[REF];
    if (served && partition) {
        served = has_floor(asked, &row) && sum_weights(asked, shelf, &row, &landing);
        if (served) log_z = log_z_of(asked, &row, &landing);
    }
    if (served) guided_exits(step, &told[COND], guided ? &told[REF] : NULL, &row.weight, &log_z, 1, &exit);
    if (!runs_out(step, number, at, served ? exit : NAN)) return 0;
    struct leavers who = {1, {number}, {at}};
    wind(step, &who);
    if (!partition) {
        for (int which = COND; which <= (guided ? REF : COND) && !row.bare; which++)
            survey(asked, shelf, &row, which, 1, 1);
        served = has_floor(asked, &row) && sum_weights(asked, shelf, &row, &landing);
    }
    double weight;
    arrive(step, number, at, served, served ? land(asked, shelf, &row, &landing, who.uniform[0], &weight) : 0);
    return 0;
}

/* Lets the positions of rows `start` to `stop` stay, or leave and land. Returns 0; -1 if one of them is not DONE,
 * -2 without memory, -3 if there is no such row: of several threads the least counts. */
int dguide_floored_step(const struct step *step, int64_t start, int64_t stop) {
    const struct task *task = &step->asked.rows;
    int result, open = 0;
    struct shelf shelf = shelf_of(task, &result);
    if (!result && task->vocab <= FEW) {
        result = step_few(step, &shelf.work, start, stop);
    } else {
        for (int64_t number = start; number < stop && !result; number++) result = step_row(step, &shelf, number);
    }
    for (int64_t number = start; number < stop && !result; number++) open |= task->served[number] != DONE;
    put_away(&shelf);
    return result == -1 ? -3 : result ? result : -open;
}
