/* Jumps whose rates are a prediction on a floor: `floor.py` has the symbols, and says why this is stable. It is
 * compiled after `compiled.c`, in one piece with it. */

enum { COND, REF };
enum { REST, HERE = 2, TOP = 4, TOTAL = 6, LIFT, SHARE, INTENSITY, TILTED = 11, PARTITION };
enum { GROUP = 16, FEW = 64 }; /* rows that are worked on together where they have few columns */
#define LOWEST_FLOOR 0x1p-100
#define LOWEST_TOTAL 0x1p-60
#define LEAST_RATE 1e-300
#define MOST_HERE 700.0
#define LN2 0.69314718055994531
#define MODEST_POWER 50.0      /* of 2: 2^50 of them are added in float32 without a look at what is the largest */

struct floored_task {
    struct task rows; /* `found`: thirteen columns of `count`; `uniforms` may be NULL */
    const int64_t *present;
    int64_t known; /* whether the first six columns of `found` hold what a survey would find */
    double evidence, share, damping;
    int64_t exits; /* 0 if no exit rate is asked for, 1 for rates, 2 for those of a whole step */
    double by_here, by_rest, stay_here, stay_rest;
};

/* Space to work in, and where a row is kept: e of both predictions, and what was taken off the logits in each span. */
struct shelf {
    struct workspace work;
    float *e[2], *refs[2];
};

/* One row: its predictions, the present token, what was found of each prediction, and A = scale e + ground. */
struct floored {
    struct pair pair;
    double weight;
    int64_t number, present;
    int bare;   /* whether there is no floor */
    int modest; /* whether no power of 2 in the weights is beyond MODEST_POWER */
    double top[2], rest[2], here[2], own[2], scale[2], ground[2];
};

/* log2 of a normal positive number, to 1e-7 of itself near 1. */
static ALWAYS float log2_of(float x) {
    uint32_t bits = to_bits(x) - 0x3F3504F3u; /* sqrt(1/2): the mantissa is taken from there to sqrt(2) */
    float n = (float)((int32_t)bits >> 23);
    float f = from_bits((bits & 0x7FFFFFu) + 0x3F3504F3u) - 1.0f;
    float p = 0.125835371f;
    p = p * f - 0.20726894f;
    p = p * f + 0.215715846f;
    p = p * f - 0.238944952f;
    p = p * f + 0.287916237f;
    p = p * f - 0.360703677f;
    p = p * f + 0.480910643f;
    p = p * f - 0.721347347f;
    p = p * f + 1.442695f;
    return n + p * f;
}

/* exp(x) in float64, to 2 ulp, and 0 below 1e-307: unlike that of the library it becomes vectors. */
static ALWAYS double exp_of(double x) {
    const double near = x > -707 ? x : -707, magic = 0x1.8p52 + 1023;
    const double shifted = near * 1.4426950408889634 + magic, n = shifted - magic;
    const double r = near - n * 0x1.62e42fee00000p-1 - n * 0x1.a39ef35793c76p-33;
    double p = 1 / 6227020800.0;
    p = p * r + 1 / 479001600.0;
    p = p * r + 1 / 39916800.0;
    p = p * r + 1 / 3628800.0;
    p = p * r + 1 / 362880.0;
    p = p * r + 1 / 40320.0;
    p = p * r + 1 / 5040.0;
    p = p * r + 1 / 720.0;
    p = p * r + 1 / 120.0;
    p = p * r + 1 / 24.0;
    p = p * r + 1 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1;
    p = p * r + 1;
    uint64_t bits;
    memcpy(&bits, &shifted, 8);
    bits <<= 52;
    double power;
    memcpy(&power, &bits, 8);
    return x < -707 ? 0 : p * power;
}

