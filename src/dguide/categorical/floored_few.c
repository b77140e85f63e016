/* Rows of few columns, which are read together: what is done with one of them is done with all at once. It is compiled
 * after `floored.c`, in one piece with it. */

#define ALIGNED __attribute__((aligned(64))) /* a vector that lies in two lines of the cache is slow to find again */

struct group {
    int count;
    int64_t number[GROUP], present[GROUP];
    float w[GROUP], scale[GROUP]; /* weight w, and 1 + w */
    double weight[GROUP];
    float e[2][FEW][GROUP] ALIGNED; /* one column after the other; log e where there is no floor */
    float t[FEW][GROUP] ALIGNED;    /* weights T relative to 2^high */
    double top[2][GROUP], rest[2][GROUP], here[2][GROUP], own[2][GROUP], told[2][GROUP];
    double total[GROUP], lift[GROUP], log_z[GROUP];
    int served[GROUP];
};

/* sum + x in float64. Written so, since as a loop it is taken to pieces. */
static ALWAYS void add_wide(double *sum, const float *x) {
    typedef float narrow __attribute__((vector_size(GROUP * sizeof(float))));
    typedef double wide __attribute__((vector_size(GROUP * sizeof(double))));
    narrow some;
    wide all;
    memcpy(&some, x, sizeof some);
    memcpy(&all, sum, sizeof all);
    all += __builtin_convertvector(some, wide);
    memcpy(sum, &all, sizeof all);
}

/* Takes some rows of a task. Fewer than GROUP are filled up with the last of them. */
static void gather(const struct floored_task *asked, struct group *group) {
    for (int j = 0; j < GROUP; j++) {
        if (j >= group->count) {
            group->number[j] = group->number[group->count - 1];
            group->present[j] = group->present[group->count - 1];
        }
        const double weight = asked->rows.ref.values ? asked->rows.weight[group->number[j]] : 0;
        group->weight[j] = weight;
        group->w[j] = (float)weight;
        group->scale[j] = (float)(1 + weight);
        group->served[j] = 1;
    }
}

/* Reads one prediction, and from it how strongly each row leaves. */
static void read_group(const struct floored_task *asked, const struct workspace *work, int which, struct group *group) {
    const struct task *task = &asked->rows;
    const struct rows *rows = which == COND ? &task->cond : &task->ref;
    const int n = (int)task->vocab, bare = asked->share == 0;
    float copy[FEW], own[GROUP], top[GROUP] ALIGNED;
    float(*restrict x)[GROUP] = group->e[which];
    double sum[GROUP] ALIGNED = {0}, told[GROUP] ALIGNED = {0};
    double *rest = group->rest[which], *here = group->here[which], *factor = group->own[which];
    for (int j = 0; j < GROUP; j++) {
        const int64_t present = group->present[j];
        const float *values = load(rows, rows->index[group->number[j]], 0, n, n, NULL, copy);
        for (int i = 0; i < n; i++) x[i][j] = values[i];
        own[j] = work->forbidden[present] ? -INFINITY : values[present];
        x[present][j] = -INFINITY;
        top[j] = -FLT_MAX;
    }
    for (int64_t i = 0; i < task->n_forbidden; i++)
        for (int j = 0; j < GROUP; j++) x[task->forbidden[i]][j] = -INFINITY;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < GROUP; j++) top[j] = x[i][j] > top[j] ? x[i][j] : top[j];
    for (int i = 0; i < n; i++) {
        float y[GROUP], e[GROUP];
        for (int j = 0; j < GROUP; j++) y[j] = x[i][j] - top[j];
        for (int j = 0; j < GROUP; j++) e[j] = power_of_two(y[j] * LOG2E);
        add_wide(sum, e);
        memcpy(x[i], bare ? y : e, sizeof e);
    }
    for (int j = 0; j < GROUP; j++) {
        group->top[which][j] = top[j];
        rest[j] = top[j] > -FLT_MAX ? sum[j] : 0;
        here[j] = (double)own[j] - top[j];
    }
    for (int j = 0; j < GROUP; j++) factor[j] = asked->evidence * exp_of(here[j] < MOST_HERE ? here[j] : MOST_HERE);
    if (asked->exits) log_intensities(asked, rest, factor, GROUP, told);
    for (int j = 0; j < GROUP; j++) {
        group->told[which][j] = told[j];
        group->served[j] &= (rest[j] > 0) & (rest[j] < INFINITY) & (here[j] < MOST_HERE) & (told[j] == told[j]);
    }
}

