/* What is found in rows for Python to go on with. It is compiled after `floored_few.c`, in one piece with it. */

/* Writes what is known of a group to the columns of `found`. */
static void tell(const struct floored_task *asked, const struct group *group) {
    const struct task *task = &asked->rows;
    const int64_t step = task->count;
    const int guided = task->ref.values != NULL;
    for (int j = 0; j < group->count; j++) {
        const int64_t number = group->number[j];
        double *found = task->found + number;
        for (int which = COND; which <= (guided ? REF : COND); which++) {
            found[(REST + which) * step] = group->rest[which][j];
            found[(HERE + which) * step] = group->here[which][j];
            found[(TOP + which) * step] = group->top[which][j];
            if (asked->exits) found[(INTENSITY + which) * step] = group->told[which][j];
        }
        if (asked->exits && guided)
            found[TILTED * step] = tilted(group->told[COND][j], group->told[REF][j], group->weight[j]);
        task->served[number] = (unsigned char)group->served[j];
        if (!task->partition && !task->uniforms) continue;
        found[TOTAL * step] = group->total[j];
        found[LIFT * step] = group->lift[j];
        if (task->partition) found[PARTITION * step] = group->log_z[j];
        if (!task->uniforms) continue;
        const int token = pick(asked, group, j, task->uniforms[number]);
        task->token[number] = token;
        found[SHARE * step] = group->served[j] ? group->t[token][j] : 0;
    }
}

/* Returns 0, or -1 if there is no such row. */
static int few_rows(const struct floored_task *asked, const struct workspace *work, int64_t start, int64_t stop) {
    const struct task *task = &asked->rows;
    struct group group;
    struct floored row;
    for (int64_t number = start; number < stop; number += GROUP) {
        group.count = stop - number < GROUP ? (int)(stop - number) : GROUP;
        for (int j = 0; j < group.count; j++) {
            group.number[j] = number + j;
            group.present[j] = asked->present[number + j];
            if (!start_row(asked, number + j, group.present[j], &row)) return -1;
        }
        gather(asked, &group);
        read_group(asked, work, COND, &group);
        if (task->ref.values) read_group(asked, work, REF, &group);
        if (task->partition || task->uniforms) weigh_group(asked, work, &group);
        if (task->partition) log_z_group(asked, &group);
        tell(asked, &group);
    }
    return 0;
}

/* Surveys one prediction, or is told what a survey would find. Returns whether it can be served. */
static int look_at(const struct floored_task *asked, const struct shelf *shelf, struct floored *row, int which,
                   int keep) {
    const struct task *task = &asked->rows;
    double *found = task->found + which * task->count + row->number;
    if (asked->known) {
        row->rest[which] = found[REST * task->count];
        row->here[which] = found[HERE * task->count];
        row->top[which] = found[TOP * task->count];
        if (keep) survey(asked, shelf, row, which, 1, 1);
        return settle_floor(asked, row, which);
    }
    survey(asked, shelf, row, which, 0, keep);
    found[REST * task->count] = row->rest[which];
    found[HERE * task->count] = row->here[which];
    found[TOP * task->count] = row->top[which];
    const int served = settle_floor(asked, row, which);
    if (!served || !asked->exits) return served;
    double told;
    log_intensities(asked, &row->rest[which], &row->own[which], 1, &told);
    found[INTENSITY * task->count] = told;
    return told == told;
}

/* Returns 1 if the row is served, 0 if it is not for this, -1 if there is no such row. */
static int floored_row(const struct floored_task *asked, const struct shelf *shelf, int64_t number) {
    const struct task *task = &asked->rows;
    const int weighs = task->partition || task->uniforms, guided = task->ref.values != NULL;
    struct floored row;
    if (!start_row(asked, number, asked->present[number], &row)) return -1;
    int served = look_at(asked, shelf, &row, COND, weighs && !row.bare);
    if (guided) served &= look_at(asked, shelf, &row, REF, weighs && !row.bare);
    double *found = task->found + number;
    const int64_t step = task->count;
    if (guided && asked->exits && !asked->known)
        found[TILTED * step] = tilted(found[INTENSITY * step], found[(INTENSITY + 1) * step], row.weight);
    if (!served || !weighs) return served;
    struct landing landing;
    if (!has_floor(asked, &row) || !sum_weights(asked, shelf, &row, &landing)) return 0;
    found[TOTAL * step] = landing.total;
    found[LIFT * step] = lift_of(asked, &row, landing.high);
    if (task->partition) found[PARTITION * step] = log_z_of(asked, &row, &landing);
    if (task->uniforms)
        task->token[number] = land(asked, shelf, &row, &landing, task->uniforms[number], &found[SHARE * step]);
    return 1;
}

/* Reads rows `start` to `stop`; returns what `dguide_draw` returns. */
int dguide_floored(const struct floored_task *asked, int64_t start, int64_t stop) {
    const struct task *task = &asked->rows;
    int result;
    struct shelf shelf = shelf_of(task, &result);
    if (!result && task->vocab <= FEW && !asked->known) {
        result = few_rows(asked, &shelf.work, start, stop);
    } else {
        for (int64_t number = start; number < stop && !result; number++) {
            const int served = floored_row(asked, &shelf, number);
            if (served < 0) result = served;
            else task->served[number] = (unsigned char)served;
        }
    }
    put_away(&shelf);
    return result;
}