/* log of a normal positive number in float64, to 2 ulp. */
static ALWAYS double log_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, 8);
    bits -= 0x3FE6A09E667F3BCDu; /* sqrt(1/2): the mantissa is taken from there to sqrt(2) */
    const uint64_t whole = (bits >> 52 ^ 0x800) - 0x800, turned = whole + 0x4338000000000000u; /* 1.5 * 2^52 */
    const uint64_t mantissa = (bits & 0xFFFFFFFFFFFFFu) + 0x3FE6A09E667F3BCDu;
    double n, m;
    memcpy(&n, &turned, 8);
    memcpy(&m, &mantissa, 8);
    n -= 0x1.8p52;
    const double f = (m - 1) / (m + 1), s = f * f;
    double p = 1 / 23.0;
    p = p * s + 1 / 21.0;
    p = p * s + 1 / 19.0;
    p = p * s + 1 / 17.0;
    p = p * s + 1 / 15.0;
    p = p * s + 1 / 13.0;
    p = p * s + 1 / 11.0;
    p = p * s + 1 / 9.0;
    p = p * s + 1 / 7.0;
    p = p * s + 1 / 5.0;
    p = p * s + 1 / 3.0;
    return n * 0x1.62e42fee00000p-1 + (2 * f + (2 * f * s * p + n * 0x1.a39ef35793c76p-33));
}

/* -log(1 - p) for p from 0 to 1: what was rounded off 1 - p counts. */
static ALWAYS double lost_of(double p) {
    const double kept = 1 - p, log_kept = log_of(kept > DBL_MIN ? kept : 0.5);
    const double lost = kept == 1 ? p : log_kept * (p / (kept - 1));
    return kept > 0 ? lost : INFINITY;
}

/* log of the exit rates of some rows by one prediction, from S and b e_x; see `Exits` in floor.py. NaN if a rate is
 * too small. Loops of few steps, so that the compiler makes vectors of each. */
static ALWAYS void log_intensities(const struct floored_task *asked, const double *rest, const double *own, int count,
                                   double *told) {
    double leave[GROUP], stay[GROUP], early[GROUP], late[GROUP];
    for (int j = 0; j < count; j++) {
        const double n = rest[j] + own[j], here = own[j] / n, others = rest[j] / n;
        leave[j] = asked->by_here * here + asked->by_rest * others;
        stay[j] = asked->stay_here * here + asked->stay_rest * others;
    }
    if (asked->exits == 2) {
        for (int j = 0; j < count; j++) late[j] = -log_of(stay[j] > DBL_MIN ? stay[j] : DBL_MIN);
        for (int j = 0; j < count; j++) early[j] = lost_of(leave[j] < 0.5 ? leave[j] : 0.5);
        for (int j = 0; j < count; j++) leave[j] = leave[j] < 0.5 ? early[j] : late[j];
    }
    for (int j = 0; j < count; j++) told[j] = log_of(leave[j] > LEAST_RATE ? leave[j] : 1);
    for (int j = 0; j < count; j++) told[j] = leave[j] > LEAST_RATE && leave[j] < INFINITY ? told[j] : NAN;
}

static ALWAYS double tilted(double c, double u, double w) { return w == -1 ? u : c + w * (c - u); }

/* Some columns of a prediction, with -inf for what is forbidden and for the present token, if they are among them. */
static ALWAYS const float *load_others(const struct task *task, const struct workspace *work, const struct rows *rows,
                                       int64_t row, int64_t column, int n, int64_t present, float *copy) {
    const int m = padded(n);
    int touched = 0;
    for (int64_t t = column / TILE; t * TILE < column + n; t++) touched |= work->touched[t];
    const unsigned char *mask = touched ? work->forbidden + column : NULL;
    const float *values = load(rows, row, column, n, m, mask, copy);
    if (mask) forbid(copy, mask, m);
    if (present < column || present >= column + n) return values;
    if (values != copy) memcpy(copy, values, m * sizeof(float));
    copy[present - column] = -INFINITY;
    return copy;
}

/* The sum of some powers, in float32 for each tile and in float64 over these, and the largest exponent. */
struct powers {
    double sum;
    float top;
};