/* log2 T without a floor. Columns that only the reference forbids, and what is no number, make a row unserved. */
static void bare_group(const struct floored_task *asked, const struct workspace *work, struct group *group,
                       float power[FEW][GROUP]) {
    const struct task *task = &asked->rows;
    const int n = (int)task->vocab, guided = task->ref.values != NULL;
    int odd[GROUP] = {0};
    for (int i = 0; i < n; i++)
        for (int j = 0; j < GROUP; j++) {
            const float c = group->e[COND][i][j], u = guided ? group->e[REF][i][j] : c;
            const float near_c = c + group->w[j] * (c - u), near_u = u + group->scale[j] * (c - u);
            const int lost = guided & !(u - u == 0);
            const float z = group->w[j] < -0.5f ? near_u : near_c;
            odd[j] += lost;
            power[i][j] = lost ? -INFINITY : guided ? z * LOG2E : c * LOG2E;
        }
    for (int j = 0; guided && j < GROUP; j++) {
        const int barred = (int)task->n_forbidden + !work->forbidden[group->present[j]];
        group->served[j] &= odd[j] == barred;
    }
}

/* What T is made of on a floor: A, log2 of the rest, and `lift`, what log T lacks. */
static void raise_group(const struct floored_task *asked, struct group *group, float power[FEW][GROUP]) {
    const int n = (int)asked->rows.vocab, last = asked->rows.ref.values ? REF : COND;
    float slope[2][GROUP], height[2][GROUP];
    double lift[2][GROUP];
    for (int which = COND; which <= last; which++) {
        double ground[GROUP];
        for (int j = 0; j < GROUP; j++)
            ground[j] = asked->share * (group->rest[which][j] + asked->damping * group->own[which][j]);
        for (int j = 0; j < GROUP; j++) {
            slope[which][j] = (float)(ground[j] > 1 ? 1 / ground[j] : 1);
            height[which][j] = (float)(ground[j] > 1 ? 1 : ground[j]);
            group->served[j] &= (ground[j] >= LOWEST_FLOOR) & (ground[j] < INFINITY);
        }
        for (int j = 0; j < GROUP; j++) lift[which][j] = log_of(ground[j] > 1 ? ground[j] : 1);
    }
    for (int j = 0; j < GROUP; j++)
        group->lift[j] = lift[COND][j] + group->weight[j] * (lift[COND][j] - lift[last][j]);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < GROUP; j++) {
            const float a = slope[COND][j] * group->e[COND][i][j] + height[COND][j];
            group->t[i][j] = a;
            if (last == COND) power[i][j] = 0;
            else power[i][j] = group->w[j] * log2_of(a / (slope[REF][j] * group->e[REF][i][j] + height[REF][j]));
        }
}

/* The weights T of all rows, and their sums. */
static void weigh_group(const struct floored_task *asked, const struct workspace *work, struct group *group) {
    const int n = (int)asked->rows.vocab, bare = asked->share == 0;
    float power[FEW][GROUP] ALIGNED, high[GROUP] ALIGNED;
    double sum[GROUP] ALIGNED = {0};
    for (int j = 0; j < GROUP; j++) high[j] = -FLT_MAX, group->lift[j] = 0;
    if (bare) bare_group(asked, work, group, power);
    else raise_group(asked, group, power);
    for (int j = 0; j < GROUP; j++) power[group->present[j]][j] = -INFINITY;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < GROUP; j++) high[j] = power[i][j] > high[j] ? power[i][j] : high[j];
    for (int i = 0; i < n; i++) {
        float t[GROUP];
        for (int j = 0; j < GROUP; j++) {
            const float y = power[i][j] - high[j], a = bare ? 1.0f : group->t[i][j];
            t[j] = y < LOWEST_POWER ? 0.0f : a * power_of_two(y);
        }
        add_wide(sum, t);
        memcpy(group->t[i], t, sizeof t);
    }
    for (int j = 0; j < GROUP; j++) {
        group->total[j] = sum[j];
        group->lift[j] += high[j] * LN2;
        group->served[j] &= (sum[j] >= LOWEST_TOTAL) & (sum[j] < INFINITY);
    }
}

/* log Z of all rows whose weights are known; see `log_z_of`. */
static void log_z_group(const struct floored_task *asked, struct group *group) {
    const double others = (double)(asked->rows.vocab - 1);
    const int last = asked->rows.ref.values ? REF : COND;
    double each[2][GROUP];
    for (int which = COND; which <= last; which++) {
        const double *rest = group->rest[which], *own = group->own[which];
        for (int j = 0; j < GROUP; j++)
            each[which][j] = log_of(rest[j] + others * asked->share * (rest[j] + asked->damping * own[j]));
    }
    for (int j = 0; j < GROUP; j++) {
        const double lost = each[COND][j] + group->weight[j] * (each[COND][j] - each[last][j]);
        group->log_z[j] = group->lift[j] + log_of(group->total[j] > LOWEST_TOTAL ? group->total[j] : 1) - lost;
    }
}

/* The token that `uniform` stands for in row j. */
static int pick(const struct floored_task *asked, const struct group *group, int j, double uniform) {
    const int n = (int)asked->rows.vocab;
    const double target = target_of(uniform, group->total[j]);
    double cumulative = 0;
    int token = 0; /* the weights are summed as they were for the total, so the last sum exceeds the target */
    for (int i = 0; i < n; i++) {
        cumulative += group->t[i][j];
        token += cumulative <= target;
    }
    return token;
}