/* e of some columns relative to `ref`, kept if `e` is not NULL. One loop does it all, while the next logits arrive. */
static ALWAYS struct powers add_powers(const float *x, int m, float ref, float *e) {
    struct powers found = {0, -FLT_MAX};
    for (int start = 0; start < m; start += TILE) {
        const int end = start + TILE < m ? start + TILE : m;
        float part = 0, top = -FLT_MAX;
#pragma omp simd reduction(+ : part) reduction(max : top)
        for (int i = start; i < end; i++) {
            const float each = power_of_two((x[i] - ref) * LOG2E);
            if (e) e[i] = each;
            part += each;
            top = x[i] > top ? x[i] : top;
        }
        found.sum += part;
        found.top = top > found.top ? top : found.top;
    }
    return found;
}

/* S, log e_x and the largest logit of one prediction; with `keep`, e of all columns. If they are known, only e.
 *
 * What comes off the logits of a span is the largest of those before it, while that is not far below. */
static void survey(const struct floored_task *asked, const struct shelf *shelf, struct floored *row, int which,
                   int known, int keep) {
    const struct task *task = &asked->rows;
    const struct rows *rows = which == COND ? &task->cond : &task->ref;
    const int64_t at = which == COND ? row->pair.cond : row->pair.ref, x = row->present;
    float copy[SPAN], ref = known ? (float)row->top[which] : -FLT_MAX, top = ref;
    double sum = 0;
    for (int64_t column = 0; column < task->vocab; column += SPAN) {
        const int n = task->vocab - column < SPAN ? (int)(task->vocab - column) : SPAN, m = padded(n);
        const float *values = load_others(task, &shelf->work, rows, at, column, n, x, copy);
        float *e = keep ? shelf->e[which] + column : NULL;
        if (!column && !known) ref = largest(values, m < TILE ? m : TILE);
        struct powers found = keep ? add_powers(values, m, ref, e) : add_powers(values, m, ref, NULL);
        if (found.top - ref > FAR) {
            sum *= ref > -FLT_MAX ? exp_of((double)ref - found.top) : 0;
            ref = found.top;
            found = keep ? add_powers(values, m, ref, e) : add_powers(values, m, ref, NULL);
        }
        sum += found.sum;
        top = found.top > top ? found.top : top;
        shelf->refs[which][column / SPAN] = ref;
    }
    if (known) return;
    row->top[which] = top;
    row->rest[which] = top > -FLT_MAX ? sum * exp_of((double)ref - top) : 0;
    const int barred = shelf->work.touched[x / TILE] && shelf->work.forbidden[x];
    row->here[which] = barred ? -INFINITY : (double)entry(rows, at, x) - top;
}

/* What follows from S and log e_x. Returns whether the prediction can be served. */
static int settle_floor(const struct floored_task *asked, struct floored *row, int which) {
    const double rest = row->rest[which], here = row->here[which];
    if (!(rest > 0 && rest < INFINITY && here < MOST_HERE)) return 0;
    row->own[which] = asked->evidence * exp_of(here);
    const double ground = asked->share * (rest + asked->damping * row->own[which]);
    row->scale[which] = ground > 1 ? 1 / ground : 1;
    row->ground[which] = ground > 1 ? 1 : ground;
    return 1;
}

/* Whether a landing from the floors that there are can be drawn, and in which way. */
static int has_floor(const struct floored_task *asked, struct floored *row) {
    if (row->bare) return 1;
    double deepest = 1;
    for (int which = COND; which <= (asked->rows.ref.values ? REF : COND); which++) {
        const double ground = row->ground[which];
        if (!(ground / row->scale[which] >= LOWEST_FLOOR && ground / row->scale[which] < INFINITY)) return 0;
        deepest = ground < deepest ? ground : deepest;
    }
    row->modest = fabs(row->pair.w) * (1 - log_of(deepest) / LN2) <= MODEST_POWER;
    return 1;
}

/* Sets what no token can land on: no columns, the present token, and without a floor forbidden columns. */
static void bar(const struct task *task, const struct workspace *work, const struct floored *row, int64_t t, float *x,
                float value) {
    const unsigned char *mask = work->forbidden + t * TILE;
    const int n = width(task, t), m = padded(n);
    if (work->touched[t])
        for (int i = row->bare ? 0 : n; i < m; i++) x[i] = mask[i] ? value : x[i];
    if (row->present / TILE == t) x[row->present % TILE] = value;
}

/* log2 T without a floor, from the logits. Returns NaN for what is not to be served, else 0. */
static float bare_power(const struct task *task, const struct workspace *work, const struct floored *row, int64_t t,
                        float *power) {
    const int n = width(task, t), m = padded(n);
    float c_copy[TILE], u_copy[TILE], b[TILE], zero = 0;
    const float c_top = (float)row->top[COND], u_top = (float)row->top[REF];
    const float *c = load_others(task, work, &task->cond, row->pair.cond, t * TILE, n, row->present, c_copy);
    for (int i = 0; i < m; i++) power[i] = c[i] - c_top;
    if (task->ref.values) {
        const float *u = load_others(task, work, &task->ref, row->pair.ref, t * TILE, n, row->present, u_copy);
        for (int i = 0; i < m; i++) b[i] = u[i] - u_top;
        bar(task, work, row, t, b, 0.0f);
        memcpy(c_copy, power, m * sizeof(float));
        zero = tilt(power, c_copy, b, m, row->pair.w, row->pair.scale).zero;
    }
    for (int i = 0; i < m; i++) power[i] *= LOG2E;
    bar(task, work, row, t, power, -INFINITY);
    return zero;
}

/* The factor of e in A in a tile. */
static ALWAYS float slope_of(const struct shelf *shelf, const struct floored *row, int which, int64_t t) {
    const float ref = shelf->refs[which][t * TILE / SPAN];
    const double factor = ref == (float)row->top[which] ? 1 : exp_of((double)ref - row->top[which]);
    return (float)(row->scale[which] * factor);
}

/* Makes tile t of T, from kept e, relative to 2^high, which is raised to the largest power. Returns as `bare_power`. */
__attribute__((noinline)) static float weigh(const struct task *task, const struct shelf *shelf,
                                             const struct floored *row, int64_t t, float *restrict e, float *high) {
    const int m = padded(width(task, t));
    const float w = row->pair.w;
    float power[TILE], a[TILE], zero = 0;
    if (row->bare) {
        zero = bare_power(task, &shelf->work, row, t, power);
        for (int i = 0; i < m; i++) a[i] = 1.0f;
    } else {
        const float slope = slope_of(shelf, row, COND, t), height = (float)row->ground[COND];
        const float *restrict c = shelf->e[COND] + t * TILE, *restrict u = shelf->e[REF] + t * TILE;
        if (!task->ref.values) {
            for (int i = 0; i < m; i++) e[i] = slope * c[i] + height;
            bar(task, &shelf->work, row, t, e, 0.0f);
            return 0;
        }
        const float u_slope = slope_of(shelf, row, REF, t), u_height = (float)row->ground[REF];
        if (row->modest) {
            for (int i = 0; i < m; i++) {
                const float over = slope * c[i] + height, under = u_slope * u[i] + u_height;
                e[i] = over * power_of_two(w * log2_of(over / under));
            }
            bar(task, &shelf->work, row, t, e, 0.0f);
            return 0;
        }
        for (int i = 0; i < m; i++) {
            a[i] = slope * c[i] + height;
            power[i] = w * log2_of(a[i] / (u_slope * u[i] + u_height));
        }
        bar(task, &shelf->work, row, t, power, -INFINITY);
    }
    const float top = largest(power, m);
    *high = top > *high ? top : *high;
    const float ref = *high;
    for (int i = 0; i < m; i++) {
        const float y = power[i] - ref;
        e[i] = y < LOWEST_POWER ? 0.0f : a[i] * power_of_two(y);
    }
    return zero;
}

/* The sum of the weights: `total` 2^`high`. */
struct landing {
    double total;
    float high;
};

/* Sums the weights of a row; what it finds of each tile stays in the workspace. Returns whether it can be served. */
static int sum_weights(const struct floored_task *asked, const struct shelf *shelf, const struct floored *row,
                       struct landing *landing) {
    const struct task *task = &asked->rows;
    const struct workspace *work = &shelf->work;
    const int64_t tiles = (task->vocab + TILE - 1) / TILE;
    float e[TILE], high = row->modest || !(task->ref.values || row->bare) ? 0 : -FLT_MAX, zero = 0;
    for (int64_t t = 0; t < tiles; t++) {
        const int m = padded(width(task, t));
        zero += weigh(task, shelf, row, t, e, &high);
        float part = 0;
#pragma omp simd reduction(+ : part)
        for (int i = 0; i < m; i++) part += e[i];
        work->sums[t] = part;
        work->refs[t] = high;
    }
    landing->high = high;
    landing->total = settle(work, tiles, high, (float)LN2);
    return landing->total >= LOWEST_TOTAL && landing->total < INFINITY && zero == 0;
}

/* log of what the total lacks before it is the sum of T. */
static double lift_of(const struct floored_task *asked, const struct floored *row, float high) {
    if (row->bare) return high * LN2;
    const double c = log_of(row->scale[COND]), u = asked->rows.ref.values ? log_of(row->scale[REF]) : c;
    return high * LN2 - (c + (asked->rows.ref.values ? row->weight : 0) * (c - u));
}

/* log Z: the laws of the landing are (e + G) / (S + (V - 1) G). */
static double log_z_of(const struct floored_task *asked, const struct floored *row, const struct landing *landing) {
    const double others = (double)(asked->rows.vocab - 1);
    double each[2] = {0, 0};
    for (int which = COND; which <= (asked->rows.ref.values ? REF : COND); which++) {
        const double rest = row->rest[which], ground = asked->share * (rest + asked->damping * row->own[which]);
        each[which] = log_of(rest + others * ground);
    }
    const double lost = asked->rows.ref.values ? each[COND] + row->weight * (each[COND] - each[REF]) : each[COND];
    return lift_of(asked, row, landing->high) + log_of(landing->total) - lost;
}

/* The token that `uniform` stands for, and its weight. */
static int64_t land(const struct floored_task *asked, const struct shelf *shelf, const struct floored *row,
                    const struct landing *landing, double uniform, double *weight) {
    const struct task *task = &asked->rows;
    const struct workspace *work = &shelf->work;
    float e[TILE];
    double before;
    const double target = target_of(uniform, landing->total);
    const int64_t t = tile_above(work, (task->vocab + TILE - 1) / TILE, target, &before);
    float ref = work->refs[t];
    weigh(task, shelf, row, t, e, &ref);
    const double factor = ref == landing->high ? 1 : exp(LN2 * ((double)ref - landing->high));
    const int column = first_above(e, padded(width(task, t)), (target - before) / factor);
    *weight = e[column] * factor;
    return t * TILE + column;
}

/* A row of both predictions that has not been looked at. Returns whether there is one. */
static int start_row(const struct floored_task *asked, int64_t number, int64_t present, struct floored *row) {
    const struct task *task = &asked->rows;
    const int guided = task->ref.values != NULL;
    const double weight = guided ? task->weight[number] : 0;
    *row = (struct floored){{task->cond.index[number], guided ? task->ref.index[number] : 0, (float)weight,
                             (float)(1 + weight)}, weight, number, present, asked->share == 0};
    if (row->pair.cond < 0 || row->pair.cond >= task->cond.count || present < 0 || present >= task->vocab) return 0;
    return !guided || (row->pair.ref >= 0 && row->pair.ref < task->ref.count);
}

/* Space for rows of a task; NULL in `work.sums` without memory, and `result` as in `workspace_of`. */
static struct shelf shelf_of(const struct task *task, int *result) {
    const int64_t spans = (task->vocab + SPAN - 1) / SPAN, columns = spans * SPAN;
    struct shelf shelf = {workspace_of(task, (task->vocab + TILE - 1) / TILE, result), {NULL, NULL}, {NULL, NULL}};
    if (*result) return shelf;
    float *space = aligned_alloc(64, (2 * columns + (2 * spans + LANES - 1) / LANES * LANES) * sizeof(float));
    if (!space) {
        *result = -2;
        return shelf;
    }
    shelf.e[COND] = space, shelf.e[REF] = space + columns;
    shelf.refs[COND] = space + 2 * columns, shelf.refs[REF] = shelf.refs[COND] + spans;
    return shelf;
}

static void put_away(struct shelf *shelf) {
    free(shelf->e[COND]);
    free(shelf->work.sums);
}
